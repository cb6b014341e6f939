"""Simulated Modbus units on one line, and one that is dead: the others keep their period."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing

from edge.ports import build_ports
from edge.settings import EdgeConfig, ModbusBus, ModbusUnit
from firmware_sim.devices.air_station import AirStation
from telemetry.inventory import Site
from tests.edge.conftest import PtyPort
from tests.edge.running_port import NOW
from tests.edge.running_port import Journal as Intake
from tests.waiting import until


@pytest.fixture
def pty_port(tmp_path: Path) -> Iterator[PtyPort]:
    """A port whose other end is in our hands."""
    port = PtyPort(tmp_path / "ttyTEST0")
    yield port
    port.unplug()


async def test_four_units_keep_their_period_beside_a_dead_fifth(pty_port: PtyPort) -> None:
    stations = [AirStation(lambda quantity, at_s: 20.0, unit=unit) for unit in (1, 2, 4, 5)]
    loop = asyncio.get_running_loop()
    pty_port.answer = lambda request: b"".join(
        emission.data for station in stations for emission in station.receive(request, loop.time())
    )
    pty_port.plug()
    units = tuple(
        ModbusUnit(unit=unit, map="air-station", sensor=f"air-{unit}", period_s=0.3) for unit in range(1, 6)
    )
    bus = ModbusBus(path=str(pty_port.link), baud=9600, timeout_s=0.05, units=units)
    config = EdgeConfig(gateway="gw", site=Site("s", "S", 20.9, 107.0, "test"), modbus=(bus,))
    intake = Intake()
    (port,) = build_ports(config, intake.put, lambda: NOW)

    def rounds(unit: int) -> int:
        return sum(one.sensor == f"air-{unit}" and one.quantity == "temperature" for one in intake.readings)

    reading = asyncio.create_task(port.run())
    with structlog.testing.capture_logs() as logs:
        await until(lambda: rounds(1) >= 8)
    reading.cancel()
    await asyncio.wait([reading])
    assert min(rounds(unit) for unit in (2, 4, 5)) >= 6
    assert rounds(3) == 0
    asked = [request[0] for request in pty_port.asked]
    assert asked.count(3) <= asked.count(1) / 2
    assert [entry["sensor"] for entry in logs if entry["event"] == "device does not answer"] == ["air-3"]
