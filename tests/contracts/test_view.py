"""Corrected and invalid readings are read the same from either store: as the reference makes them from the raw ones."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest

from storage.amendments import AmendmentError, Corrected, Invalid, Pages
from storage.book import Book
from storage.open import open_store
from storage.runs import runs
from storage.store import Columns, Store
from storage.view import View
from telemetry import aggregates
from telemetry.corrections import NEAR_MS, Correction, Form, nearest
from telemetry.quantities import Aggregate
from telemetry.reading import Flag, Reading

MINUTE = 60_000
T0 = 1_760_000_000_000 - 1_760_000_000_000 % (60 * MINUTE)
END = T0 + 240 * MINUTE
FUNCTIONS = [f for f in Aggregate if f is not Aggregate.VECTOR_MEAN]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "book.sqlite") as one:
        yield one


def history() -> list[Reading]:
    """Four hours: dust every 20 s, humidity every minute but for a gap of an hour, noise and a counter beside them."""
    rng = Random(3)
    found = []
    for second in range(0, 240 * 60, 20):
        at = T0 + second * 1000 + 7
        found.append(Reading("air-1", "pm25", at, round(rng.uniform(5, 90), 1)))
        found.append(Reading("air-2", "pm25", at, round(rng.uniform(5, 90), 1)))
        found.append(Reading("noise-1", "noise_laeq", at, round(rng.uniform(50, 80), 1)))
        found.append(Reading("meter-1", "energy", at, second / 7))
        found.append(Reading("vane-1", "wind_direction", at, rng.uniform(0, 359)))
        if second % 60 == 0 and not 5400 <= second < 9000:
            found.append(Reading("air-1", "humidity", at + 3, round(rng.uniform(40, 99), 1)))
    return found


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    one = open_store(address)
    await one.open()
    columns = Columns()
    for reading in history():
        columns.append("bai-chay", reading, 0, None)
    await one.write(columns)
    yield one
    await one.close()


def reference(
    pages: Pages, sensor: str, quantity: str, window_ms: int, function: Aggregate, start_ms: int, end_ms: int
) -> dict[int, tuple[float, int]]:
    """Reading by reading: what is valid and can be corrected, then the reference aggregate of each window."""
    humid = [one for one in history() if one.series == ("air-1", "humidity")]
    times = [one.observed_at for one in humid]
    windows: dict[int, list[float]] = {}
    for one in history():
        if one.series != (sensor, quantity) or not start_ms <= one.observed_at < end_ms:
            continue
        if any(
            p.sensor == sensor and p.quantity in ("", quantity) and p.holds(one.observed_at)
            for p in pages.invalid()
        ):
            continue
        value: float | None = one.value
        for noted in pages.corrections():
            if (noted.sensor, noted.quantity) == one.series and noted.holds(one.observed_at):
                value = noted.correction.apply(one.value, nearest(humid, times, one.observed_at))
        if value is not None:
            windows.setdefault(one.observed_at - one.observed_at % window_ms, []).append(value)
    return {
        start: (aggregates.aggregate(function, values), len(values))  # type: ignore[misc]
        for start, values in windows.items()
    }


async def check(view: View, pages: Pages, sensor: str, quantity: str, functions: list[Aggregate]) -> None:
    for function in functions:
        for window_ms in (7 * MINUTE, 60 * MINUTE):
            start_ms, end_ms = T0 + 3 * MINUTE, END - 5 * MINUTE
            start_ms -= start_ms % window_ms  # the reference knows whole windows only
            found = await view.aggregate(
                [sensor], quantity, start_ms, end_ms, window_ms=window_ms, function=function
            )
            wanted = reference(pages, sensor, quantity, window_ms, function, start_ms, end_ms)
            assert {b.start_ms: b.count for b in found} == {start: n for start, (_, n) in wanted.items()}
            for bucket in found:
                assert bucket.value == pytest.approx(wanted[bucket.start_ms][0], rel=1e-9, abs=1e-6), function


def note(pages: Pages, sensor: str, quantity: str, correction: Correction, low: int, high: int | None) -> int:
    end = None if high is None else T0 + high * MINUTE
    return pages.correct(
        sensor, quantity, correction, T0 + low * MINUTE, end, reason="a test", who="a test", now_ms=T0
    )


def declare(pages: Pages, sensor: str, quantity: str, low: int, high: int | None) -> int:
    end = None if high is None else T0 + high * MINUTE
    return pages.invalidate(
        sensor, quantity, T0 + low * MINUTE, end, reason="a test", who="a test", now_ms=T0
    )


async def test_factor_and_offset_and_invalid_periods(store: Store, book: Book) -> None:
    view, pages = View(store, book), Pages(book)
    note(pages, "air-1", "pm25", Correction(factor=1.5, offset=-2.0), 10, 64)
    note(pages, "air-1", "pm25", Correction(factor=-0.5), 64, 121)
    note(pages, "air-1", "pm25", Correction(factor=2.0), 121, 180)
    declare(pages, "air-1", "", 75, 82)
    declare(pages, "air-1", "pm25", 80, 93)
    declare(pages, "air-1", "noise_laeq", 130, 140)
    declare(pages, "air-1", "pm25", 200, None)
    await check(view, pages, "air-1", "pm25", FUNCTIONS)


async def test_levels_counters_and_directions(store: Store, book: Book) -> None:
    view, pages = View(store, book), Pages(book)
    note(pages, "noise-1", "noise_laeq", Correction(offset=-3.0), 30, 200)
    note(pages, "meter-1", "energy", Correction(factor=40.0), 30, None)
    note(pages, "vane-1", "wind_direction", Correction(offset=-90.0), 30, None)
    declare(pages, "vane-1", "", 100, 130)
    await check(view, pages, "noise-1", "noise_laeq", [Aggregate.ENERGY_MEAN, Aggregate.MAX])
    await check(view, pages, "meter-1", "energy", [Aggregate.INCREASE, Aggregate.LAST])
    await check(view, pages, "vane-1", "wind_direction", [Aggregate.VECTOR_MEAN])


@pytest.mark.parametrize("form", [Form.EPA, Form.KOHLER])
async def test_for_humidity_each_reading_has_its_own(store: Store, book: Book, form: Form) -> None:
    """What has no humidity near cannot be corrected: it is left out of aggregates, and reads as it was."""
    view, pages = View(store, book), Pages(book)
    note(pages, "air-1", "pm25", Correction(form, kappa=0.35), 10, None)
    note(pages, "air-2", "pm25", Correction(form, humidity="air-1"), 0, 60)
    await check(view, pages, "air-1", "pm25", [Aggregate.MEAN, Aggregate.MAX, Aggregate.COUNT])
    await check(view, pages, "air-2", "pm25", [Aggregate.MEAN])
    rows = await view.readings("air-1", "pm25", T0, END, limit=1000)
    raw = [one for one in history() if one.series == ("air-1", "pm25")]
    flagged = [bool(row.flags & Flag.CORRECTED) for row in rows]
    assert len(rows) == len(raw)
    assert not any(flagged[:30])  # before ten minutes
    assert flagged.count(False) >= 30 + (3600 - 2 * NEAR_MS // 1000) // 20
    for row, one in zip(rows, raw, strict=True):
        assert row.observed_at == one.observed_at
        if not row.flags & Flag.CORRECTED:
            assert row.value == one.value


async def test_readings_are_marked_and_undone(store: Store, book: Book) -> None:
    view, pages = View(store, book), Pages(book)
    correction = note(pages, "air-1", "pm25", Correction(factor=2.0), 1, 3)
    period = declare(pages, "air-1", "", 2, 4)
    raw = await store.readings("air-1", "pm25", T0, T0 + 5 * MINUTE, limit=100)
    rows = await view.readings("air-1", "pm25", T0, T0 + 5 * MINUTE, limit=100)
    flags = [Flag(row.flags) for row in rows]
    both = Flag.INVALID | Flag.CORRECTED
    assert flags == [Flag(0)] * 3 + [Flag.CORRECTED] * 3 + [both] * 3 + [Flag.INVALID] * 3 + [Flag(0)] * 3
    assert [row.value / one.value for row, one in zip(rows, raw, strict=True)] == [1] * 3 + [2] * 6 + [1] * 6
    newest = await view.readings("air-1", "pm25", T0, T0 + 5 * MINUTE, limit=100, descending=True)
    assert newest == rows[::-1]
    assert await view.raw.readings("air-1", "pm25", T0, T0 + 5 * MINUTE, limit=100) == raw
    assert pages.undo(Corrected, correction, who="a test", now_ms=T0 + 1)
    assert pages.undo(Invalid, period, who="a test", now_ms=T0 + 1)
    assert not pages.undo(Invalid, period, who="a test", now_ms=T0 + 2)
    assert await view.readings("air-1", "pm25", T0, T0 + 5 * MINUTE, limit=100) == raw
    assert [one.undone_by for one in pages.corrections(in_force=False)] == ["a test"]


async def test_the_latest_is_corrected_too(store: Store, book: Book) -> None:
    view, pages = View(store, book), Pages(book)
    note(pages, "air-1", "pm25", Correction(Form.EPA), 0, None)
    note(pages, "air-1", "humidity", Correction(offset=-1.0), 0, None)
    declare(pages, "noise-1", "", 0, None)
    before = {one.series: one for one in await store.latest(0)}
    after = {one.series: one for one in await view.latest(0)}
    humidity = after["air-1", "humidity"]
    assert humidity.value == before["air-1", "humidity"].value - 1
    wanted = Correction(Form.EPA).apply(before["air-1", "pm25"].value, humidity.value)
    assert after["air-1", "pm25"].value == pytest.approx(wanted)
    assert after["noise-1", "noise_laeq"].flags == Flag.INVALID
    assert after["air-2", "pm25"] == before["air-2", "pm25"]
    shown = view.live([("bai-chay", one) for one in before.values()], lambda _: None)
    assert sorted(one.key for _, one in shown) == sorted(one.key for one in after.values())
    assert {one.series: one for _, one in shown} == after


def test_what_contradicts_itself_is_refused(book: Book) -> None:
    pages = Pages(book)
    first = note(pages, "air-1", "pm25", Correction(factor=2.0), 10, 20)
    with pytest.raises(AmendmentError, match=f"correction {first} holds in a part of this period"):
        note(pages, "air-1", "pm25", Correction(factor=3.0), 19, None)
    note(pages, "air-1", "pm25", Correction(factor=3.0), 20, None)
    note(pages, "air-1", "pm10", Correction(factor=3.0), 19, None)
    with pytest.raises(AmendmentError, match="must end after it starts"):
        declare(pages, "air-1", "", 5, 5)
    with pytest.raises(AmendmentError, match="not for noise_laeq"):
        note(pages, "noise-1", "noise_laeq", Correction(Form.EPA), 0, None)


def test_runs_are_whole_windows_without_gaps() -> None:
    made = runs(0, 100, 10, 0, [], [(15, 35), (60, None)])
    assert [(run.start_ms, run.end_ms, run.exact) for run in made] == [
        (0, 10, False),
        (10, 20, True),
        (30, 40, True),
        (40, 60, False),
    ]
