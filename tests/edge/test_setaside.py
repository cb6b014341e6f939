"""Setting a damaged journal aside: the agent may be killed at any moment of it, and nothing that could be read is lost."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from edge import setaside
from edge.account import Count
from edge.journal import Journal
from edge.packing import pack
from telemetry.reading import Reading

ROOT = Path(__file__).parents[2]
NOW = 1_700_000_000_000
PACKS = 1200
HOUR = NOW - NOW % 3_600_000

CRASHER = """
import shutil, sys
from pathlib import Path
from random import Random
from edge.journal import Journal
directory, images = Path(sys.argv[1]), Path(sys.argv[2])
watched = ("os.rename", "os.remove", "open", "sqlite3.connect", "os.mkdir")
number = 0
def picture(*_):
    global number
    if pictures:
        pictures.clear()
        shutil.copytree(directory, images / f"{number:04d}")
        number += 1
        pictures.append(True)
pictures = [True]
def hear(event, args):
    if event in watched and any(str(directory) in str(arg) for arg in args):
        picture()
sys.addaudithook(hear)
import sqlite3
class Watched(sqlite3.Connection):
    def __exit__(self, *how):
        answer = super().__exit__(*how)
        picture()
        return answer
def connect(path):
    return sqlite3.connect(path, factory=Watched)
journal = Journal(directory / "journal.db", clock=lambda: int(sys.argv[3]), rng=Random(2), max_mb=64, connect=connect)
journal.begin()
journal.close()
picture()
"""


def open_journal(path: Path, seed: int = 3) -> Journal:
    return Journal.open(path, clock=lambda: NOW, rng=Random(seed), max_mb=64)


@pytest.fixture
def damaged(tmp_path: Path) -> tuple[Path, str]:
    """A journal in whose file an index is destroyed and whose last packs are only in the log; and its id."""
    path = tmp_path / "gateway" / "journal.db"
    journal = open_journal(path, 1)
    for n in range(PACKS):
        journal.append(
            pack("s", [Reading("pm-1", "pm25", NOW + n, 1.0)]), NOW, [Count("pm-1", HOUR, accepted=1)]
        )
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)  # before closing takes the log away
    journal.close()
    shutil.rmtree(path.parent)
    copy.rename(path.parent)
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'packs_by_time'").fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    wal = path.with_name("journal.db-wal")
    assert wal.stat().st_size > 0
    return path, journal.id


def kept(path: Path, journal_id: str) -> tuple[int, int]:
    """Packs and told readings that the next life has of that journal."""
    journal = open_journal(path)
    rows = [row for row in journal.backlog(NOW + 1, 10 * PACKS, ()) if row.journal == journal_id]
    accepted = [u.manifest.accepted for u in journal.untold(NOW) if u.manifest.journal == journal_id]
    assert journal.waiting() == len(rows)
    journal.append(pack("s", [Reading("pm-1", "pm25", NOW - 1, 1.0)]), NOW)
    journal.close()
    return len({row.seq for row in rows}), sum(accepted)


def test_a_kill_at_any_moment_loses_nothing(damaged: tuple[Path, str], tmp_path: Path) -> None:
    path, journal_id = damaged
    images = tmp_path / "images"
    images.mkdir()
    subprocess.run(
        [sys.executable, "-c", CRASHER, str(path.parent), str(images), str(NOW)],
        cwd=ROOT,
        check=True,
        timeout=100,
    )
    whole = kept(path, journal_id)
    assert whole[0] >= PACKS - 300  # what was in destroyed pages only may be gone, what is in the log is not
    pictures = sorted(images.iterdir())
    with_marker = [one for one in pictures if (one / "journal.db.set-aside").exists()]
    moved = [one for one in with_marker if not (one / "journal.db").exists()]
    assert len(pictures) > len(with_marker) > len(moved) >= 1
    for image in pictures:
        assert kept(image / "journal.db", journal_id) == whole, image.name
        assert not (image / "journal.db.set-aside").exists()
        assert len(list(image.glob("journal.db.damaged-*[0-9]"))) == 1


@pytest.mark.parametrize(
    ("log_moved", "memory_moved"), [(False, False), (False, True), (True, False), (True, True)]
)
def test_a_power_cut_between_the_moves_loses_nothing(
    damaged: tuple[Path, str], tmp_path: Path, log_moved: bool, memory_moved: bool
) -> None:
    path, journal_id = damaged
    whole_of = tmp_path / "whole"
    shutil.copytree(path.parent, whole_of)
    whole = kept(whole_of / "journal.db", journal_id)
    (aside,) = setaside.begin(path, NOW)
    for suffix, is_moved in (("-wal", log_moved), ("-shm", memory_moved)):
        if is_moved:
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    assert kept(path, journal_id) == whole
    assert aside.exists()
    assert setaside.pending(path) == []


def test_a_new_file_that_is_damaged_too_is_salvaged_as_well(damaged: tuple[Path, str]) -> None:
    path, journal_id = damaged
    first = setaside.begin(path, NOW)
    setaside.move(path, first)
    path.write_bytes(b"no journal at all" * 1000)
    packs, _ = kept(path, journal_id)
    assert packs >= PACKS - 300
    assert len(list(path.parent.glob("journal.db.damaged-*[0-9]"))) == 2


def test_a_second_damage_in_the_same_millisecond_has_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for n in range(2):
        path.write_bytes(b"no journal at all" * 1000)
        open_journal(path, n).close()
    assert sorted(one.name for one in tmp_path.glob("journal.db.damaged-*[0-9]")) == [
        f"journal.db.damaged-{NOW}",
        f"journal.db.damaged-{NOW + 1}",
    ]


def test_a_marker_that_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for content in (b"", b"{", b"5", b"\xff"):
        setaside.marker(path).write_bytes(content)
        assert setaside.pending(path) == []
    open_journal(path).close()
