// The ledger of one sensor: a cell for each hour of the last day, or for each day of a week or a month, and the sum.

import { ask } from "./ask.js";
import { gradeOf, midnight, told } from "./completeness.js";
import { keyed, node, write } from "./dom.js";
import { clock, day, now, word } from "./words.js";

const HOUR_MS = 3_600_000, DAY_MS = 24 * HOUR_MS, AGAIN_MS = 60_000;

export function ledgerStrip(sensor) {
  let items = [], whole = null, shown = "", asked = 0, failed = "";
  const heading = node("h2", { id: "ledger-title" }), cells = node("div", { class: "strip", id: "ledger" }), sum = node("p", { class: "detail" }), detail = node("p", { class: "note", "aria-live": "polite" });
  const element = node("section", { class: "panel", "aria-labelledby": "ledger-title" }, heading, cells, sum, detail);
  for (const event of ["pointerover", "focusin"]) cells.addEventListener(event, ({ target }) => { const cell = target.closest("button"); if (cell) write(detail, cell.getAttribute("aria-label")); });

  async function look(span) {
    const mine = ++asked, where = `v1/completeness?sensor=${encodeURIComponent(sensor)}`, start = span > DAY_MS ? `&start=${midnight(now()) - span + DAY_MS}` : "";
    try {
      const [parts, all] = await Promise.all([ask(`${where}&per=${span > DAY_MS ? "day" : "hour"}${start}`), ask(`${where}&per=range${start}`)]);
      if (mine !== asked) return;
      [items, whole, failed] = [parts.items, all.items[0] ?? null, ""];
    } catch (error) {
      if (mine === asked) failed = `${word("failed")}: ${error.message}`;
    }
    if (mine === asked) draw(span);
  }

  function draw(span) {
    write(heading, word(span > DAY_MS ? "ledgerOfDays" : "ledgerOfHours"));
    const step = span > DAY_MS ? DAY_MS : HOUR_MS, newest = span > DAY_MS ? midnight(now()) : Math.floor(now() / HOUR_MS) * HOUR_MS;
    const count = Math.max(span, DAY_MS) / step, known = new Map(items.map((one) => [one.t, one]));
    keyed(cells, Array.from({ length: count }, (_, i) => newest - (count - 1 - i) * step), String, () => node("button", { type: "button" }), (button, at) => {
      const one = known.get(at);
      button.className = `${gradeOf(one)}${one?.estimated ? " estimated" : ""}${one?.lost ? " lost" : ""}`;
      button.setAttribute("aria-label", `${span > DAY_MS ? day(at) : clock(at).slice(0, 5)}: ${told(one)}`);
    });
    write(sum, failed || (whole ? told(whole) : word("noLedgerYet")));
  }

  function update(span) {
    const wanted = `${span > DAY_MS ? span : 0}/${document.documentElement.lang}/${Math.floor(Date.now() / AGAIN_MS)}`;
    if (wanted === shown) return;
    shown = wanted;
    draw(span);
    look(span);
  }
  return { element, update };
}
