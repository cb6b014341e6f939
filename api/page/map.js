// The city on a map: Leaflet, over tiles when the hub's configuration names some, else over a plain ground that says so.

import { bandName, ofIndex, ofPm25 } from "./air.js";
import { city, openAlarms, sensorsOf, siteMean, worst } from "./city.js";
import { keyed, mark, node, write } from "./dom.js";
import { amount, keep, kept, word } from "./words.js";

const LAYERS = ["air", "traffic", "noise", "health"];
const NOTES = { air: "provisional", traffic: "speedNote", noise: "noiseNote", health: "healthNote" };
const RADII = [[480, 14], [900, 17], [Infinity, 21]]; // of a circle, by the width of the map, px
const HIDDEN_PX = 40; // a name that would lie on more than that of its neighbours is left out
const NOISE = [[55, "#7fbf7b"], [65, "#d9d26a"], [70, "#f0a04b"], [Infinity, "#d7553f"]]; // dBA, a scale of this page, no limit of law

// What a site shows on a layer: { text, colour, ink, title, dashed }; null where nothing of the kind is measured.
const FACES = {
  air(site) {
    const index = city.air.get(site.id)?.vn_aqi;
    if (index !== null && index !== undefined) {
      const band = ofIndex(index);
      return { text: String(index), colour: band.colour, ink: band.ink, title: `VN_AQI ${index}, ${bandName(band)}` };
    }
    const dust = siteMean(site.id, "pm25");
    if (dust === null) return null;
    const band = ofPm25(dust);
    return { text: String(Math.round(dust)), colour: band.colour, ink: band.ink, dashed: true, title: `PM2.5 ${Math.round(dust)} µg/m³` };
  },
  traffic(site) {
    const speed = siteMean(site.id, "vehicle_speed");
    if (speed === null) return null;
    const share = Math.max(0, Math.min(1, speed / 60));
    return { text: String(Math.round(speed)), colour: `hsl(${Math.round(190 + 30 * share)} 55% ${Math.round(78 - 40 * share)}%)`, ink: share > 0.45 ? "#fff" : "#000", title: `${Math.round(speed)} km/h` };
  },
  noise(site) {
    const level = siteMean(site.id, "noise_laeq") ?? siteMean(site.id, "noise_level");
    if (level === null) return null;
    return { text: String(Math.round(level)), colour: NOISE.find(([upper]) => level <= upper)[1], ink: "#000", title: `${amount(city.quantities.get("noise_laeq"), level)} dB` };
  },
  health(site) {
    const sensors = sensorsOf(site.id), well = sensors.filter((sensor) => sensor.state === "ok").length;
    const colour = well === sensors.length ? "#2f9e63" : well ? "#e0982f" : "#c9352b";
    return { text: `${well}/${sensors.length}`, colour, ink: well && well < sensors.length ? "#000" : "#fff", title: `${well}/${sensors.length} ${word("ok")}` };
  },
};

