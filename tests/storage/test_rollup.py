"""Hourly figures: what is answered from them is what the readings say, whatever came in which order."""

import math
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import rollup
from storage.embedded import EmbeddedStore
from storage.rollup import applies, inner, unrolled
from telemetry.quantities import Aggregate
from telemetry.reading import Reading
from telemetry.times import HOUR_MS
from tests.storage.hourly import HOURS, T0, Clock, cases, check_late_readings_count, hourly, write


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[EmbeddedStore]:
    one = EmbeddedStore(tmp_path / "store.duckdb", clock=clock, roll_every_s=math.inf)
    await one.open()
    yield one
    await one.close()


def rows_of(store: EmbeddedStore, table: str) -> int:
    (count,) = store._file.connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
    return int(count)


@pytest.mark.fuzz
@pytest.mark.parametrize("function", list(Aggregate))
async def test_it_equals_the_reference_also_after_late_readings(
    store: EmbeddedStore, clock: Clock, function: Aggregate
) -> None:
    async def roll() -> None:
        clock.now = T0 + (HOURS + 1) * HOUR_MS
        await store.roll(10_000)

    for case in cases(function, 6):
        clock.now = T0
        await check_late_readings_count(store, case, function, "pm25", roll)


async def test_only_hours_that_are_over_and_quiet_are_rolled(store: EmbeddedStore, clock: Clock) -> None:
    clock.now = T0 + 3 * HOUR_MS
    await write(store, *hourly(hours=5))
    assert await store.roll(100) == 3  # found in the file: nobody knows when they were written
    await write(store, Reading("a", "pm25", T0 + HOUR_MS + 5, 1.0))
    assert (rows_of(store, "hours"), rows_of(store, "rolled")) == (2, 2)
    assert await store.roll(100) == 0
    clock.now += 600_000
    assert await store.roll(100) == 1
    assert (rows_of(store, "hours"), rows_of(store, "rolled")) == (3, 3)


async def test_a_duplicate_that_comes_late_leaves_the_figures_right(
    store: EmbeddedStore, clock: Clock
) -> None:
    readings = hourly()
    await write(store, *readings)
    clock.now = T0 + 40 * HOUR_MS
    assert await store.roll(100) == 30
    await write(store, *readings[3:5])
    (bucket,) = await store.aggregate(
        ["a"],
        "pm25",
        T0,
        T0 + 30 * HOUR_MS,
        window_ms=48 * HOUR_MS,
        function=Aggregate.SUM,
        offset_ms=T0 % (48 * HOUR_MS),
    )
    assert (bucket.value, bucket.count) == (sum(range(30)), 30)


async def test_rolled_hours_are_still_rolled_after_a_restart(tmp_path: Path, clock: Clock) -> None:
    for number in range(2):
        store = EmbeddedStore(tmp_path / "again.duckdb", clock=clock, roll_every_s=math.inf)
        await store.open()
        if not number:
            await write(store, *hourly(hours=30))
            clock.now = T0 + 40 * HOUR_MS
            assert await store.roll(20) == 20
        assert rows_of(store, "rolled") == 20
        await store.close()
    store = EmbeddedStore(tmp_path / "again.duckdb", clock=clock, roll_every_s=math.inf)
    await store.open()
    assert await store.roll(100) == 10
    await store.close()


async def test_what_is_forgotten_is_gone_from_the_figures_too(store: EmbeddedStore, clock: Clock) -> None:
    await write(store, *(Reading("a", "pm25", T0 + half * HOUR_MS // 2, 1.0) for half in range(80)))
    clock.now = T0 + 60 * HOUR_MS
    assert await store.roll(100) == 40
    assert await store.forget(T0 + 4 * HOUR_MS + HOUR_MS // 2) == 9
    for _ in range(2):
        found = await store.aggregate(
            ["a"], "pm25", T0, T0 + 40 * HOUR_MS, window_ms=HOUR_MS, function=Aggregate.COUNT
        )
        assert [int(bucket.value) for bucket in found] == [1] + [2] * 35
        assert await store.roll(100) <= 1


async def test_the_long_chart_reads_no_readings_of_rolled_hours(store: EmbeddedStore, clock: Clock) -> None:
    """Readings taken out behind its back do not change the answer: it comes from the figures."""
    await write(store, *hourly(hours=30))
    clock.now = T0 + 40 * HOUR_MS
    await store.roll(100)
    store._file.connection.execute("DELETE FROM readings")
    found = await store.aggregate(
        ["a"], "pm25", T0, T0 + 30 * HOUR_MS, window_ms=HOUR_MS, function=Aggregate.MEAN
    )
    assert [bucket.value for bucket in found] == [float(hour) for hour in range(30)]


async def test_hours_are_rolled_after_a_write_by_themselves(tmp_path: Path, clock: Clock) -> None:
    clock.now = T0 + 9 * HOUR_MS
    store = EmbeddedStore(tmp_path / "store.duckdb", clock=clock, roll_every_s=0)
    await store.open()
    await write(store, *hourly(hours=3))
    await store.close()  # waits for it
    await store.open()
    assert rows_of(store, "rolled") == 3
    await store.close()


def test_when_hourly_figures_apply() -> None:
    day = 24 * HOUR_MS
    assert applies(T0, T0 + day, HOUR_MS, 0)
    assert applies(T0 + 5, T0 + day + 5, day, 17 * HOUR_MS)
    assert not applies(T0, T0 + day, 900_000, 0)
    assert not applies(T0, T0 + day, HOUR_MS, 1)
    assert not applies(T0, T0 + day - 1, HOUR_MS, 0)
    assert not applies(-1, T0 + day, HOUR_MS, 0)


@given(st.integers(0, 10 * HOUR_MS), st.integers(0, 40 * HOUR_MS), st.sets(st.integers(0, 50), max_size=30))
def test_pieces_and_rolled_hours_are_the_whole_range_once(start: int, length: int, hours: set[int]) -> None:
    end = start + length
    first, last = inner(start, end)
    rolled = sorted(hour * HOUR_MS for hour in hours if first <= hour * HOUR_MS < last)
    pieces = unrolled(start, end, rolled)
    assert all(low < high for low, high in pieces)
    whole = sorted([*pieces, *((hour, hour + HOUR_MS) for hour in rolled)])
    at = start
    for low, high in whole:
        assert low == at
        at = high
    assert at == end or (not whole and start >= end) or start == end


def test_the_columns_of_the_figures_are_those_of_the_table() -> None:
    with duckdb.connect() as database:
        database.execute(rollup.SCHEMA)
        database.execute("CREATE TABLE readings (series INTEGER, observed_at BIGINT, value DOUBLE)")
        table, figures = (
            [(name, kind) for name, kind, *_ in database.execute(f"DESCRIBE {what}").fetchall()]
            for what in ("hours", rollup.figures_sql("true"))
        )
    assert figures == table
