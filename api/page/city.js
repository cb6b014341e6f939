// What is known of the city: one look at the API, then what the stream brings.

import { ask, isClosed } from "./ask.js";
import { lookAtSession, session } from "./session.js";

const HISTORY = 60, ANOMALIES = 200, REFRESH_MS = 60_000, AGAIN_MS = 2000, RATE_MS = 10_000;

export const city = {
  sites: new Map(), sensors: new Map(), quantities: new Map(), gateways: new Map(), anomalies: new Map(),
  latest: new Map(), // "sensor/quantity" → the newest reading, with the values since the page was opened
  air: new Map(), // site → its VN_AQI of the hour
  settings: {}, link: "opening", account: null,
};
const arrivals = [], listeners = new Set();

export const onChange = (listener) => listeners.add(listener);
const changed = () => { for (const listener of listeners) listener(); };

export function readingsPerSecond() {
  const now = Date.now();
  while (arrivals.length && arrivals[0][0] < now - RATE_MS) arrivals.shift();
  return arrivals.reduce((sum, [, count]) => sum + count, 0) / (RATE_MS / 1000);
}

export const isOpen = (anomaly) => anomaly.end_ms === null || anomaly.end_ms === undefined;
export const openAnomalies = () => [...city.anomalies.values()].filter(isOpen);
export const newestFirst = (anomalies) => [...anomalies].sort((a, b) => b.start_ms - a.start_ms);

const RANKS = ["critical", "warning", "info"];
export const worst = (anomalies) => RANKS.find((rank) => anomalies.some((one) => one.severity === rank)) ?? "";

export function siteMean(site, quantity) {
  const values = [...city.latest.values()].filter((one) => one.site === site && one.quantity === quantity).map((one) => one.value);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
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
  }
  if (isNews) arrivals.push([Date.now(), readings.length]);
}

export function takeAnomalies(list) {
  for (const one of list) city.anomalies.set(one.id, { acknowledged: null, ...city.anomalies.get(one.id), ...one });
  for (const one of newestFirst(city.anomalies.values()).slice(ANOMALIES)) city.anomalies.delete(one.id);
  changed();
}

const byName = (items, key) => new Map(items.map((item) => [item[key], item]));

export async function look() {
  const found = await ask("v1/overview");
  city.sites = byName(found.sites, "id");
  city.sensors = byName(found.sensors, "id");
  city.gateways = byName(found.gateways, "id");
  city.quantities = byName(found.quantities, "name");
  city.settings = found.map ?? {};
  city.version = found.version;
  take(found.latest, false);
  takeAnomalies(found.anomalies);
}

let refused = () => {};
export const onRefused = (handler) => { refused = handler; };

async function lookAtTheAir() {
  city.air = byName((await ask("v1/aqi")).items, "id");
  changed();
}

// The stream tells an anomaly again, unchanged, when somebody took note of it: the note itself is the API's to tell.
async function hearAnomalies(list) {
  const noted = list.some((one) => { const known = city.anomalies.get(one.id); return known && known.end_ms === one.end_ms && known.score === one.score && known.text === one.text; });
  takeAnomalies(list);
  if (noted) await quietly(async () => takeAnomalies((await ask(`v1/anomalies?limit=${ANOMALIES}`)).items));
}

// What is asked in the background: a closed door is told, anything else is tried again by itself.
async function quietly(question) {
  try {
    await question();
    return true;
  } catch (error) {
    if (isClosed(error)) { city.link = "shut"; changed(); refused(); return false; }
    console.warn("halong:", error.message);
    if (city.link === "shut") setTimeout(refresh, AGAIN_MS);
    return false;
  }
}

export async function refresh() {
  if (!(await quietly(look))) return;
  if (city.link === "shut") { city.link = "opening"; listen(); }
  quietly(lookAtTheAir);
  if (!session.known) quietly(async () => { await lookAtSession(); changed(); });
}

function listen() {
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
    city.link = ended ? "shut" : "away";
    changed();
    if (ended) setTimeout(refresh, AGAIN_MS); // refused: the answer to the next question says why
  });
  hear("readings", (readings) => {
    take(readings, true);
    changed();
    if (readings.some((reading) => !city.sensors.has(reading.sensor))) refresh();
  });
  hear("anomaly", hearAnomalies);
  hear("reset", refresh);
  return stream;
}

export async function start() {
  city.link = "shut"; // until the first look has shown that the door is open
  await refresh();
  setInterval(refresh, REFRESH_MS);
}
