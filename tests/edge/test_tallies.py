"""The tallies in the journal: as durable as the packs they count, told when the hour is over and when they grow."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

from edge.account import Count
from edge.journal import Journal
from edge.packing import pack, pack_manifests
from edge.tallies import SETTLED_MS, expected
from telemetry.manifest import Manifest
from telemetry.packs import MAX_PAYLOAD, MAX_READINGS, decode_pack
from telemetry.reading import Reading
from telemetry.times import DAY_MS, HOUR_MS

ROOT = Path(__file__).parents[2]
HOUR = 1_699_999_200_000
OVER = HOUR + HOUR_MS + SETTLED_MS


def open_journal(path: Path, seed: int = 1, max_mb: int = 64) -> Journal:
    return Journal.open(path, clock=lambda: HOUR, rng=Random(seed), max_mb=max_mb)


def some(sensor: str = "pm-1", hour_ms: int = HOUR, accepted: int = 2, **more: int) -> Count:
    return Count(sensor, hour_ms, 1, observations=accepted, read=accepted, accepted=accepted, **more)


def tell(journal: Journal, now_ms: int, *, everything: bool = False) -> list[Manifest]:
    told = journal.untold(now_ms, everything=everything)
    if told:
        journal.append(pack_manifests("s", [one.manifest for one in told]), now_ms, [], told)
    return [one.manifest for one in told]


def test_an_hour_is_told_when_it_is_over_and_again_when_it_has_grown(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db")
    for _ in range(3):
        journal.append([], HOUR, [some(periods=10), some("radar-1", bad=1)])
    assert tell(journal, OVER - 1) == []
    told = tell(journal, OVER)
    assert [(one.sensor, one.expected, one.read, one.accepted, one.bad) for one in told] == [
        ("pm-1", 30, 6, 6, 0),
        ("radar-1", None, 6, 6, 3),
    ]
    assert {one.journal for one in told} == {journal.id}
    assert tell(journal, OVER) == []
    journal.append([], OVER, [some(late=2)])
    assert [(one.accepted, one.late) for one in tell(journal, OVER)] == [(8, 2)]
    journal.close()


def test_what_comes_while_it_is_being_told_is_told_next(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db")
    journal.append([], HOUR, [some()])
    told = journal.untold(OVER)
    journal.append([], OVER, [some()])
    journal.append(pack_manifests("s", [one.manifest for one in told]), OVER, [], told)
    assert [one.accepted for one in tell(journal, OVER)] == [4]
    assert tell(journal, OVER) == []
    journal.close()


def test_the_next_life_tells_what_the_last_one_left_and_both_add_up(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db")
    first = journal.id
    journal.append([], HOUR, [some(periods=7, until_ms=HOUR + 5)])
    journal.close()
    journal = open_journal(tmp_path / "journal.db", seed=2)
    assert journal.counted_until(HOUR) == {"pm-1": HOUR + 5}
    assert [(one.journal, one.accepted) for one in tell(journal, HOUR)] == [(first, 2)]
    journal.append([], HOUR, [some(accepted=3)])
    assert tell(journal, HOUR) == []
    assert [(one.journal, one.accepted) for one in tell(journal, HOUR, everything=True)] == [(journal.id, 3)]
    journal.close()


def test_packs_given_up_are_counted_and_their_manifests_told_again(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db", max_mb=4)
    rng = Random(3)
    journal.append([], HOUR, [some(accepted=500, periods=500)])
    assert len(tell(journal, OVER)) == 1
    accepted = 0
    while not journal.given_up:
        readings = [Reading("pm-1", "pm25", HOUR + HOUR_MS + accepted + n, rng.random()) for n in range(500)]
        accepted += 500
        journal.append(pack("s", readings), HOUR, [some(hour_ms=HOUR + HOUR_MS, accepted=500)])
    kept = sum(
        len(decode_pack(found).readings)
        for row in journal.live(0, 10_000, ())
        if (found := journal.payload(row.journal, row.seq)) is not None
    )
    again = {one.hour_ms: one for one in tell(journal, OVER + HOUR_MS)}
    assert (again[HOUR].accepted, again[HOUR].given_up) == (500, 0)  # its pack is among those that went
    second = again[HOUR + HOUR_MS]
    assert (second.accepted, second.given_up) == (accepted, accepted - kept)
    assert second.given_up > 0
    journal.close()


def test_told_tallies_are_forgotten_with_the_packs_of_their_time(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db")
    journal.append([], HOUR, [some(), some("late-1", hour_ms=HOUR + HOUR_MS)])
    tell(journal, OVER)
    journal.prune(HOUR + 61 * DAY_MS)
    with sqlite3.connect(tmp_path / "journal.db") as reader:
        assert reader.execute("SELECT sensor FROM tallies").fetchall() == [("late-1",)]  # not told
    reader.close()
    journal.close()


KILLED = """
import sys
from pathlib import Path
from random import Random
from edge.account import Count
from edge.journal import Journal
from edge.packing import pack
from telemetry.reading import Reading
journal = Journal.open(Path(sys.argv[1]), clock=lambda: 0, rng=Random(int(sys.argv[2])), max_mb=64)
at = int(sys.argv[3])
while True:
    readings = [Reading("pm-1", "pm25", at + n, 1.0) for n in range(3)]
    journal.append(pack("s", readings), at, [Count("pm-1", at - at % 3600000, 1, read=3, accepted=3)])
    at += 3
    print(at, flush=True)
