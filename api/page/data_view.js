// Completeness as a calendar: a row for each site, or for each sensor of one, a cell for each day, from the API's ledger.

import { ask } from "./ask.js";
import { city } from "./city.js";
import { GRADES, gradeOf, midnight, summed, told } from "./completeness.js";
import { keyed, node, write } from "./dom.js";
import { day, now, weekdayAndDate, whole, word } from "./words.js";

const DAY_MS = 86_400_000, AGAIN_MS = 60_000, DAYS = [7, 14, 30], WHOLE = "*"; // the row of everything

export function open(host) {
  let days = 14, site = "", cells = new Map(), rows = [], asked = 0, shown = "", failed = "", pointed = "", opened = 0;
  const heading = node("h2", {}), ranges = node("div", { class: "segments", role: "group" });
  const sites = node("select", { on: { change: () => { site = sites.value; update(); } } });
  const head = node("tr", {}), body = node("tbody", {}), table = node("table", { class: "calendar", id: "calendar" }, node("thead", {}, head), body);
  const scroller = node("div", { class: "scroll" }, table);
  const detail = node("p", { class: "detail", id: "detail", "aria-live": "polite" }), key = node("p", { class: "key" }), aside = quarantinePanel();
  host.append(node("section", { class: "panel" }, node("div", { class: "bar" }, heading, ranges, sites), scroller, detail, key), aside.element);
  for (const event of ["pointerover", "focusin"]) body.addEventListener(event, ({ target }) => { const cell = target.closest("button"); if (cell) write(detail, pointed = cell.getAttribute("aria-label")); });
  body.addEventListener("keydown", move);

  async function look() {
    const mine = ++asked, start = midnight(now()) - (days - 1) * DAY_MS, by = site ? "sensor" : "site";
    try {
      const found = await ask(`v1/completeness?by=${by}&per=day&start=${start}${site ? `&site=${encodeURIComponent(site)}` : ""}`);
      if (mine !== asked) return;
      const byDay = grouped(found.items);
      cells = new Map([...found.items.map((item) => [`${item[by]} ${item.t}`, item]), ...[...byDay].map(([t, items]) => [`${WHOLE} ${t}`, summed(items)])]);
      rows = [{ id: WHOLE }, ...(site ? [...city.sensors.values()].filter((one) => one.site === site) : [...city.sites.values()])];
      failed = "";
    } catch (error) {
      if (mine === asked) failed = `${word("failed")}: ${error.message}`;
    }
    if (mine !== asked) return;
    update();
    if (opened !== days) { opened = days; scroller.scrollLeft = scroller.scrollWidth; } // today first, on a narrow screen
  }

  function move(event) {
    const cell = event.target.closest("button"), row = cell?.closest("tr");
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!row || !step) return;
    event.preventDefault();
    const other = body.children[[...body.children].indexOf(row) + step[0]];
    other?.children[[...row.children].indexOf(cell.parentElement) + step[1]]?.querySelector("button")?.focus();
  }

  function update() {
    const first = midnight(now()) - (days - 1) * DAY_MS, columns = Array.from({ length: days }, (_, i) => first + i * DAY_MS);
    write(heading, word("completeness"));
    keyed(ranges, DAYS, String, (count) => node("button", { type: "button", on: { click: () => { days = count; update(); } } }), (button, count) => {
      write(button, `${count} ${word("days")}`);
      button.setAttribute("aria-pressed", String(count === days));
    });
    ranges.setAttribute("aria-label", word("days"));
    sites.setAttribute("aria-label", word("site"));
    keyed(sites, [{ id: "", name: word("allSites") }, ...city.sites.values()], (one) => one.id, (one) => node("option", { value: one.id }), (option, one) => write(option, one.name));
    keyed(head, ["", ...columns], String, () => node("th", { scope: "col" }), (cell, at) => {
      if (!at) { write(cell, word(site ? "sensor" : "site")); return; }
      keyed(cell, weekdayAndDate(at), String, () => node("span", {}), (line, text) => write(line, text));
    });
    keyed(body, rows, (row) => row.id, calendarRow, (element, row) => element.show(row, columns));
    write(detail, failed || pointed || word(cells.size ? "pointAtDay" : "noLedgerYet"));
    keyed(key, [...GRADES.map(([, name]) => name), "empty"], String, (name) => node("span", {}, node("i", { class: name }), node("span", {})), (element, name) => write(element.lastChild, word(`grade_${name}`)));
    aside.update();
    const wanted = `${days}/${site}/${Math.floor(Date.now() / AGAIN_MS)}`;
    if (wanted !== shown) { shown = wanted; look(); aside.look(); }
  }

  function calendarRow(first) {
    const name = node("th", { scope: "row" }), row = node("tr", { "data-row": first.id }, name);
    if (first.id === WHOLE) name.append(node("b", {}));
    else if (site) name.append(node("a", { href: `#/sensor/${first.id}` }));
    else name.append(node("button", { type: "button", class: "plain", on: { click: () => { site = sites.value = first.id; update(); } } }));
    row.show = (now, columns) => {
      const label = now.id === WHOLE ? (site ? city.sites.get(site)?.name ?? site : word("wholeCity")) : now.name;
      write(name.firstChild, label);
      keyed(row, [0, ...columns], String, (at) => (at ? node("td", {}, node("button", { type: "button" })) : name), (cell, at) => {
        if (!at) return;
        const found = cells.get(`${now.id} ${at}`), button = cell.firstChild, share = found?.completeness;
        button.className = `${gradeOf(found)}${found?.estimated ? " estimated" : ""}${found?.lost ? " lost" : ""}`;
        write(button, share === null || share === undefined ? "" : String(Math.floor(share * 100)));
        button.setAttribute("aria-label", `${label}, ${day(at)}: ${told(found)}`);
      });
    };
    return row;
  }
  return { update, close() { asked++; } };
}

function grouped(items) {
  const days = new Map();
  for (const item of items) days.set(item.t, [...(days.get(item.t) ?? []), item]);
  return days;
}

// What was set aside instead of stored, newest first.
function quarantinePanel() {
  let found = null;
  const heading = node("h2", {}), body = node("tbody", {}), nothing = node("p", { class: "note" });
  const element = node("section", { class: "panel" }, heading, node("div", { class: "scroll" }, node("table", { class: "aside", id: "quarantine" }, body)), nothing);
  async function look() {
    try {
      found = await ask("v1/quarantine?state=open&limit=20");
    } catch (error) {
      found = { items: [], total: 0, refused: error.message }; // a key for some sites only is told so
    }
    update();
  }
  function update() {
    write(heading, word("quarantine"));
    keyed(body, found?.items ?? [], (one) => one.id, () => node("tr", {}, node("th", { scope: "row" }), node("td", {}), node("td", {}), node("td", {})), (row, one) => {
      [one.reason, one.detail ?? "", one.sensor || one.gateway || one.topic || "", `× ${whole(one.count ?? 1)}`].forEach((text, i) => write(row.children[i], text));
    });
    write(nothing, found?.refused ?? (found && !found.items.length ? word("nothingAside") : ""));
  }
  return { element, look, update };
}
