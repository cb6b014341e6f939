"""The journal: what it stores survives, what is acknowledged goes, what is damaged is set aside."""

import signal
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge.journal import Journal
from edge.journalaccess import JournalUnavailableError
from edge.journalthread import JournalThread
from edge.packing import NewPack, pack
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from telemetry.times import DAY_MS

NOW = 1_700_000_000_000
SITE = "bai-chay"


def some_pack(at: int = NOW, count: int = 3, sensor: str = "pm-1") -> NewPack:
    readings = [Reading(sensor, "pm25", at + index, 10.0 + index) for index in range(count)]
    return pack(SITE, readings)[0]


def large_pack(rng: Random, at: int = NOW) -> NewPack:
    readings = [Reading("pm-1", "pm25", at + index, rng.random() * 1000) for index in range(500)]
    return pack(SITE, readings)[0]


def open_journal(path: Path, seed: int = 1, *, keep_days: int = 60, max_mb: int = 2048) -> Journal:
    return Journal.open(path, clock=lambda: NOW, rng=Random(seed), keep_days=keep_days, max_mb=max_mb)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = open_journal(path)
    yield journal
    journal.close()


def test_packs_are_numbered_from_0_and_come_back_byte_for_byte(journal: Journal) -> None:
    packs = [some_pack(NOW), some_pack(NOW + 10)]
    rows = journal.append(packs, NOW + 20)
    assert [(row.journal, row.seq, row.formed_ms) for row in rows] == [
        (journal.id, 0, NOW + 20),
        (journal.id, 1, NOW + 20),
    ]
    assert [journal.payload(journal.id, row.seq) for row in rows] == [new.payload for new in packs]
    assert journal.append([some_pack()], NOW + 30)[0].seq == 2
    assert journal.waiting() == 3


def test_the_table_is_what_the_contract_says(journal: Journal, path: Path) -> None:
    new = some_pack()
    journal.append([new], NOW)
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as reader:
        row = reader.execute(
            "SELECT journal, seq, site, formed_ms, oldest_ms, newest_ms, readings, payload, crc, acknowledged_ms"
            " FROM packs"
        ).fetchone()
    reader.close()
    assert row[:7] == (journal.id, 0, SITE, NOW, NOW, NOW + 2, 3)
    assert zlib.crc32(row[7]) == row[8]
    assert zlib.decompress(row[7]) == new.payload
    assert row[9] is None


def test_every_open_is_a_new_journal(path: Path) -> None:
    names = []
    for seed in range(3):
        journal = open_journal(path, seed)
        names += [(row.journal, row.seq) for row in journal.append([some_pack()], NOW)]
        journal.close()
    assert len({name for name, _ in names}) == 3
    assert [seq for _, seq in names] == [0, 0, 0]
    assert all(len(name) == 16 and int(name, 16) >= 0 for name, _ in names)


def test_an_acknowledgement_marks_exactly_its_ranges(journal: Journal) -> None:
    journal.append([some_pack(NOW + n) for n in range(10)], NOW)
    stored = {journal.id: [(1, 3), (5, 5), (-4, -1), (2**70, 2**71)], "ffff": [(0, 9)]}
    assert journal.acknowledge(stored, NOW + 1) == 4
    assert journal.acknowledge(stored, NOW + 2) == 0
    assert journal.acknowledge({}, NOW) == 0
    assert journal.waiting() == 6
    assert [row.seq for row in journal.live(NOW, 100, ())] == [0, 4, 6, 7, 8, 9]


def test_an_acknowledgement_survives_a_reopening(path: Path) -> None:
    journal = open_journal(path)
    journal.append([some_pack(), some_pack()], NOW)
    journal.acknowledge({journal.id: [(0, 0)]}, NOW)
    journal.close()
    again = open_journal(path, 2)
    assert again.waiting() == 1
    assert again.live(0, 10, ())[0].seq == 1
    again.close()


