"""The pipeline with a clock of its own that is wrong: it holds, tells, and recovers by itself; a lone gateway is no such case."""

import asyncio
import time
from contextlib import AsyncExitStack

from telemetry.anomaly import AnomalyKind
from telemetry.quarantine import Reason
from telemetry.reading import Reading

DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_a_wrong_clock_of_the_hub_holds_everything_and_quarantines_nothing(city, eventually):
    city.hold_s = 10.0
    async with city.running() as pipeline, AsyncExitStack() as stack:
        fleet = [await stack.enter_async_context(city.gateway(f"gw-{n}", f"site-{n}")) for n in range(4)]
        for number, gateway in enumerate(fleet):
            await gateway.state(online=True)
            await gateway.pack(0, [Reading(f"pm-{number}", "pm25", now_ms(), 5.0)])
        await eventually(lambda: len(city.store.rows) == 4)
        city.clock_ahead_ms = -100 * DAY_MS  # every reading would be from the future
        for number, gateway in enumerate(fleet):
            await gateway.pack(1, [Reading(f"pm-{number}", "pm25", now_ms(), 6.0)])
        await eventually(lambda: not pipeline.ready()["clock"])
        assert "gateways' clocks differ by" in pipeline.reasons()["clock"]
        heard = [len(gateway.acks) for gateway in fleet]
        await fleet[0].state(online=True)
        await eventually(lambda: len(fleet[0].acks) > heard[0])
        assert (fleet[0].acks[-1].credit, fleet[0].acks[-1].time_ms) == (0, 0)
        await eventually(lambda: city.book.anomalies(kind=AnomalyKind.CLOCK, open_only=True))
        (doubt,) = city.book.anomalies(kind=AnomalyKind.CLOCK)
        assert (doubt.sensor, doubt.end_ms) == ("hub", None)
        assert abs(doubt.start_ms - now_ms()) < 60_000, "told by the gateways' clocks"
        assert city.book.quarantined(10) == []
        assert len(city.store.rows) == 4
        assert [anomaly for anomaly in city.anomalies if anomaly.kind is AnomalyKind.GATEWAY] == []
        city.clock_ahead_ms = 0
        await eventually(lambda: pipeline.ready()["clock"])
        await eventually(lambda: fleet[1].acks[-1].credit == 16)
        for number, gateway in enumerate(fleet):
            await gateway.pack(1, [Reading(f"pm-{number}", "pm25", now_ms(), 6.0)])
        await eventually(lambda: len(city.store.rows) == 8)
        await eventually(lambda: city.book.anomalies(kind=AnomalyKind.CLOCK, open_only=True) == [])
        assert city.book.quarantined(10) == []
        assert pipeline.account.clock_suspected == 1
        assert pipeline.account.balanced


async def test_a_hub_that_starts_with_a_wrong_clock_waits_for_its_gateways(city, eventually):
    city.hold_s = 10.0
    city.clock_ahead_ms = -100 * DAY_MS
    async with city.running() as pipeline, AsyncExitStack() as stack:
        fleet = [await stack.enter_async_context(city.gateway(f"gw-{n}", f"site-{n}")) for n in range(3)]
        for number, gateway in enumerate(fleet):
            await gateway.pack(0, [Reading(f"pm-{number}", "pm25", now_ms(), 5.0)])
        await eventually(lambda: pipeline.account.messages_waiting == 3)
        await asyncio.sleep(0.5)
        for gateway in fleet:
            await gateway.state(online=True)
        await eventually(lambda: not pipeline.ready()["clock"])
        city.clock_ahead_ms = 0
        await eventually(lambda: pipeline.ready()["clock"])
        await eventually(lambda: pipeline.account.messages_refused == 3)
        for number, gateway in enumerate(fleet):
            await gateway.pack(0, [Reading(f"pm-{number}", "pm25", now_ms(), 5.0)])
        await eventually(lambda: len(city.store.rows) == 3)
        assert city.book.quarantined(10) == []


async def test_one_gateway_that_is_wrong_is_quarantined_as_ever(city, eventually):
    city.hold_s = 10.0
    async with city.running() as pipeline, AsyncExitStack() as stack:
        fleet = [await stack.enter_async_context(city.gateway(f"gw-{n}", f"site-{n}")) for n in range(4)]
        for gateway in fleet:
            await gateway.state(online=True)
        await fleet[0].pack(0, [Reading("pm-0", "pm25", now_ms() + DAY_MS, 5.0)])
        await fleet[1].pack(0, [Reading("pm-1", "pm25", now_ms(), 5.0)])
        await eventually(lambda: fleet[0].stored() and fleet[1].stored())
        (row,) = city.book.quarantined(10)
        assert (row.reason, row.gateway) == (Reason.IMPOSSIBLE_TIME, "gw-0")
        assert [reading.sensor for _, reading in city.live] == ["pm-1"], "never shown as now"
        assert pipeline.ready()["clock"]


async def test_an_installation_of_one_gateway_judges_after_a_while(city, eventually):
    city.hold_s = 1.0
    async with city.running(), city.gateway() as gateway:
        await gateway.pack(0, [Reading("pm-0", "pm25", now_ms() + DAY_MS, 5.0)])
        await eventually(lambda: gateway.stored() == {("aaaa", 0)})
        assert [row.reason for row in city.book.quarantined(10)] == [Reason.IMPOSSIBLE_TIME]
