// Alarms: what is unusual, why, who looks after it and what was said about it.

import { ask } from "./ask.js";
import { city, isOpen, newestFirst, takeAnomalies } from "./city.js";
import { keyed, mark, node, write } from "./dom.js";
import { mayOperate } from "./session.js";
import { isVietnamese, moment, word } from "./words.js";

const COMMENT_CHARACTERS = 1000;
const CITY = new Set(["spike", "regime", "unusual", "limit"]); // the rest is a sensor, a gateway or a clock that is not well

export const person = (who) => who.replace(/ \([0-9a-f]{12}\)$/, ""); // without the number of the key

export function alarmLine() {
  const when = node("time", {}), text = node("p", {}), kind = node("small", {}), link = node("a", {}), known = node("small", { class: "known-by" });
  const care = node("button", { type: "button", class: "care", on: { click: acknowledge } });
  const open = node("button", { type: "button", class: "open-notes", "aria-expanded": "false", on: { click: toggle } });
  const notes = notesOf(() => item.shown), wrong = node("p", { class: "wrong", role: "alert" });
  const item = node("li", {}, when, text, node("footer", {}, link, kind, known, node("span", { class: "actions" }, open, care)), wrong, notes.element);

  async function acknowledge() {
    try {
      write(wrong, "");
      takeAnomalies([await ask(`v1/anomalies/${item.shown.id}/acknowledge`, { method: "POST", body: {} })]);
      if (!notes.element.hidden) await notes.look();
    } catch (error) {
      write(wrong, `${word("failed")}: ${error.message}`);
    }
  }

  async function toggle() {
    notes.element.hidden = !notes.element.hidden;
    open.setAttribute("aria-expanded", String(!notes.element.hidden));
    if (!notes.element.hidden) await notes.look();
  }

  item.show = (one) => {
    item.shown = one;
    item.dataset.id = one.id;
    write(when, `${word("since")} ${moment(one.start_ms)}${isOpen(one) ? "" : ` ${word("until")} ${moment(one.end_ms)}`}`);
    write(text, isVietnamese() ? one.text_vi : one.text);
    write(link, city.sensors.get(one.sensor)?.name ?? one.sensor);
    link.href = city.sensors.has(one.sensor) ? `#/sensor/${one.sensor}${one.quantity ? `?quantity=${one.quantity}` : ""}` : "#/fleet";
    write(kind, word(CITY.has(one.kind) ? "cityEvent" : "sensorFault"));
    const by = one.acknowledged;
    write(known, by ? `✓ ${word("acknowledgedBy")} ${person(by.who)}, ${moment(Date.parse(by.time))}` : "");
    write(care, word("lookAfter"));
    care.hidden = !isOpen(one) || Boolean(by) || !mayOperate();
    write(open, word("comments"));
    notes.update();
    mark(item, { over: !isOpen(one), known: by, critical: one.severity === "critical", warning: one.severity === "warning", info: one.severity === "info" });
  };
  return item;
}

// What was said about an anomaly; looked up when it is opened.
function notesOf(anomaly) {
  let said = null;
  const list = node("ol", { class: "said" }), nothing = node("p", { class: "note" }), viewer = node("p", { class: "note" }), wrong = node("p", { class: "wrong", role: "alert" });
  const field = node("textarea", { rows: "2", maxlength: String(COMMENT_CHARACTERS), required: true }), send = node("button", { type: "submit" });
  const form = node("form", { on: { submit } }, field, send);
  const element = node("div", { class: "notes" }, list, nothing, form, viewer, wrong);
  element.hidden = true;

  async function submit(event) {
    event.preventDefault();
    await say(() => ask(`v1/anomalies/${anomaly().id}/comments`, { method: "POST", body: { comment: field.value } }), () => { field.value = ""; });
  }

  async function say(question, done = () => {}) {
    try {
      write(wrong, "");
      said = (await question()).comments;
      done();
      update();
    } catch (error) {
      write(wrong, `${word("failed")}: ${error.message}`);
    }
  }

  function update() {
    if (element.hidden) return;
    keyed(list, (said ?? []).map((one, i) => [i, one]), ([i]) => i, () => node("li", {}, node("small", {}), node("p", {})), (row, [, one]) => {
      write(row.firstChild, `${moment(Date.parse(one.time))} · ${person(one.who)}${one.acknowledges ? ` · ${word("acknowledged")}` : ""}`);
      write(row.lastChild, one.comment);
    });
    write(nothing, said && !said.length ? word("noComments") : "");
    form.hidden = !mayOperate();
    write(viewer, mayOperate() ? "" : word("asViewer"));
    field.setAttribute("aria-label", word("writeComment"));
    field.placeholder = word("writeComment");
    write(send, word("send"));
  }
  return { element, update, look: () => say(() => ask(`v1/anomalies/${anomaly().id}`)) };
}

export function open(host) {
  let onlyOpen = true, site = "";
  const heading = node("h2", {}), list = node("ol", { class: "alarms wide", id: "alarms" }), nothing = node("p", { class: "note" });
  const which = node("div", { class: "segments", role: "group" });
  const sites = node("select", { on: { change: () => { site = sites.value; update(); } } });
  host.append(node("section", { class: "panel" }, node("div", { class: "bar" }, heading, which, sites), list, nothing));

  function update() {
    write(heading, word("alarms"));
    keyed(which, [true, false], String, (wanted) => node("button", { type: "button", on: { click: () => { onlyOpen = wanted; update(); } } }), (button, wanted) => {
      write(button, word(wanted ? "onlyOpen" : "everything"));
      button.setAttribute("aria-pressed", String(wanted === onlyOpen));
    });
    which.setAttribute("aria-label", word("state"));
    sites.setAttribute("aria-label", word("site"));
    keyed(sites, [{ id: "", name: word("all") }, ...city.sites.values()], (one) => one.id, (one) => node("option", { value: one.id }), (option, one) => write(option, one.name));
    const shown = newestFirst(city.anomalies.values()).filter((one) => (!onlyOpen || isOpen(one)) && (!site || one.site === site));
    keyed(list, shown, (one) => one.id, () => alarmLine(), (element, one) => element.show(one));
    write(nothing, shown.length ? "" : word("none"));
  }
  return { update, close() {} };
}
