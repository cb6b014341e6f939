// The live city: one look at the API, then what the stream brings. Uses only the public API; loads nothing from elsewhere.

const TEXTS = {
  vi: {
    subtitle: "số liệu cảm biến thành phố, trực tiếp", reference: "Tài liệu API", map: "Bản đồ", anomalies: "Bất thường",
    mapNote: "Sơ đồ vị trí theo toạ độ (± 500 m), không phải bản đồ địa chính. Số trong vòng tròn: bụi PM2.5 mới nhất, µg/m³.", other: "English",
    live: "trực tiếp", away: "mất kết nối, đang thử lại", opening: "đang kết nối",
    sensors: "cảm biến", silent: "im lặng", sites: "địa điểm", open: "bất thường đang mở", rate: "số liệu mỗi giây",
    none: "Chưa có gì bất thường.", never: "chưa có số liệu", ago: (s) => (s < 2 ? "vừa xong" : s < 120 ? `${s} giây trước` : `${Math.floor(s / 60)} phút trước`),
    since: "từ", until: "đến",
  },
  en: {
    subtitle: "the city's sensors, live", reference: "API reference", map: "Map", anomalies: "Anomalies",
    mapNote: "A schematic: places by their coordinates (± 500 m), not a map of record. In the circles: the newest PM2.5, µg/m³.", other: "Tiếng Việt",
    live: "live", away: "connection lost, trying again", opening: "connecting",
    sensors: "sensors", silent: "silent", sites: "sites", open: "open anomalies", rate: "readings per second",
    none: "Nothing unusual so far.", never: "no reading yet", ago: (s) => (s < 2 ? "just now" : s < 120 ? `${s} s ago` : `${Math.floor(s / 60)} min ago`),
    since: "since", until: "until",
  },
};
const SIGNS = { "ug/m3": "µg/m³", Cel: "°C", "%RH": "%", "%EL": "%", deg: "°", "W/m2": "W/m²", count: "" };
const HISTORY = 60, SHOWN = 40, REFRESH_MS = 30_000, FLAGGED = 4 | 8 | 16; // range, spike, stuck
const CITY_ZONE = "Asia/Ho_Chi_Minh";

const city = { sites: new Map(), sensors: new Map(), quantities: new Map(), latest: new Map(), anomalies: new Map() };
const arrivals = [];
let language = remembered() ?? (navigator.language.startsWith("vi") ? "vi" : "en");
let link = "opening", dirty = true;

function remembered() { try { return localStorage.getItem("language"); } catch { return null; } }
function remember(value) { try { localStorage.setItem("language", value); } catch { /* a browser that keeps nothing asks again */ } }
const byId = (id) => document.getElementById(id);
const locale = () => (language === "vi" ? "vi-VN" : "en-GB");

function node(tag, attributes = {}, ...children) {
  const element = attributes.svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (name !== "svg" && value !== null) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
const shape = (tag, attributes, ...children) => node(tag, { svg: true, ...attributes }, ...children);

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return (await answer.json()).items;
}

// What is known.

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
  dirty = true;
}

function takeAnomalies(list) {
  for (const one of list) city.anomalies.set(one.id, one);
  const oldest = [...city.anomalies.values()].sort((a, b) => b.start_ms - a.start_ms).slice(SHOWN * 3);
  for (const one of oldest) city.anomalies.delete(one.id);
  dirty = true;
}

async function look() {
  const [sites, sensors, quantities, latest, anomalies] = await Promise.all(
    ["v1/sites", "v1/sensors", "v1/quantities", "v1/latest", `v1/anomalies?limit=${SHOWN}`].map(get));
  city.sites = new Map(sites.map((site) => [site.id, site]));
  city.sensors = new Map(sensors.map((sensor) => [sensor.id, sensor]));
  city.quantities = new Map(quantities.map((quantity) => [quantity.name, quantity]));
  take(latest, false);
  takeAnomalies(anomalies);
}

function refresh() { look().catch((error) => console.warn("halong:", error.message)); }

