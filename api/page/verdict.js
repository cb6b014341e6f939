// Three answers to be read from across a room: how the city is, whether its data is complete, what is wrong now.

import { bandName, ofIndex, ofPm25 } from "./air.js";
import { byUrgency, city, openAlarms, readingsPerSecond, siteMean, worst } from "./city.js";
import { summed } from "./completeness.js";
import { keyed, node, shape, write } from "./dom.js";
import { amount, isVietnamese, share, unitOf, whole, word } from "./words.js";

const SIGNS = { good: "M5 12.5l4.5 4.5L19 7.5", warning: "M12 5v9M12 18v.5", critical: "M6 6l12 12M18 6L6 18", unknown: "M6 12h12" };
const GRADES = [[100, "good"], [150, "warning"], [Infinity, "critical"]]; // upper ends of VN_AQI
const WHOLE = 0.99, USABLE = 0.9; // shares of the readings that were expected

export function verdicts(host) {
  return { update: () => keyed(host, [ofCity(), ofData(), ofAlarms()], (one) => one.name, tile, (element, one) => element.show(one)) };
}

function tile() {
  const sign = shape("path", {}), label = node("small", {}), headline = node("b", {}), more = node("span", {});
  const element = node("a", { class: "verdict" }, shape("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, sign), node("span", { class: "words" }, label, headline, more));
  element.show = ({ name, grade, text, detail, href }) => {
    element.href = href;
    element.dataset.verdict = name;
    element.dataset.grade = grade;
    sign.setAttribute("d", SIGNS[grade]);
    write(label, word(`verdict_${name}`));
    write(headline, text);
    write(more, detail);
  };
  return element;
}

// The site where a figure is the highest, or the lowest: [site, figure], null where nobody measures it.
function extreme(of, highest = true) {
  const all = [...city.sites.values()].map((site) => [site, of(site)]).filter(([, value]) => value !== null && value !== undefined);
  return all.length ? all.reduce((a, b) => ((b[1] > a[1]) === highest ? b : a)) : null;
}

function figureAt(quantity, highest, label) {
  const found = extreme((site) => siteMean(site.id, quantity), highest);
  return found ? `${word(label)} ${amount(city.quantities.get(quantity), found[1])} ${unitOf(city.quantities.get(quantity))}, ${found[0].name}` : "";
}

function ofCity() {
  const index = extreme((site) => city.air.get(site.id)?.vn_aqi), dust = extreme((site) => siteMean(site.id, "pm25"));
  const others = [figureAt("noise_laeq", true, "loudest") || figureAt("noise_level", true, "loudest"), figureAt("vehicle_speed", false, "slowest")];
  const one = { name: "city", href: "#/", grade: "unknown", text: word("airUnknown"), detail: others.filter(Boolean).join(" · ") };
  if (!index && !dust) return one;
  const [site, value] = index ?? dust, band = index ? ofIndex(value) : ofPm25(value);
  const where = index ? `VN_AQI ${value}, ${site.name}` : `PM2.5 ${Math.round(value)} µg/m³, ${site.name} (${word("thisMoment")})`;
  const grade = index ? GRADES.find(([upper]) => value <= upper)[1] : band === ofPm25(0) || band === ofPm25(50) ? "good" : band === ofPm25(80) ? "warning" : "critical";
  return { ...one, grade, text: `${word("airIs")} ${bandName(band).toLowerCase()}`, detail: [`${word("highest")} ${where}`, ...others].filter(Boolean).join(" · ") };
}

function ofData() {
  const silent = [...city.sensors.values()].filter((sensor) => sensor.state === "silent").length;
  const { completeness: part, lost } = summed([...city.ledger.values()]);
  const away = [...city.gateways.values()].filter((one) => !one.online && !one.retired).length;
  const atWork = city.sensors.size - silent;
  const detail = [
    `${whole(atWork)}/${whole(city.sensors.size)} ${word("sensorsAtWork")}`, away ? `${whole(away)} ${word("gatewaysAway")}` : "", lost ? `${whole(lost)} ${word("readingsLost")}` : "",
    `${whole(Math.round(readingsPerSecond()))} ${word("rate")}`,
  ].filter(Boolean).join(" · ");
  const grade = part === null ? "unknown" : lost || part < USABLE ? "critical" : part < WHOLE || silent || away ? "warning" : "good";
  return { name: "data", href: "#/data", grade, text: part === null ? word("dataUnknown") : `${share(part)} ${word("isComplete")}`, detail };
}

function ofAlarms() {
  const open = openAlarms(), gravest = worst(open), [first] = byUrgency(open);
  const nobody = open.filter((one) => !one.acknowledged).length, critical = open.filter((one) => one.severity === "critical").length;
  const counts = [critical ? `${whole(critical)} ${word("criticalOnes")}` : "", open.length ? (nobody ? `${whole(nobody)} ${word("nobodyYet")}` : word("allLookedAfter")) : ""].filter(Boolean).join(", ");
  return {
    name: "alarms", href: "#/alarms", grade: gravest === "critical" ? "critical" : open.length ? "warning" : "good",
    text: open.length ? `${whole(open.length)} ${word(open.length === 1 ? "openOne" : "open")}` : word("noneOpenShort"),
    detail: first ? `${counts} · ${isVietnamese() ? first.text_vi : first.text}` : word("noneOpenMore"),
  };
}