export function drawMap(host) {
  let layer = LAYERS.includes(kept("layer")) ? kept("layer") : "air";
  const buttons = node("div", { class: "segments", role: "group" });
  const ground = node("div", { class: "ground", id: "map" });
  const note = node("p", { class: "note" });
  host.append(buttons, ground, note);
  const moves = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(ground, { zoomAnimation: moves, fadeAnimation: moves, markerZoomAnimation: moves, inertia: moves, zoomControl: true, attributionControl: Boolean(city.settings.tiles), scrollWheelZoom: false, zoomSnap: 0.1, minZoom: 9, maxZoom: 18 });
  map.zoomControl.setPosition("bottomright");
  L.control.scale({ imperial: false, position: "topright" }).addTo(map);
  if (city.settings.tiles) L.tileLayer(city.settings.tiles, { attribution: node("span", {}, city.settings.attribution).innerHTML, referrerPolicy: "strict-origin-when-cross-origin" }).addTo(map);
  ground.classList.toggle("plain", !city.settings.tiles);
  const markers = new Map();
  let known = "";

  function frame(sites) {
    const names = sites.map((site) => site.id).join();
    if (names === known || !sites.length) return;
    known = names;
    map.fitBounds(L.latLngBounds(sites.map((site) => [site.latitude, site.longitude])).pad(0.06), { animate: false, maxZoom: 14 });
  }

  function face(site, open) {
    const found = FACES[layer](site);
    const state = worst(open.filter((one) => one.site === site.id));
    let marker = markers.get(site.id);
    if (!marker) {
      const circle = node("b", {}), name = node("span", {});
      const pin = node("div", { class: "pin", "data-site": site.id }, circle, name);
      marker = L.marker([site.latitude, site.longitude], { icon: L.divIcon({ html: pin, className: "", iconSize: [0, 0] }), keyboard: true, title: site.name, alt: site.name }).addTo(map);
      marker.on("click keypress", (event) => { if (!event.originalEvent?.key || event.originalEvent.key === "Enter") location.hash = `#/site/${site.id}`; });
      Object.assign(marker, { circle, name, pin });
      markers.set(site.id, marker);
    }
    write(marker.circle, found?.text ?? "");
    write(marker.name, site.name);
    marker.circle.style.background = found?.colour ?? "";
    marker.circle.style.color = found?.ink ?? "";
    marker.pin.title = found ? `${site.name}: ${found.title}` : site.name;
    mark(marker.pin, { none: !found, dashed: found?.dashed, warning: state === "warning", critical: state === "critical" });
  }

  function update() {
    const sites = [...city.sites.values()].filter((site) => site.latitude !== null && site.longitude !== null);
    keyed(buttons, LAYERS, (name) => name, (name) => node("button", { type: "button", on: { click: () => { layer = name; keep("layer", name); update(); } } }),
      (button, name) => { write(button, word(name)); button.setAttribute("aria-pressed", String(name === layer)); });
    buttons.setAttribute("aria-label", word("map"));
    const legend = layer === "air" && !sites.some((site) => FACES.air(site)?.dashed) ? "airNote" : NOTES[layer];
    write(note, [word(legend), city.settings.tiles ? "" : word("schematic")].filter(Boolean).join(" "));
    frame(sites);
    const open = openAlarms();
    for (const site of sites) face(site, open);
    place(sites);
  }

  // A name stands below, above, right or left of its circle: where it hides least.
  function place(sites) {
    const points = sites.map((site) => map.latLngToContainerPoint([site.latitude, site.longitude]));
    const width = map.getSize().x, r = RADII.find(([upper]) => width <= upper)[1];
    ground.style.setProperty("--r", `${r}px`);
    const taken = points.map(({ x, y }) => [x - r, y - r, x + r, y + r]);
    const overlap = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
    sites.forEach((site, i) => {
      const { x, y } = points[i], w = 7.8 * site.name.length;
      const choices = [["below", x - w / 2, y + r + 1], ["above", x - w / 2, y - r - 15], ["right", x + r + 3, y - 7], ["left", x - r - 3 - w, y - 7]].map(([side, left, top]) => ({ side, box: [left, top, left + w, top + 14] }));
      const cost = ({ box }) => taken.reduce((sum, other) => sum + overlap(box, other), 0) + (box[0] < 0 || box[2] > width ? 1e4 : 0);
      const best = choices.reduce((a, b) => (cost(b) < cost(a) ? b : a));
      const side = cost(best) > HIDDEN_PX ? "nowhere" : best.side; // the circle's own title still tells
      if (side !== "nowhere") taken.push(best.box);
      markers.get(site.id).pin.dataset.side = side;
    });
  }

  map.on("zoomend resize", () => { if (markers.size) place([...city.sites.values()].filter((site) => markers.has(site.id))); });
  return { update, close: () => map.remove() };
}
