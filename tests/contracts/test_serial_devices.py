"""Every simulated device against the driver of its protocol: exactly the readings the device says it sent come out.

Device and driver know nothing of each other. A small host stands in for the port: it keeps the time, sets up, asks, follows up.
"""

import math
from collections.abc import Iterator, Sequence
from random import Random

import pytest

from edge.driver import BadFrameError, Decoded, Driver, Step, Verdict, extras
from edge.drivers import DRIVERS, SHIPPED
from firmware_sim.device import Device, Emission
from firmware_sim.devices.board import GREETING
from firmware_sim.devices.sps30 import Sps30
from firmware_sim.model import Model
from firmware_sim.wired import WIRED, Senses

START_S = 1_790_000_000.0
TICK_S = 0.05
CLIMATE = {"temperature": {"path": 0}, "humidity": {"path": 1}, "pressure": {"path": 2}}
NAMED = {"temperature": {"path": "t"}, "humidity": {"path": "rh"}, "pressure": {"path": "p"}}
PROBE: dict[str, object] = {"fields": {"water_level": {"path": 0}, "temperature": {"path": 1}}}
STREAMS: dict[str, dict[str, object]] = {
    "pms5003": {},
    "pms7003": {},
    "pms5003t": {},
    "pms3003": {},
    "sds011": {},
    "ops243": {},
    "hlk-ld2451": {},
    "wavetronix-csv": {},
    "nmea0183": {},
    "line-ndjson": {"fields": NAMED},
    "line-delimited": {"fields": CLIMATE},
}
ASKED: list[tuple[str, dict[str, object]]] = [
    ("pms5003", {"mode": "passive"}),
    ("pms5003", {"mode": "sleep"}),
    ("pms3003", {"mode": "passive"}),
    ("sds011", {"mode": "query"}),
    ("sds011", {"mode": "sleep"}),
    ("sps30", {}),
    ("mhz19", {}),
    ("modbus-rtu", {"map": "air-station"}),
    ("sdi12", PROBE),
    ("sdi12", PROBE | {"crc": True}),
    ("sdi12", PROBE | {"command": "C", "crc": True}),
    ("sdi12", PROBE | {"command": "R0"}),
    ("davis-vantage", {}),
    ("davis-vantage", {"packet": "loop2"}),
]

Readings = list[tuple[str, float]]


class Host:
    """Listens to a device and asks it; what it heard, and what the device said it sent meanwhile."""

    def __init__(self, protocol: str, options: dict[str, object], seed: int = 1) -> None:
        self.now_s = START_S
        self.driver: Driver = DRIVERS[protocol](options)
        self.device: Device = build(protocol)
        self.heard: Readings = []
        self.sent: Readings = []
        self.verdicts: list[Verdict] = []
        self.refused: list[bytes] = []
        self._rng = Random(seed)

    def listen(self, seconds: float) -> None:
        """A streaming device."""
        framer = self.driver.framer()
        for emission in self._emissions(seconds):
            self.sent += emission.readings
            for chunk in self._chunks(emission.data):
                for frame in framer.feed(chunk):
                    self._try(frame.data)

    def set_up(self) -> None:
        """What the driver says first."""
        for step in extras(self.driver).setup:
            self._say(step)
            self._drain(TICK_S)

    def round(self) -> bool:
        """One polling round; False when the device left a question without an answer."""
        for request in self.driver.requests:
            steps = [Step(request)]
            while steps:
                step = steps.pop(0)
                decoded = self._hear(step.data, self._say(step))
                if decoded is None:
                    return False
                steps = [*extras(self.driver).follow(step.data, decoded), *steps]
        return True

    def wait(self, seconds: float) -> None:
        """Nobody listens."""
        self._drain(seconds)

    def _say(self, step: Step) -> list[Emission]:
        seen = b""
        for emission in self._emissions(step.after_s):
            seen += emission.data
            if step.early and step.early in seen:
                break
        return self.device.receive(step.data, self.now_s) if step.data else []

    def _hear(self, request: bytes, answers: Sequence[Emission]) -> Decoded | None:
        framer = self.driver.framer(request)
        pending: list[Emission] = list(answers)
        ticks = self._emissions(extras(self.driver).timeout_s)
        while True:
            for emission in pending:
                frames = [frame for chunk in self._chunks(emission.data) for frame in framer.feed(chunk)]
                self.sent += emission.readings
                if frames:
                    decoded = self.driver.decode(frames[0].data, request)
                    self._take(decoded)
                    return decoded
            if (late := next(ticks, None)) is None:
                return None
            pending = [late]

    def _try(self, frame: bytes) -> None:
        try:
            self._take(self.driver.decode(frame))
        except BadFrameError:
            self.refused.append(frame)

    def _take(self, decoded: Decoded) -> None:
        self.verdicts.append(decoded.verdict)
        if decoded.verdict is not Verdict.IGNORE:
            self.heard += [(one.quantity, one.value) for one in decoded.measurements]

    def _emissions(self, seconds: float) -> Iterator[Emission]:
        until = self.now_s + seconds
        while self.now_s < until:
            self.now_s += TICK_S
            if self.device.due_s <= self.now_s:
                yield from self.device.emit(self.now_s)

    def _drain(self, seconds: float) -> None:
        for _ in self._emissions(seconds):
            continue

    def _chunks(self, data: bytes) -> Iterator[bytes]:
        while data:
            size = self._rng.randint(1, len(data))
            yield data[:size]
            data = data[size:]


