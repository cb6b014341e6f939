// The city at a glance: figures, map, alarms, and a card for every site.

import { alarmLine } from "./alarms_view.js";
import { bandName, ofIndex, ofPm25 } from "./air.js";
import { city, newestFirst, openAnomalies, readingsPerSecond, siteMean } from "./city.js";
import { keyed, mark, node, shape, write } from "./dom.js";
import { drawMap } from "./map.js";
import { ago, amount, title, unitOf, whole, word } from "./words.js";

const SHOWN = 30, FEW = 5, FLAGGED = 4 | 8 | 16; // range, spike, stuck

export function open(host) {
  const figures = node("section", { class: "figures", id: "figures" });
  const mapPanel = node("section", { class: "panel map" }), heading = node("h2", {});
  mapPanel.append(heading);
  const alarmsHeading = node("h2", {}), alarms = node("ol", { class: "alarms", id: "anomalies" }), nothing = node("p", { class: "note" });
  const sites = node("section", { class: "sites", id: "sites" });
  host.append(figures, node("div", { class: "columns" }, mapPanel, node("section", { class: "panel" }, alarmsHeading, alarms, nothing)), sites);
  const map = drawMap(mapPanel);

  function update() {
    const unusual = openAnomalies();
    write(heading, word("map"));
    write(alarmsHeading, word("alarms"));
    showFigures(figures, unusual);
    map.update();
    const shown = newestFirst(city.anomalies.values()).slice(0, SHOWN);
    keyed(alarms, shown, (one) => one.id, () => alarmLine(), (element, one) => element.show(one));
    write(nothing, shown.length ? "" : word("none"));
    const silent = new Set(unusual.filter((one) => one.kind === "silence").map((one) => one.sensor));
    keyed(sites, [...city.sites.values()], (site) => site.id, siteCard, (card, site) => card.show(site, silent));
  }
  return { update, close: map.close };
}

function showFigures(host, unusual) {
  const silent = [...city.sensors.values()].filter((sensor) => sensor.state === "silent").length;
  const indices = [...city.air.values()].map((one) => one.vn_aqi).filter((value) => value !== null && value !== undefined);
  const figures = [
    ["sensors", whole(city.sensors.size)], ["silent", whole(silent), silent ? "warning" : ""], ["open", whole(unusual.length), unusual.length ? "warning" : ""],
    ["rate", whole(Math.round(readingsPerSecond()))], ["worst", indices.length ? String(Math.max(...indices)) : "–"],
  ];
  keyed(host, figures, ([name]) => name, () => node("div", { class: "figure" }, node("b", {}), node("span", {})), (element, [name, text, state]) => {
    write(element.firstChild, text);
    write(element.lastChild, word(name));
    mark(element, { warning: state === "warning" });
  });
}

function airChip(site) {
  const index = city.air.get(site.id)?.vn_aqi;
  if (index !== null && index !== undefined) return { band: ofIndex(index), text: `VN_AQI ${index}` };
  const dust = siteMean(site.id, "pm25");
  return dust === null ? null : { band: ofPm25(dust), text: `PM2.5 ${Math.round(dust)}`, dashed: true };
}

function siteCard(site) {
  const name = node("span", {}), chip = node("small", { class: "chip" }), list = node("div", {});
  const card = node("section", { class: "panel site", "data-site": site.id }, node("h2", {}, name, chip), list);
  card.show = (now, silent) => {
    write(name, now.name);
    const air = airChip(now);
    chip.hidden = !air;
    if (air) {
      write(chip, `${air.text} · ${bandName(air.band)}`);
      chip.style.background = air.dashed ? "" : air.band.colour;
      chip.style.color = air.dashed ? "" : air.band.ink;
      chip.style.borderColor = air.band.colour;
    }
    const sensors = [...city.sensors.values()].filter((sensor) => sensor.site === now.id);
    keyed(list, sensors, (sensor) => sensor.id, sensorRow, (row, sensor) => row.show(sensor, silent.has(sensor.id)));
  };
  return card;
}

function sensorRow(sensor) {
  const link = node("a", { href: `#/sensor/${sensor.id}` }), age = node("small", {}), values = node("div", { class: "values" });
  const row = node("article", { class: "sensor", "data-sensor": sensor.id }, node("h3", {}, link, age), values);
  row.show = (now, silent) => {
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
