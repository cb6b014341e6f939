"""What a simulated device says its bytes carry is what the agent's driver makes of them. Two programs, written apart from
the same datasheets: the only place where both are imported.

Garbage must not become a reading. Where a check is weak, chance may defeat it: noise whose last bytes begin like a frame,
and whose 8-bit sum fits (one in 256 of those, MH-Z19); a line of noise that is a number (OPS243: text has no check at all).
"""

import math
import re
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.driver import BadFrameError, Verdict
from edge.drivers import DRIVERS, modbus, omnipresense, plantower
from firmware_sim.city import plan
from firmware_sim.device import Emission
from firmware_sim.devices.air_station import AirStation
from firmware_sim.devices.mhz19 import MhZ19
from firmware_sim.devices.ops243 import Ops243
from firmware_sim.devices.pms5003 import Pms5003
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.injection import CHANGES
from tests.contracts.wired import TURNS, Values, Wired, assert_same, decoded, said, settings_of, spoken, wired
from tests.thorough import examples

SERIAL = ("pms5003", "mhz19", "ops243", "modbus-rtu")
PUBLISHED = ("mqtt-json", "mqtt-senml")
NUMBER = re.compile(rb"\s*[+-]?[0-9.]+([eE][+-]?\d+)?\s*")
MOMENTS = st.floats(1_650_000_000, 1_950_000_000)


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("protocol", SERIAL)
@examples(40)
@given(seed=st.integers(0, 10**6), start_s=MOMENTS)
def test_the_driver_reads_what_the_device_says_it_sends(
    protocol: str, pieces: bool, seed: int, start_s: float
) -> None:
    one, _ = wired(protocol, seed, start_s)
    assert one.driver is not None
    rng = Random(seed) if pieces else None
    if not one.requests:
        emissions = [e for _, turn in spoken(one.device, start_s) for e in turn]
        assert_same(decoded(one.driver, b"".join(e.data for e in emissions), None, rng), said(emissions))
        assert said(emissions)
        return
    assert one.device.due_s == math.inf
    for turn in range(TURNS):
        now_s = start_s + turn * one.period_s
        for request in one.requests:
            answers = one.device.receive(request, now_s)
            assert len(answers) == 1
            assert {quantity for quantity, _ in said(answers)} == set(one.driver.quantities)
            assert_same(decoded(one.driver, answers[0].data, request, rng, first=True), said(answers))


@pytest.mark.parametrize("kind", [*CHANGES, FaultKind.STUCK, FaultKind.JITTER])
@pytest.mark.parametrize("protocol", SERIAL)
def test_what_a_faulty_sensor_measures_still_fits_its_bytes(protocol: str, kind: FaultKind) -> None:
    one, _ = wired(protocol, 7, 1_700_000_000.0, faults=[Fault(None, kind, 0.0, 1e6)])
    assert one.driver is not None
    for _, answers, request in turns(one, 1_700_000_000.0):
        stream = b"".join(emission.data for emission in answers)
        if (protocol, kind) == ("mhz19", FaultKind.ZERO):  # its driver knows that 0 ppm is never real
            assert decoded(one.driver, stream, request, None, first=True) == []
            continue
        assert_same(decoded(one.driver, stream, request, None, first=request is not None), said(answers))


@pytest.mark.parametrize("protocol", PUBLISHED)
@examples(60)
@given(seed=st.integers(0, 10**6), start_s=MOMENTS)
def test_the_mapping_reads_what_the_device_says_it_publishes(
    protocol: str, seed: int, start_s: float
) -> None:
    one, _ = wired(protocol, seed, start_s)
    assert one.understand is not None
    for _, emissions in spoken(one.device, start_s):
        for emission in emissions:
            assert_same(one.understand(emission.data), list(emission.readings))


@pytest.mark.parametrize("protocol", SERIAL)
@pytest.mark.parametrize("seed", range(30))
def test_garbage_on_a_line_gives_no_wrong_reading(protocol: str, seed: int) -> None:
    """Readings may be missing (noise swallows the frame behind it), none may be invented."""
    start_s = 1_700_000_000.0 + 977 * seed
    one, injector = wired(protocol, seed, start_s, faults=[Fault(None, FaultKind.GARBAGE, 0.0, 1e6)])
    assert one.driver is not None
    found, told = Values(), Values()
    for now_s, answers, request in turns(one, start_s):
        spoiled = injector.spoil(answers, now_s)
        told += said(spoiled)
        stream = b"".join(emission.data for emission in spoiled)
        if protocol == "ops243":  # a number alone is a line of noise: this radar speaks JSON
            stream = b"\n".join(line for line in stream.split(b"\n") if not NUMBER.fullmatch(line))
        found += decoded(one.driver, stream, request, None, first=request is not None)
    rest = iter(told)
    invented = [reading for reading in found if not any(same(reading, true) for true in rest)]
    assert invented == []
    if protocol != "ops243":  # a line has no beginning: noise before it is part of it
        assert len(found) >= len(told) / 4


def turns(one: Wired, start_s: float) -> Iterator[tuple[float, list[Emission], bytes | None]]:
    """(time, emissions, the request they answer): a stream's emissions together, because frames may be cut by noise."""
    if not one.requests:
        everything = list(spoken(one.device, start_s, 4 * TURNS))
        yield start_s + 1, [emission for _, emissions in everything for emission in emissions], None
        return
    for turn in range(4 * TURNS):
        now_s = start_s + turn * one.period_s
        for request in one.requests:
            yield now_s, one.device.receive(request, now_s), request


