"""Aggregates of a store are those of the reference, on both implementations."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.store import Store
from telemetry.quantities import Aggregate
from telemetry.reading import Reading
from tests.contracts.test_store import FAR, T0, columns, series_of
from tests.storage.buckets import VALUES, assert_alike, expected
from tests.thorough import examples


async def check_aggregate(
    store: Store,
    readings: list[Reading],
    sensors: list[str],
    quantity: str,
    function: Aggregate,
    period: tuple[int, int],
    window_ms: int,
    offset_ms: int,
) -> None:
    found = await store.aggregate(
        sensors, quantity, *period, window_ms=window_ms, function=function, offset_ms=offset_ms
    )
    assert_alike(found, expected(readings, period, window_ms, offset_ms, function), function)


@pytest.mark.fuzz
@pytest.mark.parametrize("function", list(Aggregate))
async def test_aggregates_equal_the_reference(store: Store, function: Aggregate) -> None:
    @settings(examples(8), database=None)
    @given(
        rows=st.lists(
            st.tuples(
                st.sampled_from(["a", "b-2", "c"]),
                st.integers(0, 400_000),
                VALUES.get(function, st.floats(-1e6, 1e6)),
            ),
            min_size=1,
            max_size=60,
            unique_by=lambda row: row[:2],
        ),
        period=st.tuples(st.integers(-10_000, 200_000), st.integers(0, 420_000)),
        window_ms=st.sampled_from([1, 1000, 7000, 60_000, 3_600_000]),
        offset_ms=st.sampled_from([0, 1, 25_200_000, -500, 59_999]),
    )
    def collect(
        rows: list[tuple[str, int, float]], period: tuple[int, int], window_ms: int, offset_ms: int
    ) -> None:
        cases.append((rows, period, window_ms, offset_ms))

    cases: list[tuple[list[tuple[str, int, float]], tuple[int, int], int, int]] = []
    collect()
    for rows, (start, length), window_ms, offset_ms in cases:
        prefix = uuid4().hex[:8]
        readings = [Reading(f"{prefix}-{name}", "pm25", T0 + at, value) for name, at, value in rows]
        await store.write(columns(*readings))
        sensors = sorted({reading.sensor for reading in readings})
        asked = sensors[: max(1, len(sensors) - 1)]
        wanted = [reading for reading in readings if reading.sensor in asked]
        period = (T0 + start, T0 + start + length)
        await check_aggregate(store, wanted, asked, "pm25", function, period, window_ms, offset_ms)


async def test_directions_that_cancel_out_give_no_bucket(store: Store) -> None:
    readings = series_of([0.0, 180.0], quantity="wind_direction")
    await store.write(columns(*readings))
    assert (
        await store.aggregate(
            ["dust-1"], "wind_direction", T0, FAR, window_ms=60_000, function=Aggregate.VECTOR_MEAN
        )
        == []
    )


async def test_a_day_in_the_citys_zone(store: Store) -> None:
    midnight = T0 - (T0 - 61_200_000) % 86_400_000  # 00:00 at UTC+7 is 17:00 UTC
    readings = [Reading("rain-1", "rain", midnight + hour * 3_600_000, hour % 30 * 0.5) for hour in range(72)]
    await store.write(columns(*readings))
    await check_aggregate(
        store,
        readings,
        ["rain-1"],
        "rain",
        Aggregate.INCREASE,
        (midnight, midnight + 3 * 86_400_000),
        86_400_000,
        -7 * 3_600_000,
    )
