// What is known of the city: one look at the API, then what the stream brings.

import { ask, isClosed } from "./ask.js";
import { lookAtSession, session } from "./session.js";
import { setTheClock } from "./words.js";

const HISTORY = 60, CLOSED = 200, REFRESH_MS = 60_000, AGAIN_MS = 2000, RATE_MS = 10_000;

export const city = {
  sites: new Map(), sensors: new Map(), quantities: new Map(), gateways: new Map(), alarms: new Map(),
  latest: new Map(), // "sensor/quantity" → the newest reading, with the values since the page was opened
  air: new Map(), // site → its VN_AQI of the hour
  ledger: new Map(), // site → what of the last 24 hours was expected and is stored
  settings: {}, link: "opening", version: "",
};
const arrivals = [], listeners = new Set(), callers = new Set();

export const onChange = (listener) => listeners.add(listener);
export const onCall = (caller) => callers.add(caller); // alarms that are news to this page, as they come
const changed = () => { for (const listener of listeners) listener(); };

export function readingsPerSecond() {
  const now = Date.now();
  while (arrivals.length && arrivals[0][0] < now - RATE_MS) arrivals.shift();
  return arrivals.reduce((sum, [, count]) => sum + count, 0) / (RATE_MS / 1000);
}

const RANKS = ["critical", "warning", "info"];
export const rank = (severity) => RANKS.indexOf(severity);
export const worst = (alarms) => RANKS.find((name) => alarms.some((one) => one.severity === name)) ?? "";
export const isOpen = (alarm) => alarm.state !== "closed";
export const openAlarms = () => [...city.alarms.values()].filter(isOpen);
// What is open and nobody looks after first, the gravest and newest of them at the top; what is over last.
export const byUrgency = (alarms) => [...alarms].sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || (isOpen(a) ? Number(Boolean(a.acknowledged)) - Number(Boolean(b.acknowledged)) || rank(a.severity) - rank(b.severity) : 0) || b.start_ms - a.start_ms);

export const sensorsOf = (site) => [...city.sensors.values()].filter((sensor) => sensor.site === site);
const BROKEN = 4 | 16 | 32 | 64 | 512 | 1024; // flags: impossible, stuck, calibrating, out of order, unwell, declared invalid
// Of the sensors of a site that still speak, and can be believed; a mean of levels is one of energy.
export function siteMean(site, quantity) {
  const values = sensorsOf(site).filter((sensor) => sensor.state !== "silent").map((sensor) => city.latest.get(`${sensor.id}/${quantity}`)).filter((latest) => latest && !(latest.flags & BROKEN)).map((latest) => latest.value);
  if (!values.length) return null;
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  return city.quantities.get(quantity)?.aggregate === "energy_mean" ? 10 * Math.log10(mean(values.map((value) => 10 ** (value / 10)))) : mean(values);
}

function take(readings, isNews) {
  for (const reading of readings) {
    const key = `${reading.sensor}/${reading.quantity}`;
    const known = city.latest.get(key);
    if (known && known.t >= reading.t) continue;
    const history = known?.history ?? [];
    history.push(reading.value);
    if (history.length > HISTORY) history.shift();
    city.latest.set(key, { ...reading, history });
    if (isNews && city.sensors.has(reading.sensor)) city.sensors.get(reading.sensor).state = "ok";
  }
  if (isNews) arrivals.push([Date.now(), readings.length]);
}

// The stream gives who looks after an alarm as a moment and a name, the API as one object.
const shaped = (one) => ({ ...one, acknowledged: one.acknowledged ?? (one.acknowledged_ms ? { time: new Date(one.acknowledged_ms).toISOString(), who: one.acknowledged_by } : null) });

export function takeAlarms(list) {
  const news = [];
  for (const one of list.map(shaped)) {
    const known = city.alarms.get(one.id);
    if (isOpen(one) && (!known || rank(one.severity) < rank(known.severity))) news.push(one);
    city.alarms.set(one.id, one);
  }
  const closed = [...city.alarms.values()].filter((one) => !isOpen(one)).sort((a, b) => b.start_ms - a.start_ms);
  for (const one of closed.slice(CLOSED)) city.alarms.delete(one.id);
  return news;
}

export function tell(list) {
  takeAlarms(list);
  changed();
}

const byName = (items, key) => new Map(items.map((item) => [item[key], item]));
let looked = false, hearing = false;

export async function look() {
  const sent = Date.now(), found = await ask("v1/overview");
  setTheClock(Date.parse(found.time), (sent + Date.now()) / 2);
  if (city.version && city.version !== found.version && !document.activeElement?.matches("input, select, textarea")) {
    location.reload(); // another release of the hub has another page; nobody stands before a wall screen to ask for it
    return;
  }
  city.sites = byName(found.sites, "id");
  city.sensors = byName(found.sensors, "id");
  city.gateways = byName(found.gateways, "id");
  city.quantities = byName(found.quantities, "name");
  city.settings = found.map ?? {};
  city.version = found.version;
  take(found.latest, false);
  const current = new Set(found.alarms.map((one) => one.id));
  for (const one of openAlarms()) if (!current.has(one.id)) city.alarms.delete(one.id); // over, and no longer among the newest
  call(takeAlarms(found.alarms));
  looked = true;
  changed();
}

function call(news) {
  if (looked) for (const caller of callers) caller(news);
}

let refused = () => {};
export const onRefused = (handler) => { refused = handler; };

async function lookAtTheAir() {
  city.air = byName((await ask("v1/aqi")).items, "id");
  changed();
}

async function lookAtTheLedger() {
  city.ledger = byName((await ask("v1/completeness?by=site&per=range")).items, "site");
  changed();
}

// What is asked in the background: a closed door is told, anything else is tried again by itself.
async function quietly(question) {
  try {
    await question();
    return true;
  } catch (error) {
    if (isClosed(error)) { city.link = "shut"; changed(); refused(); return false; }
    console.warn("halong:", error.message);
    if (!hearing) setTimeout(refresh, AGAIN_MS);
    return false;
  }
}

export async function refresh() {
  if (await quietly(look)) more();
}

// Beyond the first look: the stream, the air, the ledger, who we are.
export function more() {
  if (!looked) return;
  if (!hearing) listen();
  quietly(lookAtTheAir);
  quietly(lookAtTheLedger);
  if (!session.known) quietly(async () => { await lookAtSession(); changed(); });
}

function listen() {
  hearing = true;
  city.link = "opening";
  const stream = new EventSource("v1/stream");
  const hear = (kind, handle) => stream.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
  stream.addEventListener("open", () => {
    const again = city.link === "away";
    city.link = "live";
    changed();
    if (again) refresh();
  });
  stream.addEventListener("error", () => {
    const ended = stream.readyState === EventSource.CLOSED;
    city.link = "away";
    if (ended) { hearing = false; setTimeout(refresh, AGAIN_MS); } // refused: the answer to the next question says why
    changed();
  });
  hear("readings", (readings) => {
    take(readings, true);
    changed();
    if (readings.some((reading) => !city.sensors.has(reading.sensor))) refresh();
  });
  hear("anomaly", (anomalies) => {
    for (const one of anomalies) if (one.kind === "silence" && city.sensors.has(one.sensor)) city.sensors.get(one.sensor).state = one.end_ms === null ? "silent" : "ok";
    changed();
  });
  hear("alarm", (alarms) => { call(takeAlarms(alarms)); changed(); });
  hear("reset", refresh);
}

export async function start() {
  await quietly(look);
  setInterval(refresh, REFRESH_MS);
}