def same(one: tuple[str, float], other: tuple[str, float]) -> bool:
    return one[0] == other[0] and math.isclose(one[1], other[1], rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("protocol", PUBLISHED)
@pytest.mark.parametrize("seed", range(30))
def test_spoiled_payloads_give_no_reading_and_whole_ones_theirs(protocol: str, seed: int) -> None:
    start_s = 1_700_000_000.0 + 977 * seed
    one, injector = wired(protocol, seed, start_s, faults=[Fault(None, FaultKind.GARBAGE, 0.0, 1e6)])
    assert one.understand is not None
    for now_s, emissions in spoken(one.device, start_s):
        for emission in injector.spoil(emissions, now_s + 1):
            try:
                found = one.understand(emission.data)
            except BadFrameError:
                found = []
            assert_same(found, list(emission.readings))


class TestCommands:
    """What the drivers know how to ask or say, the devices obey."""

    @pytest.mark.parametrize(("key", "name"), plantower._COMMANDS.items())
    def test_of_the_pms5003(self, key: tuple[int, int], name: str) -> None:
        command, value = key
        body = bytes((0x42, 0x4D, command, 0, value))
        frame = body + sum(body).to_bytes(2, "big")
        driver = DRIVERS["pms5003"]({})
        assert driver.decode(frame).fields == {"command": name}
        device = Pms5003(lambda quantity, at_s: 10.0, start_s=0.0)
        answers = device.receive(frame, 0.0)
        match name:
            case "wake":
                assert answers == []
            case "read-passive":
                assert answers == []  # it is in active mode
                device.receive(bytes.fromhex("424de100000170"), 0.0)
                device.receive(frame, 0.0), device.receive(frame, 0.0)  # two to warm up
                assert_same(
                    decoded(driver, device.receive(frame, 0.0)[0].data, None, None),
                    said(device.receive(frame, 0.0)),
                )
            case _:
                assert [driver.decode(answer.data).fields for answer in answers] == [{"ack": name}]

    @pytest.mark.parametrize(
        ("request_hex", "fields"),
        [
            ("ff0179a000000000e6", {"reply": "abc", "ack": True}),
            ("ff019900000007d08f", {"reply": "set-range", "ack": True}),
        ],
    )
    def test_of_the_mhz19(self, request_hex: str, fields: dict[str, object]) -> None:
        driver, request = DRIVERS["mhz19"]({}), bytes.fromhex(request_hex)
        (answer,) = MhZ19(lambda quantity, at_s: 400.0).receive(request, 0.0)
        (frame,) = driver.framer(request).feed(answer.data)
        assert driver.decode(frame.data, request).fields == fields

    @pytest.mark.parametrize("units", omnipresense.KMH)
    @pytest.mark.parametrize("json", [True, False])
    def test_of_the_ops243(self, units: str, json: bool) -> None:
        (command,) = (c for c, fields in omnipresense._COMMANDS.items() if fields.get("units") == units)
        driver = DRIVERS["ops243"]({"units": units})
        device = Ops243(lambda second: [(second, 47.11), (second, -8.3)], start_s=1000.0)
        device.receive(b"OJ" if json else b"Oj", 1000.0)
        (answer,) = device.receive(command.encode(), 1000.0)
        status = driver.decode(answer.data.rstrip())
        assert (status.verdict, status.fields) == (Verdict.IGNORE, {"units": units})
        emissions = device.emit(1003.0)
        assert_same(decoded(driver, b"".join(e.data for e in emissions), None, None), said(emissions))
        directions = {driver.decode(e.data.rstrip()).fields["direction"] for e in emissions}  # type: ignore[index]
        assert directions == {"inbound", "outbound"}

    @pytest.mark.parametrize(
        ("start", "count", "meaning"), [(0, 2, "illegal data address"), (500, 0, "illegal data value")]
    )
    def test_of_the_air_station_are_refused_as_the_driver_understands(
        self, start: int, count: int, meaning: str
    ) -> None:
        driver, request = (
            DRIVERS["modbus-rtu"]({"unit": 1, "map": "air-station"}),
            modbus.read_request(1, 3, start, count),
        )
        (answer,) = AirStation(lambda quantity, at_s: 1.0).receive(request, 0.0)
        (frame,) = driver.framer(request).feed(answer.data)
        refusal = driver.decode(frame.data, request)
        assert refusal.verdict is Verdict.FLAG
        assert refusal.fields is not None
        assert refusal.fields["meaning"] == meaning

    def test_of_another_unit_are_not_for_this_one(self) -> None:
        driver = DRIVERS["modbus-rtu"]({"unit": 2, "map": "air-station"})
        for request in driver.requests:
            assert AirStation(lambda quantity, at_s: 1.0).receive(request, 0.0) == []
            assert AirStation(lambda quantity, at_s: 1.0, unit=2).receive(request, 0.0) != []


def test_the_gateways_expect_what_their_sensors_report() -> None:
    """Except what the radar could also count in another mode."""
    for gateway in plan(1).gateways:
        expected = {sensor.id: set(sensor.quantities) for sensor in settings_of(gateway).sensors()}
        reported = {device.sensor: set(device.quantities) for device in gateway.devices}
        assert expected.keys() == reported.keys()
        for sensor, quantities in reported.items():
            assert expected[sensor] - quantities <= {"vehicle_count"}
            assert quantities <= expected[sensor]
