// What is known of the city: one look at the API, then what the stream brings.

const HISTORY = 60, ANOMALIES = 200, REFRESH_MS = 60_000, RATE_MS = 10_000;

export const city = {
  sites: new Map(), sensors: new Map(), quantities: new Map(), gateways: new Map(), anomalies: new Map(),
  latest: new Map(), // "sensor/quantity" → the newest reading, with the values since the page was opened
  air: new Map(), // site → its VN_AQI of the hour
  settings: {}, link: "opening", account: null,
};
const arrivals = [], listeners = new Set();

export const onChange = (listener) => listeners.add(listener);
const changed = () => { for (const listener of listeners) listener(); };

export class Refusal extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

export async function ask(path, { method = "GET", body } = {}) {
  const answer = await fetch(path, { method, headers: body ? { "Content-Type": "application/json" } : {}, body: body ? JSON.stringify(body) : undefined });
  const content = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(answer.status, content?.detail ?? `${path}: ${answer.status}`);
  return content;
}

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
  for (const one of list) city.anomalies.set(one.id, one);
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

export async function refresh() {
  try {
    await look();
    lookAtTheAir().catch((error) => console.warn("halong:", error.message));
  } catch (error) {
    if (error.status === 401 || error.status === 403) refused();
    else console.warn("halong:", error.message);
  }
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
    city.link = "away";
    changed();
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
  hear("readings", (readings) => {
    take(readings, true);
    changed();
    if (readings.some((reading) => !city.sensors.has(reading.sensor))) refresh();
  });
  hear("anomaly", takeAnomalies);
  hear("reset", refresh);
  return stream;
}

export async function start() {
  await refresh();
  listen();
  setInterval(refresh, REFRESH_MS);
}