def build(protocol: str) -> Device:
    model = Model(7)
    return WIRED[protocol].build(
        Senses(
            lambda quantity, at_s: model.value("probe", "roads", quantity, at_s),
            lambda second: model.passes("probe", "roads", second),
            lambda at_s, kmh: kmh,
            START_S,
            WIRED[protocol].period_s,
        )
    )


def same(heard: Readings, sent: Readings) -> bool:
    return len(heard) == len(sent) and all(
        one[0] == other[0] and math.isclose(one[1], other[1], rel_tol=1e-9, abs_tol=1e-6)
        for one, other in zip(heard, sent, strict=True)
    )


def test_every_device_has_its_test_here() -> None:
    assert set(WIRED) == set(STREAMS) | {protocol for protocol, _ in ASKED}
    assert set(WIRED) == set(SHIPPED)


@pytest.mark.parametrize("protocol", STREAMS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_streaming_device_is_understood_whatever_the_chunks(protocol: str, seed: int) -> None:
    host = Host(protocol, STREAMS[protocol], seed)
    host.listen(40.0)
    assert same(host.heard, host.sent)
    assert host.refused == ([GREETING.strip()] if protocol.startswith("line-") else [])
    assert {name for name, _ in host.sent} == set(WIRED[protocol].quantities)
    assert bool(host.verdicts)


@pytest.mark.parametrize(("protocol", "options"), ASKED, ids=[f"{name}-{options}" for name, options in ASKED])
def test_a_device_that_is_asked_is_understood_round_after_round(
    protocol: str, options: dict[str, object]
) -> None:
    host = Host(protocol, options)
    host.set_up()
    answered = []
    for _ in range(5):
        answered.append(host.round())
        host.wait(5.0)
    assert all(answered)
    assert same(host.heard, host.sent)
    assert len(host.sent) >= 3 * len(host.driver.quantities) if protocol != "modbus-rtu" else host.sent
    assert {name for name, _ in host.sent} == set(WIRED[protocol].quantities)


def test_a_probe_that_is_ready_early_is_not_waited_for() -> None:
    waited: list[float] = []
    for early in (True, False):
        host = Host("sdi12", PROBE)
        if not early:
            host.device.emit = lambda now_s: []  # type: ignore[method-assign]
        host.round()
        waited.append(host.now_s - START_S)
        assert same(host.heard, host.sent)
        assert host.heard
    assert waited[0] < waited[1]


def test_a_sensor_that_lost_its_power_is_started_again() -> None:
    host = Host("sps30", {})
    host.set_up()
    host.round()
    host.device = build("sps30")
    for _ in range(4):
        assert host.round()
        host.wait(1.0)
    assert Verdict.FLAG in host.verdicts
    assert host.heard
    assert same(host.heard, host.sent)


def test_a_sensor_that_sleeps_is_woken_by_the_set_up() -> None:
    host = Host("sps30", {})
    host.device = Sps30(lambda quantity, at_s: 12.5, asleep=True)
    assert not host.round()
    host.set_up()
    for _ in range(3):
        host.round()
        host.wait(1.0)
    assert ("pm25", 12.5) in host.heard


def test_a_console_falls_asleep_and_is_woken_each_round() -> None:
    host = Host("davis-vantage", {})
    for _ in range(3):
        assert host.round()
        host.wait(300.0)
    assert same(host.heard, host.sent)


@pytest.mark.parametrize("mode", ["passive", "sleep"])
def test_particle_sensors_are_quiet_between_the_rounds(mode: str) -> None:
    host = Host("pms5003", {"mode": mode})
    host.set_up()
    host.round()
    assert not list(host._emissions(60.0))
