"""Many gateways in one process, as cheap as can be: made-up packs, the edge's own delivery, MQTT by hand on one socket.

Run as a process of its own, so that its CPU is told apart from what is measured:

    python -m bench.gateways PORT GATEWAYS SECONDS [--rate PACKS_A_SECOND] [--live SECONDS]

Without a rate all packs are there at the start and go as fast as they are acknowledged; with one, packs arise in time, dated
when they arise. JSON lines say how it stands, the last has `done`.
"""

import argparse
import json
import select
import socket
import struct
import time
from collections.abc import Iterator
from itertools import islice
from random import Random

import msgspec

from edge.delivery import LIVE_WINDOW_MS, Delivery, Lane
from telemetry import topics
from telemetry.inventory import Sensor, Site
from telemetry.messages import DEFAULT_CREDIT, Ack, Birth
from telemetry.packs import encode_pack
from telemetry.quantities import QUANTITIES
from telemetry.reading import Reading

SENSORS = 25
QUANTITIES_EACH = ("pm25", "pm10", "temperature", "humidity")
PACK_READINGS = SENSORS * len(QUANTITIES_EACH)
JOURNAL = "00bec4"
TELL_S = 0.25
PERIOD_S = 50.0  # told, so that nobody is called silent while packs of the past are sent; still fast: looked at by the minute
MIDDLE = {"pm25": 30.0, "pm10": 50.0, "temperature": 28.0, "humidity": 75.0}
SPREAD = {"pm25": 2.0, "pm10": 3.0, "temperature": 0.1, "humidity": 0.4}


def pack(gateway: int, at_ms: int, rng: Random) -> bytes:
    """A second of one gateway: PACK_READINGS readings."""
    return encode_pack(
        f"site-{gateway}",
        [
            Reading(
                f"sensor-{gateway}-{number}",
                quantity,
                at_ms + number,
                round(rng.gauss(MIDDLE[quantity], SPREAD[quantity]), QUANTITIES[quantity].decimals),
            )
            for number in range(SENSORS)
            for quantity in QUANTITIES_EACH
        ],
    )


class Wire:
    """MQTT 3.1.1 on a socket, QoS 1 both ways."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._number = 0
        self.send(0x10, struct.pack("!H4sBBH", 4, b"MQTT", 4, 2, 0) + _text("bench"))

    def send(self, kind: int, content: bytes) -> None:
        """One control packet."""
        self.socket.sendall(bytes((kind,)) + _length(len(content)) + content)

    def subscribe(self, topic: str) -> None:
        """With QoS 1."""
        self.send(0x82, struct.pack("!H", 1) + _text(topic) + b"\x01")

    def publish(self, topic: str, payload: bytes) -> None:
        """With QoS 1; the broker's answer is not waited for."""
        self._number = self._number % 65_535 + 1
        self.send(0x32, _text(topic) + struct.pack("!H", self._number) + payload)

    def received(self, timeout_s: float) -> Iterator[tuple[str, bytes]]:
        """(topic, payload) of what has come."""
        ready, _, _ = select.select([self.socket], [], [], timeout_s)
        if not ready:
            return
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the broker closed the connection")
        self._buffer += data
        at = 0
        while (end := _end(self._buffer, at)) is not None:
            start, stop = end
            if self._buffer[at] >> 4 == 3:
                yield self._published(self._buffer[at], self._buffer[start:stop])
            at = stop
        self._buffer = self._buffer[at:]

    def _published(self, head: int, content: bytes) -> tuple[str, bytes]:
        (size,) = struct.unpack_from("!H", content)
        topic, rest = content[2 : 2 + size].decode(), content[2 + size :]
        if head & 6:
            self.send(0x40, rest[:2])
            rest = rest[2:]
        return topic, rest


