"""Any period of a journal comes out once, in order, beside a writer and after its death; memory stays bounded."""

import sqlite3
import tracemalloc
from pathlib import Path
from random import Random

import pytest

from edge import export
from edge.clock import UNDATED_MS, Bracket
from edge.export import ExportError
from edge.journal import Journal
from edge.packing import pack, pack_undatable
from telemetry.reading import Reading

T = 1_700_000_000_000


def opened(path: Path) -> Journal:
    return Journal.open(path, clock=lambda: T, rng=Random(1))


def add(journal: Journal, *times: int, sensor: str = "pm-1", flags: int = 0) -> None:
    readings = [Reading(sensor, "pm25", T + at, float(at), flags) for at in times]
    journal.append(pack("s", readings), T + max(times))


def exported(path: Path, from_ms: int = T, to_ms: int = T + 10**9, sensor: str = "") -> list[Reading]:
    return [one for piece in export.read(path, from_ms, to_ms, sensor) for one in piece.readings]


def test_a_period_is_from_its_start_to_before_its_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    for second in range(10):
        add(journal, second * 1000, second * 1000 + 500)
    found = exported(path, T + 1500, T + 4000)
    assert [one.observed_at - T for one in found] == [1500, 2000, 2500, 3000, 3500]
    journal.close()


def test_packs_that_overlap_come_out_in_order_and_once(tmp_path: Path) -> None:
    path, rng = tmp_path / "journal.db", Random(4)
    journal = opened(path)
    times = rng.sample(range(3_000_000), 2000)
    times.sort(key=lambda at: at + rng.uniform(-200_000, 200_000))
    for start in range(0, 2000, 5):
        add(journal, *times[start : start + 5], sensor=f"pm-{start % 3}")
    found = [one.observed_at - T for one in exported(path)]
    assert found == sorted(times)
    only = exported(path, sensor="pm-1")
    assert {one.sensor for one in only} == {"pm-1"}
    journal.close()


def test_what_comes_very_late_is_there_too(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    for minute in range(60):
        add(journal, minute * 60_000)
    add(journal, 30_500, 59 * 60_000 + 1, sensor="late-1")
    found = exported(path)
    assert len(found) == 62
    assert sum(one.sensor == "late-1" for one in found) == 2
    journal.close()


def test_beside_a_writer_and_after_its_death(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    for second in range(export.PIECE_PACKS * 2):
        add(journal, second * 1000)
    pieces = export.read(path, T, T + 10**9)
    begun = next(pieces)
    add(journal, 9_000_000)
    rest = [one for piece in pieces for one in piece.readings]
    assert len(begun.readings) + len(rest) == export.PIECE_PACKS * 2 + 1
    db = sqlite3.connect(path)
    with db:  # no reader is left that would hold the writer up
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    db.close()
    assert len(exported(path)) == export.PIECE_PACKS * 2 + 1  # not closed: as a kill leaves it
    journal.close()


def test_a_damaged_pack_is_counted_and_the_rest_comes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    for second in range(3):
        add(journal, second * 1000)
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE packs SET payload = x'00' WHERE seq = 1")
    *_, last = export.read(path, T, T + 10**9)
    assert (last.packs, last.damaged) == (3, 1)
    assert [one.observed_at - T for one in exported(path)] == [0, 2000]


def test_readings_that_have_no_date_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    add(journal, 0)
    lost = [Reading("pm-1", "pm25", UNDATED_MS + 5, 1.0)]
    journal.append(pack_undatable("s", "boot", Bracket(T, T + 9_000), lost), T + 10_000)
    journal.close()
    *_, last = export.read(path, T, T + 10**9)
    assert (last.packs, last.damaged) == (2, 0)
    assert [one.observed_at - T for one in exported(path)] == [0]


@pytest.mark.parametrize(("content", "words"), [(None, "no journal at"), (b"x" * 5000, "cannot be read")])
def test_what_is_no_journal_is_one_clear_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "journal.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExportError, match=words):
        exported(path)


def test_memory_does_not_grow_with_the_period(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = opened(path)
    for minute in range(2000):
        add(journal, *(minute * 60_000 + at for at in range(0, 60_000, 6000)))
    journal.close()
    tracemalloc.start()
    try:
        count = peak = 0
        for piece in export.read(path, T, T + 10**9):
            count += len(piece.readings)
            peak = max(peak, tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 8_000_000


def test_a_journal_that_its_agent_has_only_just_made_has_no_packs(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert export.packs_since(path, 0) == []
    path.touch()  # as SQLite has it before its first table
    assert export.packs_since(path, 0) == []
    journal = opened(path)
    add(journal, 0)
    assert [len(one.readings) for one in export.packs_since(path, 0)] == [1]
    journal.close()
