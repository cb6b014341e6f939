// The fleet: every gateway with its clock, backlog and ports.

import { city } from "./city.js";
import { keyed, mark, node, write } from "./dom.js";
import { ago, whole, word } from "./words.js";

export function open(host) {
  const heading = node("h2", {}), cards = node("div", { class: "gateways", id: "gateways" });
  host.append(node("section", {}, heading, cards));
  function update() {
    write(heading, word("fleet"));
    keyed(cards, [...city.gateways.values()], (one) => one.id, gatewayCard, (card, one) => card.show(one));
  }
  return { update, close() {} };
}

function gatewayCard(first) {
  const state = node("small", { class: "chip" }), facts = node("dl", { class: "facts" }), ports = node("table", {}), body = node("tbody", {}), head = node("tr", {});
  const unitHead = node("tr", {}), unitBody = node("tbody", {}), units = node("table", { class: "units" }, node("thead", {}, unitHead), unitBody);
  ports.append(node("thead", {}, head), body);
  const card = node("section", { class: "panel gateway", "data-gateway": first.id }, node("h2", {}, node("span", {}, first.id), state), facts, ports, units);
  card.show = (one) => {
    write(state, one.online ? word("online") : word("offline"));
    mark(card, { offline: !one.online });
    const rows = [
      ["site", one.site.name], ["lastSeen", one.last_seen ? ago(Date.parse(one.last_seen)) : word("never")], ["sensors", whole(one.sensors)], ["accepted", whole(one.accepted)],
      ["backlog", whole(one.backlog)], ["setAside", one.set_aside ? whole(one.set_aside) : null], ["version", one.version], ["configuration", one.configuration],
      ["clock", one.clock ? `${one.clock.source || word("untrusted")}${one.clock.ahead_ms === null ? "" : ` (${one.clock.ahead_ms > 0 ? "+" : ""}${whole(one.clock.ahead_ms)} ms)`}` : null],
      ["undated", one.clock?.undated ? whole(one.clock.undated) : null], ["oldest", one.oldest ? ago(Date.parse(one.oldest)) : null], ["givenUp", one.given_up ? whole(one.given_up) : null],
      ["problem", one.problems.concat(one.ports.map((port) => port.problem)).filter(Boolean).join("; ")],
    ].filter(([, text]) => text);
    keyed(facts, rows, ([label]) => label, () => node("div", {}, node("dt", {}), node("dd", {})), (row, [label, text]) => {
      write(row.firstChild, word(label));
      write(row.lastChild, text);
    });
    keyed(head, ["port", "frames", "bad", "readings"], (label) => label, () => node("th", { scope: "col" }), (cell, label) => write(cell, word(label)));
    keyed(body, one.ports, (port) => port.name, (port) => node("tr", {}, node("th", { scope: "row", title: port.name }, port.name.split("/").pop()), node("td", {}), node("td", {}), node("td", {})), (row, port) => {
      [port.frames, port.bad, port.readings].forEach((count, i) => write(row.children[i + 1], whole(count)));
      mark(row, { down: !port.up, troubled: port.bad > 0 });
    });
    const found = one.ports.flatMap((port) => port.units);
    units.hidden = !found.length;
    keyed(unitHead, ["bus", "asked", "unanswered", "bad"], (label) => label, () => node("th", { scope: "col" }), (cell, label) => write(cell, word(label)));
    keyed(unitBody, found, (unit) => unit.sensor, () => node("tr", {}, node("th", { scope: "row" }), node("td", {}), node("td", {}), node("td", {})), (row, unit) => {
      write(row.firstChild, city.sensors.get(unit.sensor)?.name ?? unit.sensor);
      [unit.asked, unit.unanswered, unit.bad].forEach((count, i) => write(row.children[i + 1], whole(count)));
      mark(row, { down: unit.unanswered_in_a_row > 2, troubled: unit.unanswered > 0 });
    });
  };
  return card;
}
