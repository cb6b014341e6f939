"""Periods end by themselves, the last word counts, the file is whole or not there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import logbookfile
from edge.logbook import MAX_ENTRIES, Logbook, Period, Swap
from edge.logbookfile import LogbookError, WatchedLogbook
from telemetry.inventory import Sensor
from telemetry.reading import Flag, InstrumentState, Reading

CALIBRATING, FAULT, MEASURING = InstrumentState.CALIBRATING, InstrumentState.FAULT, InstrumentState.MEASURING


def flags_at(logbook: Logbook, *times: int, sensor: str = "pm-1") -> list[int]:
    return [one.flags for one in logbook.marked([Reading(sensor, "pm25", at, 1.0) for at in times])]


def test_a_period_is_from_its_begin_to_before_its_end() -> None:
    logbook = Logbook().said(Period("pm-1", CALIBRATING, 100, 200))
    assert flags_at(logbook, 99, 100, 199, 200) == [0, 32, 32, 0]
    assert flags_at(logbook, 150, sensor="pm-2") == [0]


def test_measuring_ends_what_holds_and_is_no_period() -> None:
    logbook = Logbook().said(Period("pm-1", FAULT, 100)).said(Period("pm-1", MEASURING, 300))
    assert flags_at(logbook, 100, 299, 300, 10**15) == [64, 64, 0, 0]
    assert [period.state for period in logbook.periods] == [FAULT]


def test_the_last_word_counts() -> None:
    logbook = Logbook().said(Period("pm-1", CALIBRATING, 100, 400)).said(Period("pm-1", FAULT, 200, 300))
    assert flags_at(logbook, 150, 250, 350) == [32, 64, 0]


def test_other_flags_stay() -> None:
    logbook = Logbook().said(Period("pm-1", CALIBRATING, 0, 10))
    (marked,) = logbook.marked([Reading("pm-1", "pm25", 5, 1.0, int(Flag.DEVICE))])
    assert marked.flags == Flag.DEVICE | Flag.CALIBRATING


@given(
    st.lists(st.tuples(st.sampled_from(InstrumentState), st.integers(0, 50), st.none() | st.integers(0, 50)))
)
def test_what_was_said_at_a_time_holds_then(words: list[tuple[InstrumentState, int, int | None]]) -> None:
    """Words in the order of time, as the command line says them."""
    logbook, at, expected = Logbook(), 0, [MEASURING] * 4000
    for state, after, lasts in words:
        at += after
        until = None if state is MEASURING or lasts is None else at + lasts
        logbook = logbook.said(Period("pm-1", state, at, until))
        held = [state] * ((until if until is not None else 4000) - at)
        expected[at:] = (held + [MEASURING] * 4000)[: 4000 - at]
    for moment in range(0, 4000, 7):
        period = logbook.period("pm-1", moment)
        assert (period.state if period else MEASURING) == expected[moment]


def test_it_is_bounded() -> None:
    logbook = Logbook()
    for at in range(MAX_ENTRIES + 5):
        logbook = logbook.said(Period("pm-1", FAULT, 2 * at, 2 * at + 1)).swapped(Swap("pm-1", at))
    assert (len(logbook.periods), len(logbook.swaps)) == (MAX_ENTRIES, MAX_ENTRIES)
    assert logbook.periods[0].from_ms == 10


def test_a_swap_dates_the_device_and_keeps_the_id() -> None:
    sensors = (Sensor("pm-1", "pms5003", ("pm25",)), Sensor("pm-2", "pms5003", ("pm25",)))
    logbook = Logbook().swapped(Swap("pm-1", 20, "B")).swapped(Swap("pm-1", 10, "A"))
    first, second = logbook.dated(sensors)
    assert (first.id, first.serial, first.installed_ms) == ("pm-1", "B", 20)
    assert second == sensors[1]


def test_the_file_brings_back_what_was_written(tmp_path: Path) -> None:
    path = logbookfile.beside(tmp_path / "journal.db")
    assert logbookfile.read(path) == Logbook()
    for at in (1, 2):
        written = logbookfile.write(path, lambda logbook, at=at: logbook.swapped(Swap("pm-1", at)))
    assert logbookfile.read(path) == written
    assert [swap.at_ms for swap in written.swaps] == [1, 2]


def test_a_watcher_sees_changes_and_keeps_what_it_knew_of_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "logbook.json"
    watched = WatchedLogbook(path)
    assert not watched.refresh()
    logbookfile.write(path, lambda logbook: logbook.said(Period("pm-1", FAULT, 5)))
    assert not watched.refresh()
    assert flags_at(watched.now, 6) == [64]
    logbookfile.write(path, lambda logbook: logbook.swapped(Swap("pm-1", 7)))
    assert watched.refresh()
    assert not watched.refresh()
    path.write_text("{", encoding="utf-8")
    assert not watched.refresh()
    assert flags_at(watched.now, 6) == [64]
    with pytest.raises(LogbookError, match=r"move it away"):
        logbookfile.read(path)
