"""Hourly figures in a real InfluxDB: what is answered from them is what the readings say, whoever writes late and rolls when."""

import asyncio
import math
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from storage import figures, influxql
from storage.figures import FIELDS
from storage.influx import InfluxStore
from storage.influx_hours import FRESH_MS, QUIET_MS
from storage.influx_http import InfluxUrl
from storage.store import Bucket
from telemetry.quantities import QUANTITIES, Aggregate
from telemetry.reading import Reading
from telemetry.times import HOUR_MS
from tests.storage.hourly import HOURS, T0, Clock, cases, check_late_readings_count, hourly, write

pytestmark = pytest.mark.influxd
DAY = 24 * HOUR_MS
OVER = T0 + (HOURS + 1) * HOUR_MS + QUIET_MS

# A quantity whose own kind of mean it is, for the functions that need figures of their own.
OF = {
    Aggregate.ENERGY_MEAN: "noise_laeq",
    Aggregate.VECTOR_MEAN: "wind_direction",
    Aggregate.INCREASE: "rain",
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def address(influxd_url: str, influx_database: str) -> str:
    return f"{influxd_url}/{influx_database}"


async def opened(address: str, clock: Clock) -> InfluxStore:
    store = InfluxStore(InfluxUrl.parse(address), clock=clock, roll_every_s=math.inf)
    await store.open()
    store._next_roll = math.inf  # the test rolls
    return store


@pytest.fixture
async def store(address: str, clock: Clock) -> AsyncIterator[InfluxStore]:
    one = await opened(address, clock)
    yield one
    await one.close()


async def roll_all(store: InfluxStore) -> int:
    total = 0
    while number := await store.roll():
        total += number
    return total


async def counts(store: InfluxStore, hours: int = 30, sensor: str = "a") -> list[int]:
    found = await store.aggregate(
        [sensor], "pm25", T0, T0 + hours * HOUR_MS, window_ms=HOUR_MS, function=Aggregate.COUNT
    )
    return [int(bucket.value) for bucket in found]


async def remove_readings(store: InfluxStore, condition: str = "") -> None:
    """Past the store: what is answered afterwards comes from figures."""
    await store._http.query(f'DELETE FROM "pm25" {condition}')


@pytest.mark.fuzz
@pytest.mark.parametrize("function", sorted(FIELDS))
async def test_it_equals_the_reference_also_after_late_readings(
    store: InfluxStore, clock: Clock, function: Aggregate
) -> None:
    async def roll() -> None:
        clock.now = max(OVER, clock.now + QUIET_MS)
        await roll_all(store)

    for case in cases(function, 5):
        await check_late_readings_count(store, case, function, OF.get(function, "pm25"), roll)


async def test_a_long_range_reads_no_readings(store: InfluxStore, clock: Clock) -> None:
    await write(store, *hourly())
    clock.now = OVER
    await roll_all(store)
    await remove_readings(store)
    assert await counts(store) == [1] * 30
    means = await store.aggregate(
        ["a"], "pm25", T0, T0 + 30 * HOUR_MS, window_ms=HOUR_MS, function=Aggregate.MEAN
    )
    assert means == [Bucket("a", T0 + hour * HOUR_MS, float(hour), 1) for hour in range(30)]


async def test_only_hours_that_are_over_and_quiet_are_rolled(store: InfluxStore, clock: Clock) -> None:
    await write(store, *hourly(hours=5))
    clock.now = T0 + 3 * HOUR_MS + QUIET_MS
    assert await roll_all(store) == 3
    await write(store, Reading("a", "pm25", T0 + HOUR_MS + 5, 1.0))
    assert await roll_all(store) == 0
    clock.now += QUIET_MS
    assert await roll_all(store) == 1


async def test_what_another_process_writes_late_is_seen_by_all(
    store: InfluxStore, address: str, clock: Clock
) -> None:
    await write(store, *hourly())
    clock.now = OVER
    await roll_all(store)
    assert await counts(store) == [1] * 30
    other = await opened(address, clock)
    try:
        await write(other, Reading("a", "pm25", T0 + 7 * HOUR_MS + 5, 1.0))
        clock.now += FRESH_MS
        assert await counts(store) == await counts(other) == [1] * 7 + [2] + [1] * 22
        clock.now += QUIET_MS
        assert await roll_all(other) == 1
        clock.now += FRESH_MS
        await remove_readings(store)
        assert await counts(store) == [1] * 7 + [2] + [1] * 22
        assert await roll_all(store) == 0
    finally:
        await other.close()


async def test_a_reading_that_comes_while_its_hour_is_rolled_is_not_lost(
    store: InfluxStore, address: str, clock: Clock
) -> None:
    """Figures, readings and marks in any order: at the end every hour says what its readings say."""
    await write(store, *hourly())
    clock.now = OVER
    other = await opened(address, clock)
    try:
        late = [Reading("a", "pm25", T0 + hour * HOUR_MS + 5, 1.0) for hour in range(30)]
        await asyncio.gather(
            roll_all(store), *(write(one, reading) for reading in late for one in (store, other))
        )
        clock.now += FRESH_MS
        assert await counts(store) == await counts(other) == [2] * 30
        clock.now += QUIET_MS
        await roll_all(other)
        clock.now += FRESH_MS
        assert await counts(store) == await counts(other) == [2] * 30
    finally:
        await other.close()


async def test_a_clock_that_was_ahead_leaves_no_wrong_figures(store: InfluxStore, clock: Clock) -> None:
    await write(store, *hourly())
    clock.now = OVER + 10 * DAY
    await roll_all(store)
    clock.now = OVER
    await write(store, Reading("a", "pm25", T0 + 5, 1.0))
    clock.now += QUIET_MS
    for _ in range(2):
        assert await counts(store) == [2] + [1] * 29
        await roll_all(store)
        clock.now += FRESH_MS


async def test_after_a_restart_only_what_is_new_is_rolled(
    store: InfluxStore, address: str, clock: Clock
) -> None:
    await write(store, *hourly())
    clock.now = T0 + 20 * HOUR_MS + QUIET_MS
    assert await roll_all(store) == 20
    again = await opened(address, clock)
    try:
        clock.now = T0 + 30 * HOUR_MS + QUIET_MS
        assert await roll_all(again) == 10
    finally:
        await again.close()


async def test_a_sensor_that_moved_in_an_hour_is_one(store: InfluxStore, clock: Clock) -> None:
    await write(store, *hourly())
    await write(store, Reading("a", "pm25", T0 + 5, 3.0), site="hon-gai")
    clock.now = OVER
    await roll_all(store)
    (bucket,) = await store.aggregate(
        ["a"], "pm25", T0, T0 + DAY, window_ms=DAY, function=Aggregate.SUM, offset_ms=T0 % DAY
    )
    assert (bucket.value, bucket.count) == (sum(range(24)) + 3.0, 25)


async def test_readings_removed_by_hand_are_gone_from_the_figures_when_told(
    store: InfluxStore, clock: Clock
) -> None:
    await write(store, *hourly(), *hourly("b"))
    clock.now = OVER
    await roll_all(store)
    await remove_readings(store, "WHERE \"sensor\" = 'a'")
    assert await counts(store) == [1] * 30
    assert await store.distrust(T0, T0 + 10 * HOUR_MS) == 10
    assert await counts(store) == [1] * 20
    assert await roll_all(store) == 10
    clock.now += FRESH_MS
    assert await counts(store) == [1] * 20
    assert await counts(store, sensor="b") == [1] * 30


async def test_figures_are_no_readings(store: InfluxStore, clock: Clock) -> None:
    await write(store, *hourly())
    clock.now = OVER
    await roll_all(store)
    assert sum((await store.count(0, OVER)).values()) == 30
    assert len(await store.latest(0)) == len(await store.series()) == 1
    assert sum([len(some) async for some in store.scan(0, OVER)]) == 30
    assert sum((await store.count_windows(0, OVER, window_ms=HOUR_MS)).values()) == 30


async def test_hours_are_rolled_after_a_write_by_themselves(address: str, clock: Clock) -> None:
    clock.now = OVER
    store = InfluxStore(InfluxUrl.parse(address), clock=clock, roll_every_s=0)
    await store.open()
    try:
        await write(store, *hourly(hours=3))
        assert store._rolling is not None
        await store._rolling
        clock.now += QUIET_MS
        await roll_all(store)
        await remove_readings(store)
        assert await counts(store, hours=24) == [1] * 3
    finally:
        await store.close()


async def test_a_server_that_does_not_tell_the_marks_is_asked_for_readings(clock: Clock) -> None:
    """InfluxDB 3 Core refuses a question over too many files."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        statement = str((await request.post())["q"])
        asked.append(statement)
        if figures.MARKS in statement:
            return web.json_response({"results": [{"error": "Query would exceed file limit of 432"}]})
        series = {
            "name": "pm25",
            "tags": {"sensor": "a"},
            "columns": ["time", "mean", "count"],
            "values": [[T0, 5.0, 2]],
        }
        return web.json_response({"results": [{"series": [series]}]})

    application = web.Application()
    application.router.add_post("/query", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    store = await opened(f"http://127.0.0.1:{runner.addresses[0][1]}/city", clock)
    try:
        for _ in range(2):
            found = await store.aggregate(
                ["a"], "pm25", T0, T0 + DAY, window_ms=HOUR_MS, function=Aggregate.MEAN
            )
            assert found == [Bucket("a", T0, 5.0, 2)]
        assert len([one for one in asked if figures.MARKS in one]) == 1
    finally:
        await store.close()
        await runner.cleanup()


def test_a_question_about_every_quantity_looks_at_no_figures() -> None:
    every = re.compile(influxql.EVERY_QUANTITY.strip("/"))
    assert all(every.search(name) for name in QUANTITIES)
    assert not any(every.search(figures.measurement(name)) for name in [*QUANTITIES, "x"])
    assert not every.search(figures.MARKS)