function listen() {
  const stream = new EventSource("v1/stream");
  stream.addEventListener("open", () => { link = "live"; dirty = true; refresh(); });
  stream.addEventListener("error", () => {
    link = "away";
    dirty = true;
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
  stream.addEventListener("readings", (event) => {
    const readings = JSON.parse(event.data);
    take(readings, true);
    if (readings.some((reading) => !city.sensors.has(reading.sensor))) refresh();
  });
  stream.addEventListener("anomaly", (event) => takeAnomalies(JSON.parse(event.data)));
  stream.addEventListener("reset", refresh);
}

// What is shown.

const isOpen = (anomaly) => anomaly.end_ms === null || anomaly.end_ms === undefined;

function worst(anomalies) {
  for (const severity of ["critical", "warning", "info"]) if (anomalies.some((one) => one.severity === severity)) return severity;
  return "";
}

function amount(quantity, value) {
  const decimals = quantity?.decimals ?? 1;
  return value.toLocaleString(locale(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function spark(history) {
  if (history.length < 2) return "";
  const low = Math.min(...history), span = Math.max(...history) - low || 1;
  const points = history.map((value, i) => `${(i / (HISTORY - 1)) * 52},${17 - ((value - low) / span) * 16}`).join(" ");
  return shape("svg", { viewBox: "0 0 52 18", "aria-hidden": "true" }, shape("polyline", { points }));
}

function showFigures(openAnomalies, text) {
  const now = Date.now();
  while (arrivals.length && arrivals[0][0] < now - 10_000) arrivals.shift();
  const rate = arrivals.reduce((sum, [, count]) => sum + count, 0) / 10;
  const silent = openAnomalies.filter((one) => one.kind === "silence").length;
  const figures = [
    [city.sensors.size, text.sensors], [city.sites.size, text.sites], [Math.round(rate), text.rate],
    [openAnomalies.length, text.open], [silent, text.silent],
  ];
  byId("figures").replaceChildren(...figures.map(([count, label]) => node("div", { class: "figure" }, node("b", {}, count.toLocaleString(locale())), node("span", {}, label))));
}

// Labels stand below, above, right or left of their dot: where they hide least.
function place(width, points) {
  const taken = points.map(({ x, y }) => [x - 15, y - 15, x + 15, y + 15]);
  const overlap = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  return points.map(({ x, y, name }) => {
    const w = 6.6 * name.length;
    const choices = [[x, y + 27, "middle", x - w / 2], [x, y - 19, "middle", x - w / 2], [x + 18, y + 4, "start", x + 18], [x - 18, y + 4, "end", x - 18 - w]]
      .map(([tx, ty, anchor, left]) => ({ tx, ty, anchor, box: [left, ty - 11, left + w, ty + 3] }));
    const cost = ({ box }) => taken.reduce((sum, other) => sum + overlap(box, other), 0) + (box[0] < 0 || box[2] > width ? 1e4 : 0);
    const best = choices.reduce((a, b) => (cost(b) < cost(a) ? b : a));
    taken.push(best.box);
    return best;
  });
}

function showMap(openAnomalies) {
  const sites = [...city.sites.values()];
  if (!sites.length) return;
  const lats = sites.map((site) => site.latitude), lons = sites.map((site) => site.longitude);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)];
  const squeeze = Math.cos(((south + north) / 2) * (Math.PI / 180));
  const scale = Math.min(560 / ((east - west) * squeeze || 1e-9), 300 / (north - south || 1e-9));
  const height = (north - south) * scale + 70;
  const points = sites.map((site) => ({ x: 40 + (site.longitude - west) * squeeze * scale, y: height - 38 - (site.latitude - south) * scale, name: site.name }));
  const labels = place(640, points);
  const dots = sites.map((site, i) => {
    const { x, y } = points[i], label = labels[i];
    const state = worst(openAnomalies.filter((one) => one.site === site.id));
    const pm = [...city.latest.values()].filter((one) => one.site === site.id && one.quantity === "pm25");
    const mean = pm.length ? pm.reduce((sum, one) => sum + one.value, 0) / pm.length : null;
    return shape("g", {},
      shape("title", {}, mean === null ? site.name : `${site.name}: PM2.5 ${Math.round(mean)} µg/m³`),
      shape("circle", { class: `dot ${state}`, cx: x, cy: y, r: 13 }),
      shape("text", { class: "pm", x, y: y + 4, "text-anchor": "middle" }, mean === null ? "" : String(Math.round(mean))),
      shape("text", { x: label.tx, y: label.ty, "text-anchor": label.anchor }, site.name));
  });
  byId("map").setAttribute("viewBox", `0 0 640 ${Math.round(height)}`);
  byId("map").replaceChildren(...dots);
}

function showAnomalies(text) {
  const clock = (ms) => new Date(ms).toLocaleTimeString(locale(), { timeZone: CITY_ZONE });
  const list = [...city.anomalies.values()].sort((a, b) => b.start_ms - a.start_ms).slice(0, SHOWN);
  const lines = list.map((one) => {
    const when = `${text.since} ${clock(one.start_ms)}${isOpen(one) ? "" : ` ${text.until} ${clock(one.end_ms)}`}`;
    return node("li", { class: isOpen(one) ? one.severity : "over", "data-id": one.id }, node("time", {}, when), language === "vi" ? one.text_vi : one.text);
  });
  byId("anomalies").replaceChildren(...(lines.length ? lines : [node("li", { class: "over" }, text.none)]));
}

function showSensor(sensor, silent, text) {
  const values = sensor.quantities
    .map((quantity) => city.latest.get(`${sensor.id}/${quantity.name}`))
    .filter((reading) => reading !== undefined);
  const newest = values.length ? Math.max(...values.map((reading) => reading.t)) : null;
  const age = newest === null ? text.never : text.ago(Math.max(0, Math.round((Date.now() - newest) / 1000)));
  const cells = values.map((reading) => {
    const quantity = city.quantities.get(reading.quantity);
    const title = (language === "vi" ? quantity?.title_vi : quantity?.title) ?? reading.quantity;
    const unit = SIGNS[quantity?.unit] ?? quantity?.unit ?? "";
    return node("div", { class: `value ${reading.flags & FLAGGED ? "flagged" : ""}`, "data-series": `${sensor.id}/${reading.quantity}` },
      node("span", {}, title), node("b", {}, amount(quantity, reading.value), node("small", {}, ` ${unit}`)), spark(reading.history));
  });
  return node("article", { class: `sensor ${silent ? "silent" : ""}`, "data-sensor": sensor.id },
    node("h3", {}, sensor.name, node("small", {}, silent ? `${text.silent} · ${age}` : age)), node("div", { class: "values" }, ...cells));
}

function showSites(openAnomalies, text) {
  const silent = new Set(openAnomalies.filter((one) => one.kind === "silence").map((one) => one.sensor));
  const cards = [...city.sites.values()].map((site) => {
    const sensors = [...city.sensors.values()].filter((sensor) => sensor.site === site.id);
    return node("section", { class: "panel site", "data-site": site.id },
      node("h2", {}, site.name, node("small", {}, `${sensors.length} ${text.sensors}`)),
      ...sensors.map((sensor) => showSensor(sensor, silent.has(sensor.id), text)));
  });
  byId("sites").replaceChildren(...cards);
}

function show() {
  const text = TEXTS[language];
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text[element.dataset.text];
  byId("language").textContent = text.other;
  byId("link").textContent = text[link];
  byId("link").className = `link ${link === "live" ? "up" : link === "away" ? "down" : ""}`;
  const openAnomalies = [...city.anomalies.values()].filter(isOpen);
  showFigures(openAnomalies, text);
  showMap(openAnomalies);
  showAnomalies(text);
  showSites(openAnomalies, text);
}

byId("language").addEventListener("click", () => {
  language = language === "vi" ? "en" : "vi";
  remember(language);
  show();
});
listen();
show();
setInterval(() => { if (dirty) { dirty = false; show(); } }, 500);
setInterval(() => { dirty = true; }, 1000); // ages move on by themselves
setInterval(refresh, REFRESH_MS);
