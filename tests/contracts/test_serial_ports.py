"""An agent's port on a real pseudo-terminal with a simulated device at its other end: set up, asked, followed up."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.ports import build_ports
from edge.settings import EdgeConfig, SerialDevice
from firmware_sim.street import run_device
from telemetry.inventory import Site
from telemetry.reading import Reading

PATIENCE_S = 30.0
Readings = list[tuple[str, float]]
PROBE: dict[str, dict[str, int | str]] = {"water_level": {"path": 0}, "temperature": {"path": 1}}
CASES: list[tuple[str, dict[str, object]]] = [
    ("pms5003", {"mode": "passive"}),
    ("sps30", {}),
    ("sdi12", {"fields": PROBE, "crc": True}),
    ("davis-vantage", {}),
]


@pytest.mark.parametrize(("protocol", "options"), CASES, ids=[protocol for protocol, _ in CASES])
async def test_readings_come_through(protocol: str, options: dict[str, object], tmp_path: Path) -> None:
    link, record = tmp_path / "port", tmp_path / "sent.jsonl"
    device = SerialDevice(
        path=str(link),
        protocol=protocol,
        sensor="probe",
        period_s=0.3,
        options=options,  # type: ignore[arg-type]
    )
    config = EdgeConfig(gateway="gw", site=Site("s", "S", 20.9, 107.0, "test"), serial=(device,))
    received: list[Reading] = []
    enough = asyncio.Event()

    async def deliver(readings: Sequence[Reading]) -> None:
        received.extend(readings)
        if len(received) >= 3 * len(device.driver().quantities):
            enough.set()

    (port,) = build_ports(config, deliver, lambda: time.time_ns() // 1_000_000)
    stop = asyncio.Event()
    simulated = asyncio.create_task(
        run_device(protocol, link=link, sensor="probe", record=record, seed=3, faults=[], stop=stop)
    )
    reading = asyncio.create_task(port.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await enough.wait()
    finally:
        reading.cancel()
        stop.set()
        await asyncio.wait([reading])
        await simulated
    lines = map(json.loads, record.read_text(encoding="utf-8").splitlines())
    sent = [(line["quantity"], line["value"]) for line in lines if line["type"] == "reading"]
    found = [(one.quantity, one.value) for one in received]
    assert any(same(found, sent[begin : begin + len(found)]) for begin in range(len(sent))), (found, sent)


def same(found: Readings, sent: Readings) -> bool:
    return len(found) == len(sent) and all(
        one[0] == other[0] and abs(one[1] - other[1]) < 1e-6 for one, other in zip(found, sent, strict=True)
    )
