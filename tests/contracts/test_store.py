"""The contract of a store, on both implementations: DuckDB in a file and a real InfluxDB; aggregates stand beside this."""

import math
from pathlib import Path

from storage.open import open_store
from storage.store import Columns, Outcome, Series, Store
from telemetry.quantities import Aggregate
from telemetry.reading import Reading
from tests.contracts.conftest import opened

T0 = 1_760_000_000_000
FAR = T0 + 10**12


def columns(
    *readings: Reading, site: str = "bai-chay", flags: int | None = 0, late_s: int | None = None
) -> Columns:
    result = Columns()
    for reading in readings:
        result.append(site, reading, flags, late_s)
    return result


def series_of(
    values: list[float], *, sensor: str = "dust-1", quantity: str = "pm25", step: int = 1000
) -> list[Reading]:
    return [Reading(sensor, quantity, T0 + number * step, value) for number, value in enumerate(values)]


async def everything(store: Store, start_ms: int = 0, end_ms: int = FAR) -> list[Reading]:
    found = [reading async for some in store.scan(start_ms, end_ms) for reading in some]
    return sorted(found, key=lambda reading: reading.key)


async def test_what_is_written_is_read(store: Store) -> None:
    given_readings = series_of([1.5, 0.1 + 0.2, -40.0, 1e15, 5e-324, 0.0])
    assert await store.write(columns(*given_readings)) == Outcome(6, 0)
    assert await store.readings("dust-1", "pm25", T0, T0 + 6000, limit=100) == given_readings
    assert await everything(store) == given_readings
    await store.ping()


async def test_an_empty_store_answers(store: Store) -> None:
    await store.ping()
    assert await store.write(Columns()) == Outcome(0, 0)
    assert await store.series() == []
    assert await store.latest(0) == []
    assert await store.readings("dust-1", "pm25", 0, FAR, limit=10) == []
    assert await store.aggregate(["dust-1"], "pm25", 0, FAR, window_ms=1000, function=Aggregate.MEAN) == []
    assert await store.aggregate([], "pm25", 0, FAR, window_ms=1000, function=Aggregate.MEAN) == []
    assert await store.count(0, FAR) == {}
    assert await everything(store) == []


async def test_redelivery_changes_nothing(store: Store, address: str) -> None:
    given_readings = series_of([1.0, 2.0, 3.0])
    await store.write(columns(*given_readings))
    again = await store.write(columns(*given_readings, *given_readings[:1], flags=None))
    assert again == (Outcome(0, 4) if address.startswith("duckdb") else Outcome(4, 0))
    assert await everything(store) == given_readings
    assert await store.count(0, FAR) == {("dust-1", "pm25"): 3}


async def test_a_part_that_is_there_already_is_told_apart(store: Store) -> None:
    given_readings = series_of([1.0, 2.0, 3.0, 4.0])
    await store.write(columns(given_readings[1]))
    outcome = await store.write(columns(*given_readings))
    assert outcome.stored + outcome.duplicate == 4
    assert await everything(store) == given_readings


async def test_without_flags_the_old_flags_stay(store: Store) -> None:
    (reading,) = series_of([1.0])
    await store.write(columns(reading, flags=12, late_s=90))
    await store.write(columns(reading, flags=None))
    assert await everything(store) == [Reading("dust-1", "pm25", T0, 1.0, 12)]


async def test_a_reading_that_never_had_flags_reads_as_zero(store: Store) -> None:
    (reading,) = series_of([1.0])
    await store.write(columns(reading, flags=None))
    assert await everything(store) == [reading]
    assert await store.latest(0) == [reading]


async def test_out_of_order_and_old(store: Store) -> None:
    given_readings = series_of([1.0, 2.0, 3.0, 4.0], step=3_600_000)
    await store.write(columns(given_readings[2], given_readings[0]))
    await store.write(columns(given_readings[3], given_readings[1]))
    assert await store.readings("dust-1", "pm25", T0, FAR, limit=9) == given_readings


