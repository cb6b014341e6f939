"""Devices brought to life on real ptys and a real broker: what a listener understands is what the record says was sent."""

import asyncio
import json
import os
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import city, pty, street, truth
from firmware_sim.city import CABINET, City, DevicePlan, GatewayPlan
from firmware_sim.device import Emission
from firmware_sim.faults import Fault, FaultKind, parse_fault
from firmware_sim.model import Model
from firmware_sim.street import _own_time, run, run_device
from runtime.mqtt import BrokerUrl, Connection, Message, keep_connected
from tests.waiting import until

PATIENCE_S = 20.0
WANTED = 12
READ_CO2 = bytes.fromhex("ff0186000000000079")
READ_WEATHER = bytes.fromhex("010301f8000385c6")  # humidity, temperature, noise

Values = list[tuple[str, float]]


def frames(data: bytes, head: bytes, size: int) -> Iterator[bytes]:
    """The stream is clean: frame behind frame."""
    assert len(data) % size == 0, data.hex()
    for start in range(0, len(data), size):
        assert data[start : start + len(head)] == head
        yield data[start : start + size]


def particles(data: bytes) -> Values:
    return [
        (quantity, float(value))
        for frame in frames(data, b"BM\0\x1c", 32)
        if any(frame[4:30])  # else it is warming up
        for quantity, value in zip(("pm1", "pm25", "pm10"), struct.unpack(">3H", frame[10:16]), strict=True)
    ]


def carbon(data: bytes) -> Values:
    return [
        item
        for frame in frames(data, b"\xff\x86", 9)
        for item in (("co2", float(frame[2] << 8 | frame[3])), ("device_temperature", frame[4] - 40.0))
    ]


def weather(data: bytes) -> Values:
    return [
        (quantity, raw / 10)
        for frame in frames(data, b"\x01\x03\x06", 11)
        for quantity, raw in zip(
            ("humidity", "temperature", "noise_level"), struct.unpack(">3h", frame[3:9]), strict=True
        )
    ]


def radar(data: bytes) -> Values:
    return [("vehicle_speed", json.loads(line)["speed"] * 3.6) for line in data.split(b"\r\n") if line]


def loop_detector(data: bytes) -> Values:
    lines = [json.loads(line) for line in data.split(b"\n") if line]
    return [
        item
        for line in lines
        for item in (("occupancy", line["occupancy"]), ("vehicle_speed", line["vehicle_speed"]))
    ]


class Listener:
    """A host on the pty: reads everything, asks again and again when it has something to ask."""

    def __init__(self, link: Path, request: bytes) -> None:
        self.data = bytearray()
        self._request = request
        self._fd = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._fd, lambda: self.data.extend(os.read(self._fd, 4096)))

    def ask(self) -> None:
        if self._request:
            os.write(self._fd, self._request)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)


def in_order(record: Path) -> Values:
    return [(reading.quantity, reading.value) for reading in truth.read(record).readings]


@pytest.mark.parametrize(
    ("protocol", "request_bytes", "understand"),
    [
        ("pms5003", b"", particles),
        ("mhz19", READ_CO2, carbon),
        ("modbus-rtu", READ_WEATHER, weather),
        ("ops243", b"", radar),
        ("replay", b"", loop_detector),
    ],
)
async def test_what_a_reader_of_the_pty_understands_is_what_the_record_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    request_bytes: bytes,
    understand: Callable[[bytes], Values],
) -> None:
    quantities, _ = street.PROTOCOLS[protocol]
    monkeypatch.setitem(street.PROTOCOLS, protocol, (quantities, 0.0 if protocol == "ops243" else 0.04))
    monkeypatch.setattr(  # a road with a vehicle every second
        Model,
        "passes",
        lambda self, sensor, kind, second: [(second + 0.1 * i, 20.0 + 7 * i) for i in range(8)],
    )
    link, record, stop = tmp_path / "port", tmp_path / "truth.jsonl", asyncio.Event()
    running = asyncio.create_task(
        run_device(protocol, link=link, sensor="s-1", record=record, seed=1, faults=[], stop=stop)
    )
    await until(link.is_symlink)
    listener = Listener(link, request_bytes)
    async with asyncio.timeout(PATIENCE_S):
        while len(in_order(record)) < WANTED:
            listener.ask()
            await asyncio.sleep(0.02)
    stop.set()
    await running
    sent = in_order(record)
    await until(lambda: len(understand(bytes(listener.data))) >= len(sent))
    listener.close()
    heard = understand(bytes(listener.data))
    assert [quantity for quantity, _ in heard] == [quantity for quantity, _ in sent]
    assert [value for _, value in heard] == pytest.approx([value for _, value in sent])
    assert len({value for _, value in sent}) > 1
    (device,) = truth.read(record).devices
    assert (device.sensor, device.protocol, device.quantities) == ("s-1", protocol, quantities)
    assert not link.is_symlink()


async def test_bytes_that_nobody_read_stand_in_the_record_as_a_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pty, "STALE_S", 0.1)
    monkeypatch.setitem(street.PROTOCOLS, "pms5003", (("pm1", "pm25", "pm10"), 0.03))
    record, stop = tmp_path / "truth.jsonl", asyncio.Event()
    running = asyncio.create_task(
        run_device("pms5003", link=tmp_path / "port", sensor="s", record=record, seed=1, faults=[], stop=stop)
    )
    await until(lambda: record.exists() and len(truth.read(record).windows) > 3)
    stop.set()
    await running
    found = truth.read(record)
    assert {window.cause for window in found.windows} == {"nobody listening"}
    assert all(window.start < window.end < found.readings[-1].at for window in found.windows[:-1])


