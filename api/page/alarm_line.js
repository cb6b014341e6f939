// One alarm: what, where, since when, who looks after it, what was said about it; and what an operator does about it.

import { ask } from "./ask.js";
import { city, isOpen, tell } from "./city.js";
import { keyed, mark, node, write } from "./dom.js";
import { mayOperate } from "./session.js";
import { isVietnamese, lasting, moment, now, word } from "./words.js";

const COMMENT_CHARACTERS = 1000, SENSORS = 3;
const VERDICTS = ["false", "known works", "other"], HOURS = [2, 8, 24, 168];

export const person = (who) => who.replace(/ \([0-9a-f]{12}\)$/, ""); // without the number of the key

export function alarmLine() {
  const rank = node("b", { class: "rank" }), state = node("span", { class: "chip" }), when = node("time", {}), text = node("p", {}), kind = node("small", {}), links = node("span", { class: "links" }), known = node("p", { class: "known-by" });
  const care = node("button", { type: "button", class: "care main", on: { click: () => act(`v1/alarms/${item.shown.id}/acknowledge`, {}) } });
  const notes = panel(notesOf(() => item.shown), "open-notes"), mute = panel(muteOf(() => item.shown), "open-mute");
  const wrong = node("p", { class: "wrong", role: "alert" });
  const item = node("li", {}, node("div", { class: "head" }, rank, state, when), text, node("footer", {}, links, kind, node("span", { class: "actions" }, notes.button, mute.button, care)), known, wrong, notes.element, mute.element);

  async function act(path, body) {
    try {
      write(wrong, "");
      tell([await ask(path, { method: "POST", body })]);
      if (!notes.element.hidden) await notes.look();
    } catch (error) {
      write(wrong, `${word("failed")}: ${error.message}`);
    }
  }

  item.show = (one) => {
    item.shown = one;
    item.dataset.id = one.id;
    const open = isOpen(one), by = one.acknowledged, operates = mayOperate();
    write(rank, word(one.severity));
    write(state, word(`state_${one.state}`));
    write(when, `${moment(one.start_ms)} · ${lasting((open ? now() : one.end_ms) - one.start_ms)}`);
    when.dateTime = new Date(one.start_ms).toISOString();
    write(text, isVietnamese() ? one.text_vi : one.text);
    keyed(links, one.sensors.slice(0, SENSORS), (id) => id, () => node("a", {}), (link, id) => {
      write(link, city.sensors.get(id)?.name ?? id);
      link.href = city.sensors.has(id) ? `#/sensor/${id}${one.quantity ? `?quantity=${one.quantity}` : ""}` : "#/fleet";
    });
    write(kind, [one.sensors.length > SENSORS ? `+ ${one.sensors.length - SENSORS}` : "", word(one.family === "city" ? "cityEvent" : "sensorFault")].filter(Boolean).join(" · "));
    write(known, by ? `✓ ${word("acknowledgedBy")} ${person(by.who)}, ${moment(Date.parse(by.time))}` : "");
    write(care, word("lookAfter"));
    care.hidden = !open || Boolean(by) || !operates;
    mute.button.hidden = !open || !operates;
    if (mute.button.hidden) mute.fold();
    write(notes.button, word("comments"));
    write(mute.button, word("noAlarm"));
    notes.update();
    mute.update();
    mark(item, { over: !open, known: by, critical: one.severity === "critical", warning: one.severity === "warning", info: one.severity === "info" });
  };
  return item;
}

// A part that a button opens and shuts.
function panel(part, name) {
  const button = node("button", { type: "button", class: name, "aria-expanded": "false", on: { click: () => fold(!part.element.hidden) } });
  part.element.hidden = true;
  async function fold(shut = true) {
    part.element.hidden = shut;
    button.setAttribute("aria-expanded", String(!shut));
    if (!shut) await part.look();
  }
  return { ...part, button, fold };
}

// What was said about an alarm; looked up when it is opened.
function notesOf(alarm) {
  let said = null;
  const list = node("ol", { class: "said" }), nothing = node("p", { class: "note" }), viewer = node("p", { class: "note" }), wrong = node("p", { class: "wrong", role: "alert" });
  const field = node("textarea", { rows: "2", maxlength: String(COMMENT_CHARACTERS), required: true }), send = node("button", { type: "submit" });
  const form = node("form", { on: { submit } }, field, send);
  const element = node("div", { class: "notes" }, list, nothing, form, viewer, wrong);

  async function submit(event) {
    event.preventDefault();
    await say(() => ask(`v1/alarms/${alarm().id}/comments`, { method: "POST", body: { comment: field.value } }), () => { field.value = ""; });
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
      write(row.firstChild, `${moment(Date.parse(one.time))} · ${person(one.who)}${one.acknowledges ? ` · ${word("state_acknowledged")}` : ""}`);
      write(row.lastChild, one.comment);
    });
    write(nothing, said && !said.length ? word("noComments") : "");
    form.hidden = !mayOperate();
    write(viewer, mayOperate() ? "" : word("asViewer"));
    field.setAttribute("aria-label", word("writeComment"));
    field.placeholder = word("writeComment");
    write(send, word("send"));
  }
  return { element, update, look: () => say(() => ask(`v1/alarms/${alarm().id}`)) };
}

// "It was none": its patterns are muted for a time, and the alarm ends.
function muteOf(alarm) {
  const why = node("p", { class: "note" }), verdict = node("select", { name: "verdict" }), hours = node("select", { name: "hours" }), reason = node("input", { name: "reason", maxlength: "500" });
  const send = node("button", { type: "submit" }), wrong = node("p", { class: "wrong", role: "alert" });
  const element = node("form", { class: "notes mute", on: { submit } }, why, verdict, hours, reason, send, wrong);

  async function submit(event) {
    event.preventDefault();
    try {
      write(wrong, "");
      await ask(`v1/alarms/${alarm().id}/mute`, { method: "POST", body: { verdict: verdict.value, hours: Number(hours.value), reason: reason.value } });
      write(why, word("mutedNow"));
      send.disabled = true;
      element.dispatchEvent(new Event("muted", { bubbles: true }));
    } catch (error) {
      write(wrong, `${word("failed")}: ${error.message}`);
    }
  }

  function update() {
    if (element.hidden) return;
    if (!send.disabled) write(why, word("muteWhy"));
    const options = (select, values, name) => keyed(select, values, String, (value) => node("option", { value }), (option, value) => write(option, name(value)));
    options(verdict, VERDICTS, (one) => word(`verdict_${one}`));
    options(hours, HOURS, (count) => lasting(count * 3_600_000));
    verdict.setAttribute("aria-label", word("verdict"));
    hours.setAttribute("aria-label", word("muteFor"));
    reason.setAttribute("aria-label", word("reason"));
    reason.placeholder = word("reason");
    write(send, word("mute"));
  }
  return { element, update, look: update };
}
