"""What waits in the journal for a date: durable, in order, settled once; old files are upgraded, damaged ones salvaged."""

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

from edge.clock import UNDATED_MS, ClockEvent, Kind, Rung
from edge.journal import Journal
from edge.packing import NewPack, pack
from telemetry.packs import decode_pack
from telemetry.reading import Reading

NOW = 1_790_000_000_000
V1 = """
CREATE TABLE packs(journal TEXT NOT NULL, seq INTEGER NOT NULL, site TEXT NOT NULL, formed_ms INTEGER NOT NULL,
  oldest_ms INTEGER NOT NULL, newest_ms INTEGER NOT NULL, readings INTEGER NOT NULL, payload BLOB NOT NULL,
  crc INTEGER NOT NULL, acknowledged_ms INTEGER, PRIMARY KEY (journal, seq)) WITHOUT ROWID;
CREATE INDEX packs_waiting ON packs(formed_ms) WHERE acknowledged_ms IS NULL;
CREATE INDEX packs_by_time ON packs(newest_ms);
"""


def opened(path: Path, seed: int = 1, max_mb: int = 64) -> Journal:
    return Journal.open(path, clock=lambda: NOW, rng=Random(seed), max_mb=max_mb)


def undated(*uptimes: int, sensor: str = "pm-1") -> list[Reading]:
    return [Reading(sensor, "pm25", UNDATED_MS + at, float(at), 2) for at in uptimes]


def dated(*times: int) -> list[NewPack]:
    return pack("s", [Reading("pm-1", "pm25", at, 1.0) for at in times])


def test_they_survive_and_come_back_in_order_one_boot_at_a_time(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    journal.append(dated(NOW), NOW)
    journal.hold("a", undated(10, 20))
    journal.hold("b", undated(5))
    journal.hold("a", undated(30))
    journal.close()
    journal = opened(tmp_path / "j.db", 2)
    assert journal.undated == 4
    rows = journal.oldest_undated()
    assert rows is not None
    assert (rows.boot, rows.after_ms, rows.longest_ms, rows.total) == ("a", NOW, 30, 3)
    assert rows.readings == undated(10, 20, 30)
    journal.settle(rows, dated(NOW + 1), NOW + 1)
    assert journal.undated == 1
    rows = journal.oldest_undated()
    assert rows is not None
    assert (rows.boot, rows.after_ms) == ("b", NOW)
    journal.settle(rows, [], NOW + 2)
    assert journal.oldest_undated() is None
    assert journal.undated == 0
    assert journal.waiting() == 2
    journal.close()


def test_a_batch_is_bounded_and_a_large_row_is_one(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    for start in range(0, 12_000, 3_000):
        journal.hold("a", undated(*range(start, start + 3_000)))
    journal.hold("a", undated(*range(12_000, 19_000)))
    sizes = []
    while (rows := journal.oldest_undated()) is not None:
        sizes.append(len(rows.readings))
        journal.settle(rows, [], NOW)
    assert sizes == [3_000, 3_000, 3_000, 3_000, 7_000]
    journal.close()


def test_a_damaged_row_hurts_only_itself(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    for at in (10, 20, 30):
        journal.hold("a", undated(at))
    with closing(sqlite3.connect(tmp_path / "j.db")) as other, other:
        other.execute("UPDATE undated SET payload = x'00' WHERE id = 2")
    rows = journal.oldest_undated()
    assert rows is not None
    assert (rows.readings, rows.total, rows.damaged) == (undated(10, 30), 3, 1)
    journal.close()


def test_the_clocks_record_and_the_session_are_durable(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    assert journal.trust_of("a") is None
    assert journal.note("a", [ClockEvent(Kind.TRUSTED, Rung.HUB, 10, 1000, 0)])
    assert journal.note("a", [ClockEvent(Kind.STEPPED, Rung.SYSTEM, 20, 7, -9)])
    assert journal.note("b", [ClockEvent(Kind.CORRECTED, Rung.NTP, 10, 2000, 5)])
    assert journal.next_session(0) == 1
    assert journal.next_session(NOW) == NOW
    journal.close()
    journal = opened(tmp_path / "j.db", 2)
    assert journal.trust_of("a") == ("hub", 1000)
    assert journal.trust_of("b") == ("ntp", 2000)
    assert journal.next_session(0) == NOW + 1, "also a life that does not know the time is later"
    journal.close()


def test_a_file_of_the_first_version_is_upgraded_and_keeps_its_packs(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(V1 + "PRAGMA user_version = 1;")
        old.execute(
            "INSERT INTO packs VALUES ('aaaa', 0, 's', 1, 1, 1, 1, x'00', 0, NULL)",
        )
    journal = opened(path)
    assert journal.waiting() == 1
    journal.hold("a", undated(1))
    journal.close()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone()[0] >= 2


def test_a_damaged_journal_brings_what_waits_for_a_date_over(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = opened(path)
    journal.append(dated(NOW), NOW)
    journal.hold("a", undated(1, 2))
    journal.note("a", [ClockEvent(Kind.TRUSTED, Rung.HUB, 10, 1000, 0)])
    journal.close()
    with closing(sqlite3.connect(path)) as file:
        (page,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'packs_by_time'").fetchone()
        (size,) = file.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 64)
    journal = opened(path, 2)
    assert len(list(tmp_path.glob("j.db.damaged-*"))) == 1
    assert journal.undated == 2
    assert journal.trust_of("a") == ("hub", 1000)
    rows = journal.oldest_undated()
    assert rows is not None
    assert rows.readings == undated(1, 2)
    assert journal.waiting() == 1
    journal.close()


def test_at_max_mb_the_oldest_undated_readings_go_last(tmp_path: Path) -> None:
    rng = Random(1)
    journal = opened(tmp_path / "j.db", max_mb=4)
    journal.append(dated(NOW), NOW)
    held = 0
    for start in range(400):
        readings = [
            Reading("pm-1", "pm25", UNDATED_MS + start * 1000 + i, rng.random()) for i in range(1_000)
        ]
        journal.hold("a", readings)
        held += 1_000
    assert journal.given_up == 1, "the pack went first"
    assert 0 < journal.undated < held
    rows = journal.oldest_undated()
    assert rows is not None
    assert rows.readings[0].observed_at > UNDATED_MS
    assert [r.observed_at for p in dated(NOW) for r in decode_pack(p.payload).readings] == [NOW]
    journal.close()
