// One site: every sensor with its newest values, and the alarms there.

import { alarmLine } from "./alarm_line.js";
import { byUrgency, city, sensorsOf } from "./city.js";
import { airChip } from "./city_view.js";
import { keyed, mark, node, shape, write } from "./dom.js";
import { ago, amount, share, title, unitOf, word } from "./words.js";

const FEW = 5, FLAGGED = 4 | 8 | 16 | 32 | 64 | 256 | 512; // range, spike, stuck, calibrating, fault, unusual, unwell

export function open(host, id) {
  const name = node("h2", {}), chip = airChip("VN_AQI "), ledger = node("small", { class: "note" }), back = node("a", { href: "#/" }), list = node("div", { class: "sensors" });
  const alarmsHeading = node("h2", { id: "alarms-title" }), alarms = node("ol", { class: "alarms wide" }), nothing = node("p", { class: "empty-state" });
  host.append(
    node("section", { class: "panel" }, node("div", { class: "bar" }, name, chip, ledger, back), list),
    node("section", { class: "panel", "aria-labelledby": "alarms-title" }, alarmsHeading, alarms, nothing));

  function update() {
    const site = city.sites.get(id), row = city.ledger.get(id), sensors = sensorsOf(id);
    write(back, word("back"));
    write(name, site?.name ?? word("noSite"));
    if (site) chip.show(site);
    write(ledger, row && row.completeness !== null ? `${share(row.completeness)} ${word("isComplete")}, ${word("lastDay")}` : "");
    keyed(list, sensors, (sensor) => sensor.id, sensorRow, (element, sensor) => element.show(sensor));
    write(alarmsHeading, word("alarms"));
    const own = byUrgency(city.alarms.values()).filter((one) => one.site === id);
    keyed(alarms, own, (one) => one.id, () => alarmLine(), (element, one) => element.show(one));
    write(nothing, own.length ? "" : word("noneOpen"));
  }
  return { update, close() {} };
}

function sensorRow(sensor) {
  const link = node("a", { href: `#/sensor/${sensor.id}` }), age = node("small", {}), values = node("div", { class: "values" });
  const row = node("article", { class: "sensor", "data-sensor": sensor.id }, node("h3", {}, link, age), values);
  row.show = (now) => {
    const silent = now.state === "silent";
    const latest = now.quantities.map((quantity) => city.latest.get(`${now.id}/${quantity.name}`)).filter(Boolean);
    const newest = latest.length ? Math.max(...latest.map((reading) => reading.t)) : null;
    write(link, now.name);
    write(age, [silent ? word("silent") : "", newest === null ? word("never") : ago(newest)].filter(Boolean).join(" · "));
    mark(row, { silent });
    keyed(values, latest, (reading) => reading.quantity, valueCell, (cell, reading) => cell.show(reading));
  };
  return row;
}

function valueCell(first) {
  const label = node("span", {}), figure = node("b", {}), unit = node("small", {}), line = shape("polyline", {});
  const spark = shape("svg", { viewBox: "0 0 52 18", "aria-hidden": "true" }, line);
  const cell = node("div", { class: "value", "data-series": `${first.sensor}/${first.quantity}` }, label, node("p", {}, figure, unit), spark);
  let drawn = null;
  cell.show = (reading) => {
    const quantity = city.quantities.get(reading.quantity);
    write(label, title(quantity) || reading.quantity);
    write(figure, amount(quantity, reading.value));
    write(unit, unitOf(quantity) ? ` ${unitOf(quantity)}` : "");
    mark(cell, { flagged: reading.flags & FLAGGED });
    if (drawn === reading.t) return;
    drawn = reading.t;
    const low = Math.min(...reading.history), span = Math.max(...reading.history) - low || 1;
    line.setAttribute("points", reading.history.length < FEW ? "" : reading.history.map((value, i) => `${((i / (reading.history.length - 1)) * 52).toFixed(1)},${(17 - ((value - low) / span) * 16).toFixed(1)}`).join(" "));
  };
  return cell;
}