@pytest.mark.parametrize(
    ("protocol", "faults", "words"),
    [
        ("pms5030", [], "no simulated device speaks 'pms5030'"),
        ("pms5003", ["other:spike@1"], "no sensor 'other'"),
    ],
)
async def test_what_cannot_be_simulated_is_told(
    tmp_path: Path, protocol: str, faults: list[str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        await run_device(
            protocol,
            link=tmp_path / "port",
            sensor="s",
            record=None,
            seed=1,
            faults=[parse_fault(text) for text in faults],
            stop=asyncio.Event(),
        )
    assert list(tmp_path.iterdir()) == []


def small_city(root: str) -> City:
    """A real gateway's place with quick devices: one cabinet, one weather sensor, one radar."""
    site = city.plan(1).gateways[0].site
    devices = (
        DevicePlan("c-1", "C", "mqtt-json", "mqtt", tuple(CABINET), 0.05, f"{root}/c-1", CABINET),
        DevicePlan("m-1", "M", "mqtt-senml", "mqtt", ("temperature", "humidity"), 0.05, f"{root}/m-1"),
        DevicePlan("p-1", "P", "pms5003", "serial", ("pm1", "pm25", "pm10"), 0.05),
    )
    return City(1, (GatewayPlan("gw", site, devices),))


@asynccontextmanager
async def subscribed(url: str, topic: str) -> AsyncIterator[list[Message]]:
    found: list[Message] = []
    hear, ready = found.append, asyncio.Event()

    async def session(connection: Connection) -> None:
        ready.set()
        async for message in connection.messages():
            hear(message)

    task = asyncio.create_task(
        keep_connected(
            BrokerUrl.parse(url), f"t-{uuid4().hex}", session, subscriptions=[topic], rng=Random(1)
        )
    )
    await ready.wait()
    yield found
    task.cancel()
    await asyncio.wait([task])


def published(message: Message) -> list[tuple[str, str, float, int]] | None:
    """(sensor, quantity, value, ms) of a message; None when it is spoiled."""
    try:
        content: Any = json.loads(message.payload)
    except ValueError:
        return None
    sensor = message.topic.rpartition("/")[2]
    if isinstance(content, dict) and "t" in content:
        values = {
            "voltage": content["u"],
            "current": content["i"],
            "power": content["p"] * 1000,
            "energy": content["meter"]["wh"] / 1000,
        }
        return [(sensor, quantity, value, content["t"]) for quantity, value in values.items()]
    if isinstance(content, list):
        return [(sensor, record["n"], record["v"], round(content[0]["bt"] * 1000)) for record in content]
    return None


@pytest.mark.parametrize("spoiled", [False, True])
async def test_a_city_on_a_broker_says_what_its_record_says(
    tmp_path: Path, mosquitto_url: str, spoiled: bool
) -> None:
    root, record, stop = f"street/{uuid4().hex}", tmp_path / "truth.jsonl", asyncio.Event()
    faults = [Fault(None, FaultKind.GARBAGE, 0.0, 3600.0)] if spoiled else []
    async with subscribed(mosquitto_url, f"{root}/#") as messages:
        running = asyncio.create_task(
            run(
                small_city(root),
                directory=tmp_path / "ports",
                broker=mosquitto_url,
                record=record,
                seed=1,
                faults=faults,
                stop=stop,
            )
        )
        await until(lambda: len(messages) > 80 or running.done())
        assert (tmp_path / "ports" / "p-1").is_symlink()
        stop.set()
        await running
        sent = {
            (r.sensor, r.quantity, r.at): r.value
            for r in truth.read(record).readings
            if r.sensor in ("c-1", "m-1")
        }
        heard = [published(message) for message in messages]
        await until(lambda: sum(len(found or ()) for found in map(published, messages)) >= len(sent))
    got = {
        (sensor, quantity, at): value
        for found in map(published, messages)
        if found
        for sensor, quantity, value, at in found
    }
    assert got == {key: pytest.approx(value) for key, value in sent.items()}
    assert (None in heard) is spoiled
    found = truth.read(record)
    assert {device.sensor for device in found.devices} == {"c-1", "m-1", "p-1"}
    assert {(fault.sensor, fault.kind) for fault in found.faults} == (
        {(sensor, "garbage") for sensor in ("c-1", "m-1", "p-1")} if spoiled else set()
    )
    assert not list((tmp_path / "ports").iterdir())


async def test_a_fault_of_a_sensor_that_is_not_there_stops_the_city_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'bai-chay-pm-1'"):
        await run(
            city.plan(1),
            directory=tmp_path / "ports",
            broker="mqtt://127.0.0.1:1",
            record=tmp_path / "truth.jsonl",
            seed=1,
            faults=[parse_fault("bai-chai-pm-1:spike@1")],
            stop=asyncio.Event(),
        )
    assert list(tmp_path.iterdir()) == []


@given(
    data=st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"{}",
                b"[]",
                b"5",
                b'"x"',
                b"null",
                b"[5]",
                b'[{"n":"x"}]',
                b'{"t":null}',
                b'{"t":"x"}',
                b'{"t":1e999}',
                b'[{"bt":[]}]',
            ]
        ),
    )
)
def test_the_time_of_a_spoiled_payload_is_now(data: bytes) -> None:
    assert isinstance(_own_time(Emission(data)), int)


def test_the_time_of_a_good_payload_is_its_own() -> None:
    assert _own_time(Emission(b'{"t":1700000000123}')) == 1_700_000_000_123
    assert _own_time(Emission(b'[{"bt":1700000000.123}]')) == 1_700_000_000_123
