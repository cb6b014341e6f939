// The city at a glance: three answers, the map, what is wrong, and a card for every site.

import { alarmLine } from "./alarm_line.js";
import { bandName, ofIndex, ofPm25 } from "./air.js";
import { byUrgency, city, isOpen, openAlarms, sensorsOf, siteMean, worst } from "./city.js";
import { keyed, mark, node, write } from "./dom.js";
import { drawMap } from "./map.js";
import { verdicts } from "./verdict.js";
import { amount, unitOf, whole, word } from "./words.js";

const SHOWN = 30, JUST_CLOSED = 3;
const TOLD = [["pm25"], ["noise_laeq", "noise_level"], ["temperature"], ["vehicle_speed"]]; // of each the first that a site measures

export function open(host) {
  const strip = node("section", { class: "verdicts", id: "verdicts" });
  const mapHeading = node("h2", { id: "map-title" }), mapPanel = node("section", { class: "panel map", "aria-labelledby": "map-title" }, mapHeading);
  const alarmsHeading = node("h2", { id: "alarms-title" }), alarms = node("ol", { class: "alarms", id: "alarms", tabindex: "0", "aria-labelledby": "alarms-title" }), nothing = node("p", { class: "empty-state" });
  const sites = node("section", { class: "sites", id: "sites" }), nobody = node("p", { class: "empty-state" });
  host.append(strip, node("div", { class: "columns" }, mapPanel, node("section", { class: "panel" }, alarmsHeading, alarms, nothing)), nobody, sites);
  const map = drawMap(mapPanel), answers = verdicts(strip);

  function update() {
    strip.setAttribute("aria-label", word("atAGlance"));
    sites.setAttribute("aria-label", word("sites"));
    write(mapHeading, word("map"));
    write(alarmsHeading, word("alarms"));
    answers.update();
    map.update();
    let closed = 0;
    const shown = byUrgency(city.alarms.values()).filter((one) => isOpen(one) || closed++ < JUST_CLOSED).slice(0, SHOWN);
    keyed(alarms, shown, (one) => one.id, () => alarmLine(), (element, one) => element.show(one));
    write(nothing, shown.some(isOpen) ? "" : word("noneOpen"));
    write(nobody, city.sites.size ? "" : word("noSites"));
    const unwell = openAlarms();
    keyed(sites, [...city.sites.values()], (site) => site.id, siteCard, (card, site) => card.show(site, unwell.filter((one) => one.site === site.id)));
  }
  return { update, close: map.close };
}

// VN_AQI in its official colour; before there are hours enough for one, the dust of the moment, in outline only.
export function airChip(name = "") {
  const chip = node("small", { class: "chip" });
  chip.show = (site) => {
    const index = city.air.get(site.id)?.vn_aqi, known = index !== null && index !== undefined, dust = siteMean(site.id, "pm25");
    chip.hidden = !known && dust === null;
    if (chip.hidden) return;
    const band = known ? ofIndex(index) : ofPm25(dust);
    write(chip, known ? `${name}${index} · ${bandName(band)}` : bandName(band));
    chip.title = known ? `VN_AQI ${index}` : `PM2.5 ${Math.round(dust)} µg/m³, ${word("thisMoment")}`;
    Object.assign(chip.style, { background: known ? band.colour : "", color: known ? band.ink : "", borderColor: band.colour, borderStyle: known ? "" : "dashed" });
  };
  return chip;
}

function siteCard(first) {
  const link = node("a", { href: `#/site/${first.id}` }), chip = airChip(), values = node("dl", {}), well = node("small", {}), trouble = node("small", { class: "trouble" });
  const card = node("article", { class: "panel site", "data-site": first.id }, node("h3", {}, link, chip), values, node("p", {}, well, trouble));
  card.show = (site, alarms) => {
    write(link, site.name);
    chip.show(site);
    const told = TOLD.map((names) => names.map((name) => [name, siteMean(site.id, name)]).find(([, value]) => value !== null)).filter(Boolean);
    keyed(values, told, ([name]) => name, ([name]) => node("div", { "data-quantity": name }, node("dt", {}), node("dd", {}, node("b", {}), node("small", {}))), (cell, [name, value]) => {
      const quantity = city.quantities.get(name);
      write(cell.firstChild, word(`short_${name}`));
      write(cell.lastChild.firstChild, amount({ decimals: name === "temperature" ? 1 : 0 }, value));
      write(cell.lastChild.lastChild, unitOf(quantity) ? ` ${unitOf(quantity)}` : "");
    });
    const sensors = sensorsOf(site.id), atWork = sensors.filter((sensor) => sensor.state !== "silent").length;
    write(well, `${whole(atWork)}/${whole(sensors.length)} ${word("sensors")}`);
    write(trouble, alarms.length ? `${whole(alarms.length)} ${word(alarms.length === 1 ? "openOne" : "open")}` : "");
    const state = worst(alarms);
    mark(card, { critical: state === "critical", warning: state === "warning", short: atWork < sensors.length });
  };
  return card;
}
