// One sensor: its newest values, a chart over what is usual, its ledger, how its frames do, its alarms.

import { alarmLine } from "./alarm_line.js";
import { ask } from "./ask.js";
import { drawChart } from "./chart.js";
import { byUrgency, city } from "./city.js";
import { keyed, node, write } from "./dom.js";
import { ledgerStrip } from "./ledger_strip.js";
import { ago, amount, now, title, unitOf, whole, word } from "./words.js";

const HOUR_MS = 3_600_000, DAY_MS = 24 * HOUR_MS, LEAD = 3, FEW = 24; // windows; a day that has fewer begins with its last hour
const RANGES = [["lastHour", HOUR_MS, 10], ["lastDay", DAY_MS, 300], ["lastWeek", 7 * DAY_MS, 1800], ["lastMonth", 30 * DAY_MS, 7200]]; // its windows, s
const WIDER = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400]; // for sensors that speak seldom: every window has a reading
const AGAIN_MS = 30_000, CITY_OFFSET_MS = 7 * HOUR_MS;

export function open(host, id, query) {
  let chosen = query.get("quantity"), range = 1, free = true, fresh = false, chart = null, asked = 0, shown = "";
  const name = node("h2", {}), site = node("a", {}), facts = node("dl", { class: "facts" });
  const quantities = node("div", { class: "segments", role: "group" }), ranges = node("div", { class: "segments", role: "group" });
  const figure = node("p", { class: "now" }), canvas = node("div", { class: "chart", id: "chart", role: "img" }), key = node("p", { class: "key" }), note = node("p", { class: "note" });
  const alarmsHeading = node("h2", { id: "alarms-title" }), alarms = node("ol", { class: "alarms wide" }), nothing = node("p", { class: "empty-state" });
  const factsHeading = node("h2", { id: "facts-title" }), ledger = ledgerStrip(id);
  host.append(
    node("section", { class: "panel" }, node("div", { class: "bar" }, name, site), node("div", { class: "bar" }, quantities, ranges), figure, canvas, key, note),
    ledger.element,
    node("div", { class: "columns" }, node("section", { class: "panel", "aria-labelledby": "alarms-title" }, alarmsHeading, alarms, nothing), node("section", { class: "panel", "aria-labelledby": "facts-title" }, factsHeading, facts)));

  const choose = (change) => () => { change(); shown = ""; update(); };

  async function draw(sensor) {
    const mine = ++asked;
    delete canvas.dataset.shown; // what is asked for now is not drawn yet
    const [label, span, finest] = RANGES[range], step = WIDER.find((s) => s >= finest && s >= 2 * (sensor.period_s || 0)) ?? 86_400, quantity = city.quantities.get(chosen);
    const end = Math.ceil((now() + CITY_OFFSET_MS) / (step * 1000)) * step * 1000 - CITY_OFFSET_MS, start = end - span, places = Math.round(span / 1000 / step); // as the API aligns its windows
    const of = `sensor=${encodeURIComponent(sensor.id)}`, during = `start=${start}&end=${end}`;
    try {
      const [own, past, usual, invalid, corrected] = await Promise.all([
        ask(`v1/aggregate?${of}&quantity=${chosen}&${during}&window=PT${step}S&function=${quantity.aggregate}&function=min&function=max`),
        ask(`v1/anomalies?${of}&${during}`),
        ask(`v1/sensors/${encodeURIComponent(sensor.id)}/usual?quantity=${chosen}&${during}`),
        unlessLimited(ask(`v1/validity?${of}`)), unlessLimited(ask(`v1/corrections?${of}`)),
      ]);
      if (mine !== asked) return;
      if (free && range === 1 && own.items.length && own.items.length < FEW) { free = false; fresh = true; range = 0; update(); return; }
      chart?.close();
      chart = null;
      canvas.replaceChildren();
      write(note, own.items.length ? "" : word("noData"));
      const periods = (list, kind) => list.filter((one) => !one.quantity || one.quantity === chosen).map((one) => ({ kind, from: Date.parse(one.start) / 1000, to: (one.end ? Date.parse(one.end) : end) / 1000 })).filter((one) => one.to > start / 1000 && one.from < end / 1000);
      // A city that has just begun shows what there is, not an hour of nothing before it.
      const empty = fresh && own.items.length ? Math.max(0, Math.min(...own.items.map((one) => Math.round((one.t - start) / 1000 / step))) - LEAD) : 0, from = start + empty * step * 1000;
      const found = {
        data: columns(own.items, quantity.aggregate, from, step, places - empty), usual: hourly(usual.items, from, step, places - empty),
        episodes: past.items.filter((one) => one.quantity === chosen || !one.quantity).map((one) => ({ from: one.start_ms / 1000, to: (one.end_ms ?? now()) / 1000, severity: one.severity, value: one.quantity === chosen ? one.value : null })),
        periods: [...periods(invalid, "invalid"), ...periods(corrected, "corrected")],
      };
      showKey(found);
      canvas.setAttribute("aria-label", [name.textContent, title(quantity), word(label), `${whole(found.episodes.length)} ${word("unusualTimes")}`].join(", "));
      if (!own.items.length) return;
      chart = drawChart(canvas, { ...found, step, unit: unitOf(quantity), decimals: quantity?.decimals ?? 1, labels: { mean: word(own.function), low: word("min"), high: word("max"), usual: word("usual"), time: word("time"), expected: word("expectedHere") } });
      canvas.dataset.shown = `${chosen} ${label}`;
    } catch (error) {
      if (mine === asked) write(note, `${word("failed")}: ${error.message}`);
    }
  }

  // What the colours mean, of those that are there.
  function showKey({ usual, episodes, periods }) {
    const kinds = ["spread", usual ? "usual" : "", episodes.length ? "unusual" : "", ...new Set(periods.map((one) => one.kind))].filter(Boolean);
    keyed(key, kinds, String, (kind) => node("span", {}, node("i", { class: `swatch-${kind}` }), node("span", {})), (element, kind) => write(element.lastChild, word(`key_${kind}`)));
    if (!usual && ["gauge", "level_db", "count", "rate"].includes(city.quantities.get(chosen)?.kind)) write(note, [note.textContent, word("usualLater")].filter(Boolean).join(" "));
  }

  function update() {
    const sensor = city.sensors.get(id);
    if (!sensor) { write(name, `${word("noSensor")} ${id}`); return; }
    write(site, `← ${city.sites.get(sensor.site)?.name ?? sensor.site}`);
    site.href = `#/site/${sensor.site}`;
    chosen = sensor.quantities.some((one) => one.name === chosen) ? chosen : (sensor.quantities.find((one) => one.name === "pm25") ?? sensor.quantities[0])?.name;
    write(name, sensor.name);
    quantities.setAttribute("aria-label", word("quantity"));
    ranges.setAttribute("aria-label", word("range"));
    keyed(quantities, sensor.quantities, (one) => one.name, (one) => node("button", { type: "button", on: { click: choose(() => { chosen = one.name; }) } }), (button, one) => {
      write(button, title(city.quantities.get(one.name)) || one.name);
      button.setAttribute("aria-pressed", String(one.name === chosen));
    });
    keyed(ranges, RANGES.map(([label], i) => [label, i]), ([label]) => label, ([, i]) => node("button", { type: "button", on: { click: choose(() => { range = i; free = fresh = false; }) } }), (button, [label, i]) => {
      write(button, word(label));
      button.setAttribute("aria-pressed", String(i === range));
    });
    const latest = city.latest.get(`${id}/${chosen}`), quantity = city.quantities.get(chosen);
    write(figure, latest ? `${amount(quantity, latest.value)} ${unitOf(quantity)} · ${ago(latest.t)}` : word("never"));
    ledger.update(RANGES[range][1]);
    write(factsHeading, word("device"));
    showFacts(facts, sensor);
    write(alarmsHeading, word("recent"));
    const own = byUrgency(city.alarms.values()).filter((one) => one.sensors.includes(id));
    keyed(alarms, own, (one) => one.id, () => alarmLine(), (element, one) => element.show(one));
    write(nothing, own.length ? "" : word("noneOpen"));
    const wanted = `${chosen}/${range}/${document.documentElement.lang}/${document.documentElement.dataset.theme}/${Math.floor(Date.now() / AGAIN_MS)}`;
    if (wanted !== shown && chosen) { shown = wanted; draw(sensor); }
  }
  return { update, close() { asked++; chart?.close(); } };
}