def test_two_lanes_oldest_first_without_the_excluded(journal: Journal) -> None:
    for n in range(6):
        journal.append([some_pack(NOW + n)], NOW + n)
    assert [row.seq for row in journal.live(NOW + 3, 10, ())] == [3, 4, 5]
    assert [row.seq for row in journal.backlog(NOW + 3, 10, ())] == [0, 1, 2]
    assert [row.seq for row in journal.backlog(NOW + 3, 1, {(journal.id, 0), (journal.id, 4)})] == [1]
    assert journal.live(NOW, 0, ()) == []


def test_resend_wakes_packs_that_touch_the_period(journal: Journal) -> None:
    journal.append([some_pack(NOW), some_pack(NOW + 1000), some_pack(NOW + 2000)], NOW + 3000)
    journal.acknowledge({journal.id: [(0, 2)]}, NOW)
    assert journal.resend(NOW + 2, NOW + 1001) == 2
    assert [row.seq for row in journal.live(0, 10, ())] == [0, 1]
    assert journal.resend(-(2**80), 2**80) == 1
    assert journal.waiting() == 3


def test_prune_forgets_only_what_is_acknowledged_and_old(path: Path) -> None:
    journal = open_journal(path, keep_days=1)
    journal.append([some_pack(NOW), some_pack(NOW), some_pack(NOW + DAY_MS)], NOW)
    journal.acknowledge({journal.id: [(0, 0), (2, 2)]}, NOW)
    assert journal.prune(NOW + DAY_MS) == 0
    assert journal.prune(NOW + DAY_MS + 3) == 1
    assert journal.payload(journal.id, 0) is None
    assert journal.payload(journal.id, 1) is not None
    journal.close()


def test_prune_keeps_old_observations_that_were_accepted_lately(path: Path) -> None:
    journal = open_journal(path, keep_days=1)
    journal.append([some_pack(NOW - 900 * DAY_MS)], NOW)
    journal.acknowledge({journal.id: [(0, 0)]}, NOW)
    assert journal.prune(NOW + DAY_MS) == 0
    assert journal.prune(NOW + DAY_MS + 1) == 1
    journal.close()


def test_recent_gives_the_newest_observations(journal: Journal) -> None:
    journal.append([some_pack(NOW + 5), some_pack(NOW), some_pack(NOW + 9)], NOW)
    newest = [decode_pack(payload).readings[0].observed_at for payload in journal.recent(2)]
    assert newest == [NOW + 9, NOW + 5]


def test_a_full_journal_gives_up_acknowledged_packs_first_and_says_what_else(path: Path) -> None:
    rng = Random(1)
    journal = open_journal(path, max_mb=4)
    for _ in range(300):
        (row,) = journal.append([large_pack(rng)], NOW)
        journal.acknowledge({row.journal: [(row.seq, row.seq)]}, NOW)
    assert journal.given_up == 0
    for _ in range(900):
        journal.append([large_pack(rng)], NOW)
    assert journal.given_up > 0
    assert journal.waiting() == 900 - journal.given_up
    assert path.stat().st_size <= 4 * 1024 * 1024
    assert journal.payload(journal.id, 1199) is not None
    journal.close()


def test_a_second_agent_is_refused(journal: Journal, path: Path) -> None:
    with pytest.raises(JournalUnavailableError, match="another agent is using it"):
        open_journal(path)


def test_a_newer_schema_is_refused_untouched(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(JournalUnavailableError, match="schema 7"):
        open_journal(path)
    assert [file.name for file in path.parent.glob("*damaged*")] == []


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnavailableError, match="journal"):
        open_journal(tmp_path / "file" / "journal.db")


def test_a_locked_file_refuses_the_append_and_nothing_else(journal: Journal, path: Path) -> None:
    journal.append([some_pack()], NOW)
    other = sqlite3.connect(path)
    journal._file._connection.execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailableError, match="locked"):
        journal.append([some_pack()], NOW)
    assert journal.acknowledge({journal.id: [(0, 0)]}, NOW) == 0
    assert journal.payload(journal.id, 0) is not None
    other.rollback()
    other.close()
    assert journal.append([some_pack()], NOW)[0].seq == 1


