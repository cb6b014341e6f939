"""The simulated devices, read over a real pseudo-terminal by drivers that other people wrote for the real ones.

A driver's values must be those that the device recorded as sent, in the order of time. Nothing here is shared with
edge.drivers: a misreading of a datasheet that device and driver of ours have in common would show.
"""

import select
import struct
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import serial

from firmware_sim.device import Device
from firmware_sim.pty import PtyPort
from firmware_sim.wired import WIRED, Senses

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # some of them are older than the warnings of this Python
    import minimalmodbus
    import omnipresense
    import pms.core.reader
    import pynmea2
    import pyvantagepro
    from sensirion_shdlc_driver import ShdlcConnection, ShdlcSerialPort
    from sensirion_shdlc_driver.command import ShdlcCommand

START_S = 1_750_000_000.0
SPEED = 20.0  # the device's seconds pass so much faster
ROUNDS = 5
PATIENCE_S = 20.0
RANGES = {
    "pm1": (3.0, 90.0),
    "pm25": (3.0, 120.0),
    "pm4": (3.0, 140.0),
    "pm10": (3.0, 160.0),
    "co2": (400.0, 2000.0),
    "temperature": (-9.0, 38.0),
    "humidity": (20.0, 99.0),
    "pressure": (985.0, 1030.0),
    "noise_level": (35.0, 100.0),
    "illuminance": (0.0, 150_000.0),
}
Row = dict[str, float]


def measure(quantity: str, at_s: float) -> float:
    """Another value every tenth of a second, always the same one."""
    low, high = RANGES.get(quantity, (0.0, 30.0))
    return Random(f"{quantity} {at_s:.1f}").uniform(low, high)


def passes(second: int) -> list[tuple[float, float]]:
    """A vehicle a second, to and fro."""
    return [(second + 0.1, measure("speed", second) + 20 if second % 2 else -30.0)]


class Wire:
    """A device that lives behind `path` in a thread; `sent` is what it recorded."""

    def __init__(self, device: Device, path: Path) -> None:
        self.path, self.sent = str(path), list[Row]()
        self._device, self._port = device, PtyPort(path)
        self._began_s, self._done = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._live)

    def __enter__(self) -> "Wire":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._port.close()

    def _live(self) -> None:
        while not self._done.is_set():
            heard, _, _ = select.select([self._port.fileno()], [], [], 0.002)
            now_s = START_S + (time.monotonic() - self._began_s) * SPEED
            emissions = self._device.receive(self._port.read(), now_s) if heard else []
            if self._device.due_s <= now_s:
                emissions = [*emissions, *self._device.emit(now_s)]
            for emission in emissions:
                if emission.readings:
                    self.sent.append(dict(emission.readings))
                self._port.write(emission.data, time.time())


def by_pypms(sensor: str, names: dict[str, str]) -> Callable[[str], list[Row]]:
    def read(path: str) -> list[Row]:
        reader = pms.core.reader.SensorReader(sensor, path, samples=ROUNDS)
        reader.pre_heat = 0
        with reader:
            return [{name: getattr(seen, field) for name, field in names.items()} for seen in reader()]

    return read


def by_minimalmodbus(path: str) -> list[Row]:
    station = minimalmodbus.Instrument(path, 1)
    station.serial.timeout = 5.0  # its own 50 ms are less than a loaded machine may sleep
    rows: list[Row] = []
    for _ in range(ROUNDS):
        rows += [
            {"wind_speed": station.read_register(500, 1)},
            {"wind_direction": station.read_register(503)},
            {"humidity": station.read_register(504, 1, functioncode=4)},
            {"temperature": station.read_register(505, 1, signed=True)},
            {"noise_level": station.read_register(506, 1)},
            {"pm25": station.read_register(507)},
            {"pm10": station.read_register(508)},
            {"pressure": station.read_register(509)},
            {"illuminance": station.read_long(510)},
            {"rain": station.read_register(513, 1)},
        ]
    station.serial.close()
    return rows


def by_sensirion(path: str) -> list[Row]:
    rows: list[Row] = []
    with ShdlcSerialPort(path, 115200) as port:
        connection = ShdlcConnection(port)
        connection.execute(0, ShdlcCommand(0x00, b"\x01\x03", 0.1))
        while len(rows) < 4 * ROUNDS:
            data, error = connection.execute(0, ShdlcCommand(0x03, b"", 0.1))
            assert not error
            if data and any(data):
                rows.append(
                    dict(zip(("pm1", "pm25", "pm4", "pm10"), struct.unpack(">4f", data[:16]), strict=True))
                )
    return rows