// A key that is limited to some sites is told nothing of these: nothing is marked then.
const unlessLimited = (question) => question.then((found) => found.items, (error) => { if (error.status === 403) return []; throw error; });

function columns(items, mean, start, step, places) {
  const column = (name) => {
    const values = new Array(places).fill(null);
    for (const item of items) values[Math.round((item.t - start) / 1000 / step)] = item.values?.[name] ?? item.value;
    return values.slice(0, places);
  };
  return { t: Array.from({ length: places }, (_, i) => start / 1000 + (i + 0.5) * step), mean: column(mean), low: column("min"), high: column("max") };
}

// What is usual, hour by hour, at the places of the chart; null where nothing is learned yet.
function hourly(items, start, step, places) {
  const hours = new Map(items.filter((one) => one.low !== null).map((one) => [Math.floor(one.t / HOUR_MS), one]));
  if (!hours.size) return null;
  const row = (name) => Array.from({ length: places }, (_, i) => hours.get(Math.floor((start + i * step * 1000) / HOUR_MS))?.[name] ?? null);
  return { low: row("low"), expected: row("expected"), high: row("high") };
}

function showFacts(host, sensor) {
  const gateway = city.gateways.get(sensor.gateway);
  const unwell = gateway?.unwell?.find((one) => one.sensor === sensor.id), unit = gateway?.ports.flatMap((port) => port.units).find((one) => one.sensor === sensor.id);
  const rows = [
    ["state", word(sensor.state)],
    ["frames", !gateway ? null : unwell ? `${word(`health_${unwell.health}`)}: ${whole(unwell.bad)} ${word("bad")}, ${whole(unwell.read)} ${word("readings")}` : gateway.online ? word("health_ok") : null],
    ["bus", unit ? `${whole(unit.asked)} ${word("asked")}, ${whole(unit.unanswered)} ${word("unanswered")}` : null],
    ["site", city.sites.get(sensor.site)?.name ?? sensor.site], ["protocol", sensor.protocol], ["gateway", sensor.gateway],
    ["period", sensor.period_s ? `${sensor.period_s} s` : word("event")],
    ["place", sensor.latitude === null ? null : `${sensor.latitude.toFixed(4)}, ${sensor.longitude.toFixed(4)}`],
  ].filter(([, text]) => text);
  keyed(host, rows, ([label]) => label, () => node("div", {}, node("dt", {}), node("dd", {})), (row, [label, text]) => {
    write(row.firstChild, word(label));
    write(row.lastChild, text);
  });
}