async def test_latest_is_by_time_of_observation(store: Store) -> None:
    old, new = series_of([1.0, 2.0])
    other = Reading("noise-1", "noise_laeq", T0 - 5000, 55.0)
    await store.write(columns(new, flags=4))
    await store.write(columns(old, other))
    newest = Reading("dust-1", "pm25", new.observed_at, 2.0, 4)
    assert await store.latest(0) == [newest, other]
    assert await store.latest(new.observed_at) == [newest]
    assert await store.latest(new.observed_at + 1) == []


async def test_latest_of_a_sensor_that_moved_is_one(store: Store) -> None:
    old, new = series_of([1.0, 2.0])
    await store.write(columns(new, site="hon-gai"))
    await store.write(columns(old, site="bai-chay"))
    assert await store.latest(0) == [new]
    assert await store.series() == [Series("dust-1", "bai-chay", "pm25"), Series("dust-1", "hon-gai", "pm25")]
    assert await store.readings("dust-1", "pm25", 0, FAR, limit=9) == [old, new]
    assert await store.count(0, FAR) == {("dust-1", "pm25"): 2}
    buckets = await store.aggregate(["dust-1"], "pm25", T0, FAR, window_ms=60_000, function=Aggregate.SUM)
    assert [(bucket.value, bucket.count) for bucket in buckets] == [(3.0, 2)]


async def test_ranges_hold_their_start_and_not_their_end(store: Store) -> None:
    given_readings = series_of([1.0, 2.0, 3.0])
    await store.write(columns(*given_readings))
    assert await store.readings("dust-1", "pm25", T0, T0 + 2000, limit=9) == given_readings[:2]
    assert await store.count(T0 + 1000, T0 + 2000) == {("dust-1", "pm25"): 1}
    assert await everything(store, T0 + 1, T0 + 2001) == given_readings[1:]
    buckets = await store.aggregate(
        ["dust-1"], "pm25", T0, T0 + 2000, window_ms=3_600_000, function=Aggregate.COUNT
    )
    assert [bucket.value for bucket in buckets] == [2.0]
    assert await store.readings("dust-1", "pm25", T0 + 500, T0 + 500, limit=9) == []
    assert await store.readings("dust-1", "pm25", -5, 0, limit=9) == []


async def test_limit_and_order(store: Store) -> None:
    given_readings = series_of([1.0, 2.0, 3.0, 4.0])
    await store.write(columns(*given_readings))
    assert await store.readings("dust-1", "pm25", T0, FAR, limit=2) == given_readings[:2]
    assert await store.readings("dust-1", "pm25", T0, FAR, limit=2, descending=True) == given_readings[:1:-1]
    assert await store.readings("dust-1", "pm25", T0, FAR, limit=0) == []


async def test_names_with_hyphens_and_colons(store: Store) -> None:
    reading = Reading("gw-1-dust-02", "air-quality:pm2.5", T0, 7.0)
    await store.write(columns(reading, site="bai-chay-2"))
    assert await store.series() == [Series("gw-1-dust-02", "bai-chay-2", "air-quality:pm2.5")]
    assert await everything(store) == [reading]
    assert await store.readings("gw-1-dust-02", "air-quality:pm2.5", 0, FAR, limit=1) == [reading]
    assert await store.count(0, FAR) == {("gw-1-dust-02", "air-quality:pm2.5"): 1}
    for function in (Aggregate.MEAN, Aggregate.INCREASE):
        assert (
            len(
                await store.aggregate(
                    ["gw-1-dust-02"], "air-quality:pm2.5", 0, FAR, window_ms=60_000, function=function
                )
            )
            == 1
        )


