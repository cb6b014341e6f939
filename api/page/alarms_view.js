// Alarms: what people are called for, how this page calls them, and what is muted.

import { alarmLine } from "./alarm_line.js";
import { ask } from "./ask.js";
import { switchWay, wants } from "./callout.js";
import { byUrgency, city, isOpen, takeAlarms } from "./city.js";
import { keyed, node, write } from "./dom.js";
import { mayOperate } from "./session.js";
import { moment, now, title, word } from "./words.js";

const OLDER = 100, AGAIN_MS = 30_000;
const FAMILIES = ["", "city", "health"];

export function open(host) {
  let onlyOpen = true, site = "", family = "", exhausted = false;
  const heading = node("h2", {}), list = node("ol", { class: "alarms wide", id: "alarms" }), nothing = node("p", { class: "empty-state" }), wrong = node("p", { class: "wrong", role: "alert" });
  const which = node("div", { class: "segments", role: "group" }), calls = node("div", { class: "segments calls", role: "group" });
  const sites = node("select", { on: { change: () => { site = sites.value; update(); } } }), families = node("select", { on: { change: () => { family = families.value; update(); } } });
  const more = node("button", { type: "button", on: { click: older } }), muted = mutesPanel();
  host.append(node("section", { class: "panel", "aria-labelledby": "alarms-title" }, node("div", { class: "bar" }, heading, which, families, sites, calls), wrong, list, nothing, more), muted.element);
  heading.id = "alarms-title";

  async function older() {
    const closed = [...city.alarms.values()].filter((one) => !isOpen(one));
    const end = Math.min(now(), ...closed.map((one) => one.start_ms));
    try {
      const found = await ask(`v1/alarms?state=closed&end=${end}&limit=${OLDER}`);
      exhausted = found.next === null;
      takeAlarms(found.items);
    } catch (error) {
      write(wrong, `${word("failed")}: ${error.message}`);
    }
    update();
  }

  function choices(select, items, label) {
    select.setAttribute("aria-label", label);
    keyed(select, items, ([value]) => value, ([value]) => node("option", { value }), (option, [, name]) => write(option, name));
  }

  function update() {
    write(heading, word("alarms"));
    keyed(which, [true, false], String, (wanted) => node("button", { type: "button", on: { click: () => { onlyOpen = wanted; update(); } } }), (button, wanted) => {
      write(button, word(wanted ? "onlyOpen" : "everything"));
      button.setAttribute("aria-pressed", String(wanted === onlyOpen));
    });
    which.setAttribute("aria-label", word("state"));
    calls.setAttribute("aria-label", word("callMe"));
    keyed(calls, ["notify", "sound"], String, (way) => node("button", { type: "button", "data-way": way, on: { click: async () => { write(wrong, await switchWay(way)); update(); } } }), (button, way) => {
      write(button, word(way));
      button.title = word(`${way}Why`);
      button.setAttribute("aria-pressed", String(wants(way)));
    });
    choices(sites, [["", word("allSites")], ...[...city.sites.values()].map((one) => [one.id, one.name])], word("site"));
    choices(families, FAMILIES.map((name) => [name, word(`family_${name}`)]), word("family_"));
    const shown = byUrgency(city.alarms.values()).filter((one) => (!onlyOpen || isOpen(one)) && (!site || one.site === site) && (!family || one.family === family));
    keyed(list, shown, (one) => one.id, () => alarmLine(), (element, one) => element.show(one));
    write(nothing, shown.length ? "" : word(onlyOpen ? "noneOpen" : "noneEver"));
    write(more, word("older"));
    more.hidden = onlyOpen || exhausted;
    muted.update();
  }
  list.addEventListener("muted", muted.look);
  muted.look();
  return { update, close() {} };
}

// Patterns that raise no alarm, and their way back.
function mutesPanel() {
  let found = [], refused = "", asked = Date.now();
  const heading = node("h2", {}), list = node("ul", { class: "mutes", id: "mutes" }), nothing = node("p", { class: "note" });
  const element = node("section", { class: "panel", "aria-labelledby": "mutes-title" }, heading, list, nothing);
  heading.id = "mutes-title";

  async function look() {
    asked = Date.now();
    try {
      found = (await ask("v1/mutes")).items;
      refused = "";
    } catch (error) {
      refused = error.message; // a key for some sites only is told so
    }
    update();
  }

  async function unmute(one) {
    try {
      await ask(`v1/mutes/${one.id}`, { method: "DELETE" });
      await look();
    } catch (error) {
      write(nothing, `${word("failed")}: ${error.message}`);
    }
  }

  function update() {
    if (Date.now() - asked > AGAIN_MS) { look(); return; }
    write(heading, word("muted"));
    keyed(list, found, (one) => one.id, (one) => node("li", {}, node("span", {}), node("small", {}), node("button", { type: "button", on: { click: () => unmute(one) } })), (row, one) => {
      const [what, why, back] = row.children;
      write(what, [city.sensors.get(one.sensor)?.name ?? one.sensor, one.quantity ? title(city.quantities.get(one.quantity)) : "", one.kind ? word(`kind_${one.kind}`) : ""].filter(Boolean).join(" · "));
      write(why, [word(`verdict_${one.verdict}`), one.reason, `${word("until")} ${moment(Date.parse(one.until))}`].filter(Boolean).join(" · "));
      write(back, word("unmute"));
      back.hidden = !mayOperate();
    });
    write(nothing, refused || (found.length ? "" : word("nothingMuted")));
  }
  return { element, look, update };
}
