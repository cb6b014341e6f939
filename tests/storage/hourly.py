"""What the tests of hourly figures share: readings that come late, a clock that is turned, and what the answer should be."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.store import Columns, Store
from telemetry.quantities import Aggregate
from telemetry.reading import Reading
from telemetry.times import HOUR_MS
from tests.storage.buckets import VALUES, assert_alike, expected
from tests.thorough import examples

T0 = 480_000 * HOUR_MS
HOURS = 60


class Clock:
    """Turned by the test."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


class Case(NamedTuple):
    """Readings of two sensors in HOURS (the first `late` come when the others are rolled), and what is asked for."""

    rows: list[tuple[str, int, float]]
    start_ms: int
    hours: int
    window_hours: int
    late: int


def hourly(sensor: str = "a", hours: int = 30, quantity: str = "pm25") -> list[Reading]:
    return [Reading(sensor, quantity, T0 + hour * HOUR_MS, float(hour)) for hour in range(hours)]


async def write(store: Store, *readings: Reading, site: str = "bai-chay") -> None:
    columns = Columns()
    for reading in readings:
        columns.append(site, reading, 0, None)
    await store.write(columns)


def cases(function: Aggregate, count: int) -> list[Case]:
    """Made by hypothesis first, tried afterwards: a store is no synchronous function."""
    found: list[Case] = []
    row = st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(0, HOURS * 60).map(lambda minute: minute * 60_000),
        VALUES.get(function, st.floats(-1e6, 1e6)),
    )

    @settings(examples(count), database=None)
    @given(
        st.builds(
            Case,
            st.lists(row, min_size=1, max_size=80, unique_by=lambda row: row[:2]),
            st.integers(0, 12 * HOUR_MS),
            st.integers(24, 50),
            st.sampled_from([1, 3, 24]),
            st.integers(0, 80),
        )
    )
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


async def check_late_readings_count(
    store: Store, case: Case, function: Aggregate, quantity: str, roll: Callable[[], Awaitable[object]]
) -> None:
    """What the store answers, after `roll` and with what came later, is what its readings say."""
    prefix = uuid4().hex[:8]
    readings = [Reading(f"{prefix}-{name}", quantity, T0 + at, value) for name, at, value in case.rows]
    await write(store, *readings[case.late :])
    await roll()
    await write(store, *readings[: case.late])
    span = (T0 + case.start_ms, T0 + case.start_ms + case.hours * HOUR_MS)
    window_ms, offset_ms = case.window_hours * HOUR_MS, 17 * HOUR_MS
    sensors = sorted({reading.sensor for reading in readings})
    found = await store.aggregate(
        sensors, quantity, *span, window_ms=window_ms, function=function, offset_ms=offset_ms
    )
    wanted = expected(readings, span, window_ms, offset_ms, function)
    assert_alike(found, wanted, function)