async def test_twenty_thousand_at_once(store: Store) -> None:
    given_readings = [
        Reading(f"dust-{number % 50}", "pm25", T0 + number // 50 * 1000 + number % 50, number / 7)
        for number in range(20_000)
    ]
    outcome = await store.write(columns(*given_readings))
    assert outcome == Outcome(20_000, 0)
    assert await everything(store) == sorted(given_readings, key=lambda reading: reading.key)
    assert set((await store.count(0, FAR)).values()) == {400}


async def test_scan_comes_in_bounded_lists(store: Store) -> None:
    day = [Reading("dust-1", "pm25", T0 + number * 2000, 1.0) for number in range(43_200)]
    await store.write(columns(*day))
    lists = [some async for some in store.scan(0, FAR)]
    assert max(map(len, lists)) <= 20_000
    assert sum(map(len, lists)) == len(day)
    assert len({reading.key for some in lists for reading in some}) == len(day)


async def test_what_no_store_can_keep_is_refused_alone(store: Store) -> None:
    good = series_of([1.0, 2.0])
    bad = [
        Reading("dust-1", "pm25", T0 + 5000, math.nan),
        Reading("dust-1", "pm25", T0 + 5000, math.inf),
        Reading("", "pm25", T0 + 5000, 1.0),
        Reading("dust\n1", "pm25", T0 + 5000, 1.0),
        Reading("dust-1", "#pm25", T0 + 5000, 1.0),
        Reading("dust-1", "pm25", -1, 1.0),
        Reading("dust-1", "pm25", 2**63, 1.0),
    ]
    outcome = await store.write(columns(good[0], *bad, good[1]))
    assert (outcome.stored, outcome.duplicate) == (2, 0)
    assert [rejected.index for rejected in outcome.rejected] == [1, 2, 3, 4, 5, 6, 7]
    assert outcome.rejected[0].reason == "nan is not a finite number"
    assert outcome.rejected[2].reason == "'' is not a name"
    assert await everything(store) == good


async def test_reopening_keeps_everything(address: str) -> None:
    given_readings = series_of([1.0, 2.0])
    async with opened(address) as store:
        await store.write(columns(*given_readings, flags=2))
    kept = [Reading("dust-1", "pm25", one.observed_at, one.value, 2) for one in given_readings]
    async with opened(address) as store:
        assert await everything(store) == kept
        (later,) = series_of([9.0], sensor="dust-2")
        await store.write(columns(later))
        await store.write(columns(*given_readings, flags=None))
        assert await everything(store) == [*kept, later]


async def test_closing_twice_and_unopened_is_harmless(address: str) -> None:
    store = open_store(address)
    await store.close()
    await store.open()
    await store.close()
    await store.close()


async def test_rows_are_counted_by_sensor_and_window(store: Store) -> None:
    hour = 3_600_000
    start = T0 - T0 % hour
    await store.write(
        columns(
            Reading("dust-1", "pm25", start, 1.0),
            Reading("dust-1", "pm10", start + hour - 1, 1.0),
            Reading("dust-1", "pm25", start + hour, 1.0),
            Reading("noise-1", "noise_laeq", start + 3 * hour - 1, 55.0),
            Reading("noise-1", "noise_laeq", start + 3 * hour, 55.0),
        )
    )
    await store.write(columns(Reading("dust-1", "pm25", start + 7, 2.0), site="hon-gai"))
    assert await store.count_windows(start, start + 3 * hour, window_ms=hour) == {
        ("dust-1", start): 3,
        ("dust-1", start + hour): 1,
        ("noise-1", start + 2 * hour): 1,
    }
    assert await store.count_windows(start + 4 * hour, FAR, window_ms=hour) == {}


async def test_rows_carry_everything_to_another_store(store: Store, tmp_path: Path) -> None:
    first, second = series_of([1.0, 2.0]), series_of([3.0, 4.0], sensor="dust-2", quantity="co2")
    await store.write(columns(*first, flags=12, late_s=90))
    await store.write(columns(*second, site="hon-gai", flags=None))
    async with opened(f"duckdb:{tmp_path / 'copy.duckdb'}") as copy:
        async for some in store.rows(0, FAR):
            await copy.write(some)
        moved = [row async for some in copy.rows(0, FAR) for row in zip(*vars_of(some), strict=True)]
    assert sorted(moved, key=str) == sorted(
        [("dust-1", "bai-chay", "pm25", r.observed_at, r.value, 12, 90) for r in first]
        + [("dust-2", "hon-gai", "co2", r.observed_at, r.value, None, None) for r in second],
        key=str,
    )
    assert [some async for some in store.rows(0, T0)] == []


def vars_of(some: Columns) -> list[list[object]]:
    return [
        getattr(some, name)
        for name in ("sensor", "site", "quantity", "observed_at", "value", "flags", "late_s")
    ]
