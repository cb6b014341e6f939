// The fleet: how many gateways are well, and each with its clock, backlog, disk, ports and buses; those in trouble first.

import { city } from "./city.js";
import { keyed, mark, node, write } from "./dom.js";
import { ago, size, whole, word } from "./words.js";

const TIGHT = 0.1, WORN = 80; // share of the disk that is free; percent of the flash's life

export function open(host) {
  const heading = node("h2", { id: "fleet-title" }), sum = node("p", { class: "note" }), cards = node("div", { class: "gateways", id: "gateways" }), nothing = node("p", { class: "empty-state" });
  host.append(node("section", { "aria-labelledby": "fleet-title" }, node("div", { class: "bar" }, heading, sum), nothing, cards));
  function update() {
    const all = [...city.gateways.values()].sort((a, b) => Number(isWell(a)) - Number(isWell(b)) || a.id.localeCompare(b.id));
    const online = all.filter((one) => one.online).length, unwell = all.filter((one) => !isWell(one)).length, versions = new Set(all.map((one) => one.version).filter(Boolean));
    write(heading, word("fleet"));
    write(sum, all.length ? [`${whole(online)}/${whole(all.length)} ${word("online")}`, unwell ? `${whole(unwell)} ${word("inTrouble")}` : "", `${word("version")} ${[...versions].join(", ")}`].filter(Boolean).join(" · ") : "");
    write(nothing, all.length ? "" : word("noGateways"));
    keyed(cards, all, (one) => one.id, gatewayCard, (card, one) => card.show(one));
  }
  return { update, close() {} };
}

const tight = ({ disk }) => Boolean(disk?.total) && (disk.free / disk.total < TIGHT || disk.worn_percent >= WORN);
export const isWell = (one) => Boolean(one.retired) || (one.online && !one.problems.length && !one.unwell.length && !one.set_aside && !one.given_up && Boolean(one.clock?.source) && !tight(one) && one.ports.every((port) => port.up));

function facts(one) {
  const { clock, disk } = one;
  return [
    ["lastSeen", one.last_seen ? ago(Date.parse(one.last_seen)) : word("never")],
    ["accepted", whole(one.accepted)],
    ["backlog", `${whole(one.backlog)}${one.oldest && one.backlog > 2 ? `, ${word("oldest")} ${ago(Date.parse(one.oldest))}` : ""}`],
    ["clock", clock ? `${clock.source ? word(`clock_${clock.source}`) : word("untrusted")}${clock.ahead_ms === null ? "" : `, ${clock.ahead_ms > 0 ? "+" : ""}${whole(clock.ahead_ms)} ms`}` : null],
    ["disk", disk?.total ? size(disk.free) : null],
    ["writtenDay", disk?.written_day ? size(disk.written_day) : null],
    ["worn", disk?.worn_percent ? `≤ ${disk.worn_percent} %` : null],
    ["journal", disk ? size(disk.journal) : null],
    ["version", one.version], ["configuration", one.configuration],
    ["undated", clock?.undated ? whole(clock.undated) : null], ["setAside", one.set_aside ? whole(one.set_aside) : null], ["givenUp", one.given_up ? whole(one.given_up) : null],
  ].filter(([, text]) => text);
}

const short = (name) => name.split("/").pop();
const nameOf = (sensor) => city.sensors.get(sensor)?.name ?? sensor;

// What is wrong with it, a line each.
function troubles(one) {
  return [
    ...one.problems, ...(one.clock && !one.clock.source ? [word("clockUntrusted")] : []), ...(tight(one) ? [word("diskTight")] : []),
    ...one.ports.filter((port) => !port.up || port.problem).map((port) => `${short(port.name)}: ${port.problem || word("portDown")}`),
    ...one.unwell.map((sensor) => `${nameOf(sensor.sensor)}: ${word(`health_${sensor.health}`)}${sensor.bad ? `, ${whole(sensor.bad)} ${word("bad")}` : ""}`),
  ];
}

function table(name) {
  const head = node("tr", {}), body = node("tbody", {});
  return { head, body, element: node("table", { class: name }, node("thead", {}, head), body) };
}

function showTable({ head, body }, labels, items, key, cells) {
  keyed(head, labels, (label) => label, () => node("th", { scope: "col" }), (cell, label) => write(cell, word(label)));
  keyed(body, items, key, () => node("tr", {}, node("th", { scope: "row" }), ...labels.slice(1).map(() => node("td", {}))), (row, item) => {
    const { texts, down, troubled } = cells(item);
    texts.forEach((text, i) => write(row.children[i], text));
    row.firstChild.title = texts[0];
    mark(row, { down, troubled });
  });
}

function gatewayCard(first) {
  const name = node("span", {}), place = node("small", {}), state = node("small", { class: "chip" }), list = node("dl", { class: "facts" }), wrong = node("ul", { class: "troubles" });
  const ports = table("ports"), units = table("units"), summary = node("summary", {}), details = node("details", {}, summary, ports.element, units.element);
  const card = node("article", { class: "panel gateway", "data-gateway": first.id }, node("h3", {}, node("span", {}, name, place), state), wrong, list, details);
  card.show = (one) => {
    write(name, one.id);
    write(place, one.site.name);
    write(state, one.retired ? word("retired") : one.online ? word("online") : word("offline"));
    mark(card, { offline: !one.online && !one.retired, unwell: !isWell(one), over: one.retired });
    keyed(wrong, one.retired ? [] : troubles(one), (text) => text, () => node("li", {}), (row, text) => write(row, text));
    keyed(list, facts(one), ([label]) => label, () => node("div", {}, node("dt", {}), node("dd", {})), (row, [label, text]) => {
      write(row.firstChild, word(label));
      write(row.lastChild, text);
    });
    const found = one.ports.flatMap((port) => port.units);
    write(summary, `${whole(one.ports.length)} ${word("ports")} · ${whole(one.sensors)} ${word("sensors")}`);
    showTable(ports, ["port", "frames", "bad", "readings"], one.ports, (port) => port.name, (port) => ({ texts: [short(port.name), whole(port.frames), whole(port.bad), whole(port.readings)], down: !port.up, troubled: port.bad > 0 }));
    units.element.hidden = !found.length;
    showTable(units, ["bus", "asked", "unanswered", "bad"], found, (unit) => unit.sensor, (unit) => ({ texts: [nameOf(unit.sensor), whole(unit.asked), whole(unit.unanswered), whole(unit.bad)], down: unit.unanswered_in_a_row > 2, troubled: unit.unanswered > 0 }));
  };
  return card;
}
