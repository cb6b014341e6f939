"""A radar on a real pty whose vehicles are counted: what the port hands over, what the loop publishes, what absence means."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

import edge.counting
from edge.counting import build_counting
from edge.ports import build_ports
from edge.traffic import GAP_MS, LATE_MS
from telemetry.reading import Reading
from tests.peers import edge_config
from tests.waiting import until

if TYPE_CHECKING:
    from conftest import PtyPort

T0 = 1_700_000_040_000
SETTLED = GAP_MS + LATE_MS
CONFIG = """
[[serial]]
path = "{path}"
protocol = "ops243"
sensor = "radar-1"
aggregate_s = 60
"""


async def test_a_minute_of_a_radar(pty_port: "PtyPort", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.counting, "LOOK_EVERY_S", 0.002)
    now, got = [T0 - 1], list[Reading]()

    async def deliver(readings: Sequence[Reading]) -> None:
        got.extend(readings)

    def clock() -> int:
        return now[0]

    config = edge_config(CONFIG, path=pty_port.link)
    assert config.sensors()[0].period_s == 60
    assert "vehicle_speed_p85" in config.sensors()[0].quantities
    (port,) = build_ports(config, deliver, clock)
    (counting,) = build_counting([port], deliver, clock)
    pty_port.plug()
    running = [asyncio.create_task(port.run()), asyncio.create_task(counting.run())]
    try:
        await until(lambda: counting.counters()[0].up)
        for at, line in ((100, b"10.0\n"), (300, b"12.5\n"), (400, b"-5\n")):
            frames = port.counters()[0].frames
            now[0] = T0 + at
            pty_port.send(line)
            await until(lambda: port.counters()[0].frames > frames)  # noqa: B023
        assert got == []
        now[0] = T0 + 60_000 + SETTLED
        await until(lambda: len(got) == 4)
        assert {reading.quantity: round(reading.value, 3) for reading in got} == {
            "vehicle_count": 2,
            "vehicle_speed": 31.5,
            "vehicle_speed_p85": 40.95,
            "occupancy": 0.333,
        }
        assert {(reading.sensor, reading.observed_at) for reading in got} == {("radar-1", T0 + 60_000)}
        assert port.counters()[0].readings == 0
        assert (counting.counters()[0].readings, counting.counters()[0].last_ms) == (4, T0 + 60_000)

        pty_port.unplug()
        await until(lambda: not counting.counters()[0].up)
        now[0] = T0 + 120_000 + SETTLED
        await asyncio.sleep(0.02)  # an absence cannot be waited for
        assert len(got) == 4
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