class Gateway:
    """One gateway's journal in memory, and what its delivery decides."""

    def __init__(self, number: int, rng: Random, live_ms: int) -> None:
        self.name, self.site = f"gw-{number}", f"site-{number}"
        self.packs: dict[int, tuple[int, bytes]] = {}
        self.next = self._newest_ms = 0
        self._rng, self._live_ms = rng, live_ms
        self._number = number
        self.delivery = Delivery(rng, credit=DEFAULT_CREDIT)
        self.delivery.connected(time.monotonic())

    def birth(self) -> bytes:
        """What the gateway says of itself."""
        sensors = tuple(
            Sensor(f"sensor-{self._number}-{number}", "bench", QUANTITIES_EACH, PERIOD_S)
            for number in range(SENSORS)
        )
        site = Site(self.site, self.site, 20.95, 107.08)
        return msgspec.json.encode(Birth(self.name, site, sensors, (1, 1), time.time_ns() // 1_000_000))

    def add(self, at_ms: int) -> None:
        """One more pack; two of one millisecond, after a pause of this process, would be the same readings."""
        at_ms = self._newest_ms = max(at_ms, self._newest_ms + 1)
        self.packs[self.next] = (at_ms, pack(self._number, at_ms, self._rng))
        self.next += 1

    def hear(self, payload: bytes) -> list[int]:
        """The acknowledged packs leave; when each arose, ms."""
        ack = Ack.decode(payload)
        self.delivery.heard_ack(ack, time.monotonic())
        gone = [
            number
            for low, high in ack.stored.get(JOURNAL, ())
            for number in range(low, high + 1)
            if number in self.packs
        ]
        return [self.packs.pop(number)[0] for number in gone]

    def send(self, wire: Wire) -> None:
        """What may go: the live lane, then the backlog, each from the oldest, as `edge.uplink` has it."""
        now, wall = time.monotonic(), time.time_ns() // 1_000_000
        plan = self.delivery.plan(now)
        if not plan.resend and not plan.live:
            return
        known, oldest_live = self.delivery.known, wall - self._live_ms
        waiting = [number for number in self.packs if (JOURNAL, number) not in known]
        recent = (number for number in waiting if self.packs[number][0] >= oldest_live)
        live = [(JOURNAL, number) for number in islice(recent, plan.live)]
        room = min(plan.backlog, plan.live - len(live))
        old = [(JOURNAL, n) for n in islice(waiting, room) if self.packs[n][0] < oldest_live]
        self.delivery.sent(plan.resend, Lane.LIVE, now)
        self.delivery.sent(live, Lane.LIVE, now)
        self.delivery.sent(old, Lane.BACKLOG, now)
        for key in [*plan.resend, *live, *old]:
            if key[1] in self.packs:
                name = topics.PackName(self.name, JOURNAL, key[1])
                payload = self.packs[key[1]][1]
                wire.publish(topics.up(topics.DEFAULT_ROOT, self.site, name, payload), payload)
            self.delivery.arrived(key)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateways")
    parser.add_argument("port", type=int)
    parser.add_argument("gateways", type=int)
    parser.add_argument("seconds", type=int)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--live", type=float, default=LIVE_WINDOW_MS / 1000, help="seconds that are live")
    chosen = parser.parse_args()
    gateways = {f"gw-{n}": Gateway(n, Random(n), round(chosen.live * 1000)) for n in range(chosen.gateways)}
    now_ms = time.time_ns() // 1_000_000
    if not chosen.rate:
        for second in range(chosen.seconds):
            for gateway in gateways.values():
                gateway.add(now_ms - (chosen.seconds - second) * 1000)
    wire = Wire(chosen.port)
    wire.subscribe(f"{topics.DEFAULT_ROOT}/ack/+")
    _introduce(wire, gateways)
    _run(wire, gateways, chosen.gateways * chosen.seconds, chosen.rate)


class Account:
    """What became of the packs, told once in TELL_S."""

    def __init__(self, made: int) -> None:
        self.made, self.acked, self.made_s = made, 0, 0.0
        self._began, self._cpu, self._told = time.monotonic(), time.process_time(), time.monotonic()
        self._times: list[int] = []

    @property
    def lasted(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def gone(self, times: list[int]) -> None:
        """Packs that arose then are acknowledged."""
        self.acked += len(times)
        self._times += times

    def tell(self, *, done: bool) -> bool:
        """False when it is not time yet."""
        now = time.monotonic()
        if not done and now - self._told < TELL_S:
            return False
        self._told = now
        line = {"seconds": self.lasted, "cpu_s": time.process_time() - self._cpu, "made": self.made}
        more = {"made_s": self.made_s, "acked": self.acked, "acked_times": self._times, "done": done}
        print(json.dumps({**line, **more}), flush=True)
        self._times = []
        return True


def _introduce(wire: Wire, gateways: dict[str, Gateway]) -> None:
    """Births first, as gateways do; each is answered."""
    for gateway in gateways.values():
        wire.publish(topics.birth(topics.DEFAULT_ROOT, gateway.name), gateway.birth())
    unheard = set(gateways)
    while unheard:
        unheard -= {topic.rpartition("/")[2] for topic, _ in wire.received(1.0)}


def _run(wire: Wire, gateways: dict[str, Gateway], total: int, rate: float) -> None:
    account, names = Account(0 if rate else total), list(gateways)
    changed = set(gateways)
    while account.acked < total:
        for name in changed:
            gateways[name].send(wire)
        changed = set(gateways) if rate else set()
        for topic, payload in wire.received(0.002 if rate else 0.05):
            name = topic.rpartition("/")[2]
            account.gone(gateways[name].hear(payload))
            changed.add(name)
        while account.made < total and account.made < account.lasted * rate * len(names):
            gateways[names[account.made % len(names)]].add(time.time_ns() // 1_000_000)
            account.made += 1
            account.made_s = account.lasted
        if account.tell(done=False):
            changed = set(gateways)
    account.tell(done=True)


def _text(text: str) -> bytes:
    return struct.pack("!H", len(text)) + text.encode()


def _length(length: int) -> bytes:
    """MQTT 3.1.1 section 2.2.3."""
    digits = bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(digits)


def _end(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the content of the packet at `at` begins and ends; None while it is not whole."""
    length = shift = 0
    for position in range(at + 1, min(at + 5, len(data))):
        length |= (data[position] & 0x7F) << shift
        shift += 7
        if data[position] < 0x80:
            stop = position + 1 + length
            return (position + 1, stop) if stop <= len(data) else None
    return None


if __name__ == "__main__":
    main()