def test_appends_are_synchronous_again_after_an_acknowledgement(journal: Journal) -> None:
    journal.append([some_pack()], NOW)
    journal.acknowledge({journal.id: [(0, 0)]}, NOW)
    assert journal._file._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def fill(path: Path, packs: int) -> list[tuple[str, int]]:
    rng, names = Random(3), []
    journal = open_journal(path)
    for number in range(packs):
        names += [row[:2] for row in journal.append([large_pack(rng, NOW + number)], NOW + number)]
    journal.close()
    return names


def test_a_file_of_garbage_is_set_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1000)
    journal = open_journal(path)
    assert journal.append([some_pack()], NOW)[0].seq == 0
    journal.close()
    assert [file.name for file in path.parent.glob("*damaged*")] == [f"journal.db.damaged-{NOW}"]


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_overwritten_pages_cost_only_what_stood_on_them(path: Path, place: float) -> None:
    names = fill(path, 200)
    content = bytearray(path.read_bytes())
    start = int(len(content) * place) // 4096 * 4096
    content[start : start + 3 * 4096] = b"\xa5" * (3 * 4096)
    path.write_bytes(content)
    journal = open_journal(path, 2)
    rows = journal.live(0, 1000, ())
    readable = [row for row in rows if journal.payload(row.journal, row.seq) is not None]
    rows = journal.live(0, 1000, ())
    journal.append([some_pack()], NOW + 1_000_000)
    assert len(readable) >= 190
    assert {(row.journal, row.seq) for row in readable} <= set(names)
    assert journal.waiting() == len(rows) + 1
    journal.close()


def test_a_shortened_file_is_salvaged_from_what_is_left(path: Path) -> None:
    fill(path, 200)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    journal = open_journal(path, 2)
    for row in journal.live(0, 1000, ()):
        journal.payload(row.journal, row.seq)
    journal.append([some_pack()], NOW)
    assert journal.waiting() > 50
    assert list(path.parent.glob("*damaged*"))
    journal.close()


def test_a_flipped_byte_in_a_payload_is_seen_by_its_checksum(path: Path) -> None:
    journal = open_journal(path)
    journal.append([some_pack(), some_pack(NOW + 10)], NOW)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE packs SET crc = crc + 1 WHERE seq = 0")
    database.close()
    assert journal.payload(journal.id, 0) is None
    assert journal.payload(journal.id, 1) is not None
    assert len(journal.recent(10)) == 1
    journal.close()


APPENDER = """
import sys
from pathlib import Path
from random import Random
from edge.journal import Journal
from edge.packing import pack
from telemetry.reading import Reading
journal = Journal.open(Path(sys.argv[1]), clock=lambda: 0, rng=Random(9))
for number in range(100_000):
    journal.append(pack("s", [Reading("x", "pm25", number, 1.0)]), number)
    print(number, flush=True)
"""


def test_what_was_appended_survives_kill_9(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", APPENDER, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(200):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout if line.endswith(b"\n"))])
    journal = open_journal(path)
    stored = {row.seq for row in journal.live(0, 200_000, ())}
    journal.close()
    assert stored >= set(range(last + 1))


async def test_the_thread_offers_the_same(path: Path) -> None:
    async with JournalThread.open(path, clock=lambda: NOW, rng=Random(1)) as journal:
        (row,) = await journal.append([some_pack()], NOW)
        assert await journal.live(NOW, 5, ()) == [row]
        assert await journal.backlog(NOW, 5, ()) == []
        assert await journal.payload(row.journal, row.seq) == some_pack().payload
        assert await journal.acknowledge({row.journal: [(0, 0)]}, NOW) == 1
        assert await journal.resend(NOW, NOW + 1) == 1
        assert (journal.waiting, await journal.prune(NOW), journal.given_up) == (1, 0, 0)
        assert await journal.recent(5) == [some_pack().payload]
    async with JournalThread.open(path, clock=lambda: NOW, rng=Random(2)) as journal:
        assert journal.waiting == 1
