// One sensor: its newest values, a chart of a day, a week or a month, its port and its alarms.

import { alarmLine } from "./alarm_line.js";
import { ask } from "./ask.js";
import { drawChart } from "./chart.js";
import { byUrgency, city } from "./city.js";
import { keyed, node, write } from "./dom.js";
import { ago, amount, title, unitOf, word } from "./words.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000, FEW = 6; // windows; a day that has fewer begins with its last hour
const RANGES = [["lastHour", HOUR_MS, "PT10S", 10], ["lastDay", DAY_MS, "PT5M", 300], ["lastWeek", 7 * DAY_MS, "PT30M", 1800], ["lastMonth", 30 * DAY_MS, "PT2H", 7200]];
const AGAIN_MS = 30_000, CITY_OFFSET_MS = 7 * HOUR_MS;

export function open(host, id, query) {
  let chosen = query.get("quantity"), range = 1, free = true, chart = null, asked = 0, shown = "";
  const name = node("h2", {}), back = node("a", { href: "#/" }), facts = node("dl", { class: "facts" });
  const quantities = node("div", { class: "segments", role: "group" }), ranges = node("div", { class: "segments", role: "group" });
  const figure = node("p", { class: "now" }), canvas = node("div", { class: "chart", id: "chart" }), note = node("p", { class: "note" });
  const alarmsHeading = node("h2", {}), alarms = node("ol", { class: "alarms wide" }), nothing = node("p", { class: "note" });
  host.append(
    node("section", { class: "panel" }, node("div", { class: "bar" }, name, back), node("div", { class: "bar" }, quantities, ranges), figure, canvas, note),
    node("div", { class: "columns" }, node("section", { class: "panel" }, alarmsHeading, alarms, nothing), node("section", { class: "panel" }, facts)));

  const choose = (change) => () => { change(); shown = ""; update(); };

  async function draw(sensor) {
    const mine = ++asked;
    delete canvas.dataset.shown; // what is asked for now is not drawn yet
    const [label, span, window, step] = RANGES[range];
    const end = Math.ceil((Date.now() + CITY_OFFSET_MS) / (step * 1000)) * step * 1000 - CITY_OFFSET_MS, start = end - span; // as the API aligns its windows
    const where = `sensor=${encodeURIComponent(sensor.id)}&quantity=${chosen}&start=${start}&end=${end}&window=${window}`;
    try {
      const mean = city.quantities.get(chosen).aggregate;
      const own = await ask(`v1/aggregate?${where}&function=${mean}&function=min&function=max`);
      const past = await ask(`v1/anomalies?sensor=${encodeURIComponent(sensor.id)}&start=${start}&end=${end}`);
      if (mine !== asked) return;
      if (free && range === 1 && own.items.length && own.items.length < FEW) { free = false; range = 0; update(); return; }
      const places = Math.round(span / 1000 / step);
      const column = (name) => {
        const values = new Array(places).fill(null);
        for (const item of own.items) values[Math.round((item.t - start) / 1000 / step)] = item.values?.[name] ?? item.value;
        return values.slice(0, places);
      };
      chart?.close();
      canvas.replaceChildren();
      const quantity = city.quantities.get(chosen);
      write(note, own.items.length ? "" : word("noData"));
      if (!own.items.length) { chart = null; return; }
      const episodes = past.items.filter((one) => one.quantity === chosen || !one.quantity).map((one) => ({ from: one.start_ms / 1000, to: (one.end_ms ?? Date.now()) / 1000, severity: one.severity }));
      chart = drawChart(canvas, {
        data: { t: Array.from({ length: places }, (_, i) => start / 1000 + i * step), mean: column(mean), low: column("min"), high: column("max") },
        usual: null, episodes, unit: unitOf(quantity), decimals: quantity?.decimals ?? 1,
        labels: { mean: word(own.function), low: word("min"), high: word("max") },
      });
      canvas.dataset.shown = `${chosen} ${label}`;
    } catch (error) {
      if (mine === asked) write(note, `${word("failed")}: ${error.message}`);
    }
  }

  function update() {
    const sensor = city.sensors.get(id);
    write(back, word("back"));
    if (!sensor) { write(name, id); return; }
    chosen = sensor.quantities.some((one) => one.name === chosen) ? chosen : sensor.quantities[0]?.name;
    write(name, sensor.name);
    keyed(quantities, sensor.quantities, (one) => one.name, (one) => node("button", { type: "button", on: { click: choose(() => { chosen = one.name; }) } }), (button, one) => {
      write(button, title(city.quantities.get(one.name)) || one.name);
      button.setAttribute("aria-pressed", String(one.name === chosen));
    });
    keyed(ranges, RANGES.map(([label], i) => [label, i]), ([label]) => label, ([, i]) => node("button", { type: "button", on: { click: choose(() => { range = i; free = false; }) } }), (button, [label, i]) => {
      write(button, word(label));
      button.setAttribute("aria-pressed", String(i === range));
    });
    const latest = city.latest.get(`${id}/${chosen}`), quantity = city.quantities.get(chosen);
    write(figure, latest ? `${amount(quantity, latest.value)} ${unitOf(quantity)} · ${ago(latest.t)}` : word("never"));
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

function showFacts(host, sensor) {
  const gateway = city.gateways.get(sensor.gateway);
  const ports = gateway?.ports?.filter((port) => port.up) ?? [];
  const rows = [
    ["site", city.sites.get(sensor.site)?.name ?? sensor.site], ["state", word(sensor.state)], ["protocol", sensor.protocol], ["gateway", sensor.gateway],
    ["period", sensor.period_s ? `${sensor.period_s} s` : word("event")],
    ["place", sensor.latitude === null ? null : `${sensor.latitude.toFixed(4)}, ${sensor.longitude.toFixed(4)}`],
    ["health_title", ports.length && gateway ? `${ports.reduce((sum, port) => sum + port.frames, 0)} ${word("frames")}, ${ports.reduce((sum, port) => sum + port.bad, 0)} ${word("bad")}` : null],
  ].filter(([, text]) => text);
  keyed(host, rows, ([label]) => label, () => node("div", {}, node("dt", {}), node("dd", {})), (row, [label, text]) => {
    write(row.firstChild, word(label));
    write(row.lastChild, text);
  });
}
