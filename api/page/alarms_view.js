// Alarms: what is unusual, why, and what was said about it.

import { ask, city, isOpen, newestFirst, takeAnomalies } from "./city.js";
import { keyed, mark, node, write } from "./dom.js";
import { isVietnamese, moment, word } from "./words.js";

const HEALTH = new Set(["range", "stuck", "silence", "claim", "gateway", "drift", "gap", "zero", "noise", "unit", "rate", "clock"]);

export function alarmLine() {
  const when = node("time", {}), text = node("p", {}), about = node("small", {}), link = node("a", {});
  const button = node("button", { type: "button", on: { click: () => acknowledge(item.shown) } });
  const item = node("li", {}, when, text, node("footer", {}, link, about, button));
  item.show = (one) => {
    item.shown = one;
    item.dataset.id = one.id;
    write(when, `${word("since")} ${moment(one.start_ms)}${isOpen(one) ? "" : ` ${word("until")} ${moment(one.end_ms)}`}`);
    write(text, isVietnamese() ? one.text_vi : one.text);
    write(link, city.sensors.get(one.sensor)?.name ?? one.sensor);
    link.href = city.sensors.has(one.sensor) ? `#/sensor/${one.sensor}${one.quantity ? `?quantity=${one.quantity}` : ""}` : "#/fleet";
    const known = one.acknowledged ? ` · ${word("acknowledged")}${one.acknowledged_by ? ` ${word("by")} ${one.acknowledged_by}` : ""}` : "";
    write(about, `${HEALTH.has(one.kind) ? word("sensorFault") : word("cityEvent")}${known}`);
    write(button, word("acknowledge"));
    button.hidden = !isOpen(one) || one.acknowledged !== false;
    mark(item, { over: !isOpen(one), known: one.acknowledged, critical: one.severity === "critical", warning: one.severity === "warning", info: one.severity === "info" });
  };
  return item;
}

async function acknowledge(one) {
  try {
    takeAnomalies([await ask(`v1/anomalies/${one.id}/acknowledge`, { method: "POST", body: {} })]);
  } catch (error) {
    alert(`${word("failed")}: ${error.message}`);
  }
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
    sites.setAttribute("aria-label", word("site"));
    keyed(sites, [{ id: "", name: word("all") }, ...city.sites.values()], (one) => one.id, (one) => node("option", { value: one.id }), (option, one) => write(option, one.name));
    const shown = newestFirst(city.anomalies.values()).filter((one) => (!onlyOpen || isOpen(one)) && (!site || one.site === site));
    keyed(list, shown, (one) => one.id, () => alarmLine(), (element, one) => element.show(one));
    write(nothing, shown.length ? "" : word("none"));
  }
  return { update, close() {} };
}