"""


def test_after_kills_the_tallies_are_those_of_the_packs(tmp_path: Path) -> None:
    path, at = tmp_path / "journal.db", HOUR
    for life in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path), str(life), str(at)], cwd=ROOT, stdout=subprocess.PIPE
        ) as agent:
            assert agent.stdout is not None
            for _ in range(20 + life):
                at = int(agent.stdout.readline()) + 1000
            agent.send_signal(signal.SIGKILL)
    journal = open_journal(path, seed=9)
    told = tell(journal, HOUR, everything=True)
    with sqlite3.connect(path) as reader:
        (accepted,) = reader.execute("SELECT sum(readings) FROM packs").fetchone()
    reader.close()
    assert len({one.journal for one in told}) == 3
    assert sum(one.accepted for one in told) == accepted >= 3 * 60
    journal.close()


def test_a_damaged_journal_brings_its_tallies_along(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    first = journal.id
    for n in range(300):
        journal.append(pack("s", [Reading("pm-1", "pm25", HOUR + n, 1.0)]), HOUR, [some(accepted=1)])
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'packs_by_time'").fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    journal = open_journal(path, seed=2)
    assert [(one.journal, one.accepted) for one in tell(journal, HOUR, everything=True)] == [(first, 300)]
    assert len(list(tmp_path.glob("journal.db.damaged-*"))) >= 1
    journal.close()


def test_manifests_are_cut_into_packs_that_ingest_takes() -> None:
    manifests = [
        Manifest(
            sensor=f"{n:064d}",
            hour_ms=HOUR,
            journal="f" * 16,
            **dict.fromkeys(("expected", "read", "bad", "accepted", "duplicate", "late", "given_up"), 2**50),
        )
        for n in range(250)
    ]
    for cbor in (False, True):
        packs = pack_manifests("s", manifests, cbor=cbor)
        assert [len(decode_pack(new.payload).manifests) for new in packs] == [100, 100, 50]
        assert max(len(new.payload) for new in packs) <= MAX_PAYLOAD
        assert {(new.oldest_ms, new.newest_ms, new.readings) for new in packs} == {
            (HOUR, HOUR + HOUR_MS - 1, 0)
        }
    assert MAX_READINGS >= 700


def test_what_was_due_follows_what_an_observation_brings() -> None:
    assert expected(3600, 3599, 3599 * 2 - 5, 2) == 7195
    assert expected(3600, 0, 0, 2) == 7200
    assert expected(0, 4, 8, 2) == 0
    assert expected(None, 4, 8, 2) is None
