"""Hourly figures: what is answered from them is what the readings say, whatever came in which order."""

import math
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import rollup
from storage.embedded import EmbeddedStore
from storage.rollup import HOUR_MS, applies, inner, unrolled
from storage.store import Bucket, Columns
from telemetry import aggregates
from telemetry.quantities import Aggregate
from telemetry.reading import Reading

T0 = 480_000 * HOUR_MS
HOURS = 60


class Clock:
    """Turned by the test."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[EmbeddedStore]:
    one = EmbeddedStore(tmp_path / "store.duckdb", clock=clock, roll_every_s=math.inf)
    await one.open()
    yield one
    await one.close()


async def write(store: EmbeddedStore, readings: list[Reading]) -> None:
    columns = Columns()
    for reading in readings:
        columns.append("bai-chay", reading, 0, None)
    await store.write(columns)


def expected(
    readings: list[Reading], span: tuple[int, int], window_ms: int, offset_ms: int, function: Aggregate
) -> list[Bucket]:
    windows: dict[tuple[str, int], list[float]] = {}
    for reading in sorted(readings, key=lambda one: (one.sensor, one.observed_at)):
        if span[0] <= reading.observed_at < span[1]:
            start = reading.observed_at - (reading.observed_at - offset_ms) % window_ms
            windows.setdefault((reading.sensor, start), []).append(reading.value)
    found = []
    for (sensor, start), values in windows.items():
        value = aggregates.aggregate(function, values)
        if value is not None:
            found.append(Bucket(sensor, start, float(value), len(values)))
    return found


def rows_of(store: EmbeddedStore, table: str) -> int:
    (count,) = store._file.connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
    return int(count)


VALUES = {
    Aggregate.ENERGY_MEAN: st.floats(20, 140),
    Aggregate.VECTOR_MEAN: st.integers(0, 360).map(float),
    Aggregate.INCREASE: st.integers(0, 1000).map(lambda tenths: tenths / 10),
}


@pytest.mark.parametrize("function", list(Aggregate))
async def test_it_equals_the_reference_also_after_late_readings(
    store: EmbeddedStore, clock: Clock, function: Aggregate
) -> None:
    rows = st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.integers(0, HOURS * 60).map(lambda minute: minute * 60_000),
            VALUES.get(function, st.floats(-1e6, 1e6)),
        ),
        min_size=1,
        max_size=80,
        unique_by=lambda row: row[:2],
    )
    cases: list[tuple[list[tuple[str, int, float]], int, int, int, int]] = []

    @settings(max_examples=6, deadline=None, database=None)
    @given(
        rows,
        st.integers(0, 12 * HOUR_MS),
        st.integers(24, 50),
        st.sampled_from([1, 3, 24]),
        st.integers(0, 80),
    )
    def examples(rows: list[tuple[str, int, float]], start: int, hours: int, window: int, late: int) -> None:
        cases.append((rows, start, hours, window, late))

    examples()
    for rows_given, start, hours, window, late in cases:
        prefix = uuid4().hex[:8]
        readings = [Reading(f"{prefix}-{name}", "pm25", T0 + at, value) for name, at, value in rows_given]
        await write(store, readings[late:])
        clock.now += (HOURS + 1) * HOUR_MS
        await store.roll(10_000)
        await write(store, readings[:late])
        sensors = sorted({reading.sensor for reading in readings})
        span = (T0 + start, T0 + start + hours * HOUR_MS)
        window_ms, offset_ms = window * HOUR_MS, 17 * HOUR_MS
        found = await store.aggregate(
            sensors, "pm25", *span, window_ms=window_ms, function=function, offset_ms=offset_ms
        )
        wanted = expected(readings, span, window_ms, offset_ms, function)
        assert [(b.sensor, b.start_ms, b.count) for b in found] == [
            (b.sensor, b.start_ms, b.count) for b in wanted
        ]
        for one, other in zip(found, wanted, strict=True):
            if function is Aggregate.VECTOR_MEAN:
                assert abs((one.value - other.value + 180) % 360 - 180) < 1e-5
            else:
                assert math.isclose(one.value, other.value, rel_tol=1e-9, abs_tol=1e-7)
        clock.now = T0


async def test_only_hours_that_are_over_and_quiet_are_rolled(store: EmbeddedStore, clock: Clock) -> None:
    clock.now = T0 + 3 * HOUR_MS
    await write(store, [Reading("a", "pm25", T0 + hour * HOUR_MS, 1.0) for hour in range(5)])
    assert await store.roll(100) == 3  # found in the file: nobody knows when they were written
    await write(store, [Reading("a", "pm25", T0 + HOUR_MS + 5, 1.0)])
    assert (rows_of(store, "hours"), rows_of(store, "rolled")) == (2, 2)
    assert await store.roll(100) == 0
    clock.now += 600_000
    assert await store.roll(100) == 1
    assert (rows_of(store, "hours"), rows_of(store, "rolled")) == (3, 3)


async def test_a_duplicate_that_comes_late_leaves_the_figures_right(
    store: EmbeddedStore, clock: Clock
) -> None:
    readings = [Reading("a", "pm25", T0 + hour * HOUR_MS, float(hour)) for hour in range(30)]
    await write(store, readings)
    clock.now = T0 + 40 * HOUR_MS
    assert await store.roll(100) == 30
    await write(store, readings[3:5])
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
            await write(store, [Reading("a", "pm25", T0 + hour * HOUR_MS, 1.0) for hour in range(30)])
            clock.now = T0 + 40 * HOUR_MS
            assert await store.roll(20) == 20
        assert rows_of(store, "rolled") == 20
        await store.close()
    store = EmbeddedStore(tmp_path / "again.duckdb", clock=clock, roll_every_s=math.inf)
    await store.open()
    assert await store.roll(100) == 10
    await store.close()


async def test_what_is_forgotten_is_gone_from_the_figures_too(store: EmbeddedStore, clock: Clock) -> None:
    await write(store, [Reading("a", "pm25", T0 + half * HOUR_MS // 2, 1.0) for half in range(80)])
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
    await write(store, [Reading("a", "pm25", T0 + hour * HOUR_MS, 2.0) for hour in range(30)])
    clock.now = T0 + 40 * HOUR_MS
    await store.roll(100)
    store._file.connection.execute("DELETE FROM readings")
    found = await store.aggregate(
        ["a"], "pm25", T0, T0 + 30 * HOUR_MS, window_ms=HOUR_MS, function=Aggregate.MEAN
    )
    assert [bucket.value for bucket in found] == [2.0] * 30


async def test_hours_are_rolled_after_a_write_by_themselves(tmp_path: Path, clock: Clock) -> None:
    clock.now = T0 + 9 * HOUR_MS
    store = EmbeddedStore(tmp_path / "store.duckdb", clock=clock, roll_every_s=0)
    await store.open()
    await write(store, [Reading("a", "pm25", T0 + hour * HOUR_MS, 1.0) for hour in range(3)])
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
    columns = [
        line.split()[0]
        for part in rollup.SCHEMA.split("(")[1].split(")")[:1]
        for line in part.replace("\n", " ").split(",")
    ]
    named = rollup.figures_sql("true")
    assert all(column in named for column in columns)