def by_pyvantagepro(path: str) -> list[Row]:
    console = pyvantagepro.VantagePro2.from_url(f"serial:{path}:19200:8N1", timeout=2)
    rows = []
    for _ in range(ROUNDS):
        seen = console.get_current_data()
        assert not seen.crc_error
        rows.append(
            {
                "pressure": seen["Barometer"] * 33.86388666667,
                "temperature": (seen["TempOut"] - 32) / 1.8,
                "humidity": seen["HumOut"],
                "wind_speed": seen["WindSpeed"] * 0.44704,
                "wind_direction": seen["WindDir"] % 360,
                "solar_radiation": seen["SolarRad"],
                "rain": seen["RainDay"] * 25.4,
            }
        )
    console.link.close()
    return rows


def by_omnipresense(path: str) -> list[Row]:
    rows: list[Row] = []

    def take(seen: omnipresense.RadarReading) -> None:
        if seen.magnitude is not None:  # what it makes of other lines, an answer with the units for one
            rows.append({"vehicle_speed": seen.speed * 3.6})

    with omnipresense.create_radar("OPS243-A", path) as radar:
        radar.start_streaming(take)
        wait_for(lambda: len(rows) >= 4 * ROUNDS)
    return rows


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def same(heard: Row, sent: Row) -> bool:
    """A driver need not give everything that a frame holds."""
    return heard.keys() <= sent.keys() and all(abs(heard[one] - sent[one]) < 1e-4 for one in heard)


class Case(NamedTuple):
    """`read` opens the port and gives what the driver makes of the device."""

    protocol: str
    read: Callable[[str], list[Row]]


CASES = {
    "pypms-pms5003": Case("pms5003", by_pypms("PMSx003", {"pm1": "pm01", "pm25": "pm25", "pm10": "pm10"})),
    "pypms-pms5003t": Case(
        "pms5003t",
        by_pypms(
            "PMS5003T",
            {"pm1": "pm01", "pm25": "pm25", "pm10": "pm10", "temperature": "temp", "humidity": "rhum"},
        ),
    ),
    "pypms-pms3003": Case("pms3003", by_pypms("PMS3003", {"pm1": "pm01", "pm25": "pm25", "pm10": "pm10"})),
    "pypms-sds011": Case("sds011", by_pypms("SDS01x", {"pm25": "pm25", "pm10": "pm10"})),
    "pypms-mhz19": Case("mhz19", by_pypms("MHZ19B", {"co2": "CO2"})),
    "minimalmodbus": Case("modbus-rtu", by_minimalmodbus),
    "sensirion-shdlc-driver": Case("sps30", by_sensirion),
    "PyVantagePro": Case("davis-vantage", by_pyvantagepro),
    "omnipresense": Case("ops243", by_omnipresense),
}

BY_PYNMEA2 = "nmea0183"
# None was found, or no standard.
NO_DRIVER = {"hlk-ld2451", "wavetronix-csv", "sdi12", "line-ndjson", "line-delimited"}
SAME_DEVICE = {"pms7003"}


def device(protocol: str) -> Device:
    kind = WIRED[protocol]
    return kind.build(Senses(measure, passes, lambda at_s, kmh: kmh, START_S, kind.period_s))


@pytest.mark.parametrize("name", CASES)
def test_a_public_driver_reads_what_the_device_sent(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pms.core.reader.time", SimpleNamespace(time=time.time, sleep=lambda seconds: None))
    case = CASES[name]
    with Wire(device(case.protocol), tmp_path / "port") as wire:
        heard = case.read(wire.path)
    assert len(heard) >= ROUNDS
    sent = iter(wire.sent)
    for row in heard:
        assert any(same(row, one) for one in sent), f"{row} is not next in {wire.sent}"


def test_every_device_is_read_by_someone_or_named_here() -> None:
    read = {case.protocol for case in CASES.values()} | {BY_PYNMEA2}
    assert set(WIRED) == read | NO_DRIVER | SAME_DEVICE


def test_pynmea2_reads_time_and_place(tmp_path: Path) -> None:
    with (
        Wire(device(BY_PYNMEA2), tmp_path / "port") as wire,
        serial.Serial(wire.path, 9600, timeout=1) as port,
    ):
        port.readline()
        seen = [pynmea2.parse(port.readline().decode("ascii"), check=True) for _ in range(30)]
    places = [one for one in seen if one.sentence_type in ("RMC", "GGA") and one.latitude]
    assert {one.sentence_type for one in seen} == {"RMC", "GGA", "ZDA"}
    assert len(places) > ROUNDS
    for one in places:
        assert (one.latitude, one.longitude) == pytest.approx((20.9589, 107.0427), abs=1e-5)
    times = [one.datetime.timestamp() for one in seen if one.sentence_type == "RMC"]
    assert times == sorted(times)
    assert all(START_S <= at_s <= START_S + 60 for at_s in times)
