"""A power cut at any moment while readings wait for a date and get one: each is there once, waiting or in a pack."""

import json
import shutil
import sqlite3
import zlib
from bisect import bisect_right
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from edge.clock import UNDATED_MS
from edge.journal import Journal
from edge.packing import pack
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from tests.edge.powercut import Disk, Files, Recorder
from tests.thorough import TIMES

NOW = 1_790_000_000_000
OPERATIONS, IMAGES = 40, 40


def opened(path: Path, recorder: Recorder | None = None) -> Journal:
    journal = Journal(
        path, clock=lambda: NOW, rng=Random(1), connect=recorder.connect if recorder else sqlite3.connect
    )
    journal.begin()
    return journal


def work(path: Path, recorder: Recorder, rng: Random) -> list[tuple[int, int]]:
    """(events so far, readings accepted so far) after every answer; the values of readings count from 1."""
    journal, accepted = opened(path, recorder), 0
    moments = [(len(recorder.events), 0)]
    for step in range(OPERATIONS):
        rows = journal.oldest_undated() if rng.random() < 0.3 else None
        if rows is None:
            number = rng.choice([1, 5, 300])
            at = UNDATED_MS + 1_000 * step
            values = range(accepted + 1, accepted + number + 1)
            journal.hold("boot", [Reading("pm-1", "pm25", at + value, float(value)) for value in values])
            accepted += number
        else:
            dated = [
                Reading(r.sensor, r.quantity, NOW + r.observed_at - UNDATED_MS, r.value)
                for r in rows.readings
            ]
            journal.settle(rows, pack("s", dated), NOW)
        moments.append((len(recorder.events), accepted))
    journal.close()
    return moments


def held(files: Files, path: Path) -> list[float]:
    """The values in what a power cut has left, opened by the real journal, read by a reader of our own."""
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir()
    for name, content in files.items():
        (path.parent / name).write_bytes(content)
    opened(path).close()
    with closing(sqlite3.connect(path)) as db:
        packs = [zlib.decompress(data) for (data,) in db.execute("SELECT payload FROM packs")]
        waiting = [json.loads(zlib.decompress(data)) for (data,) in db.execute("SELECT payload FROM undated")]
    assert list(path.parent.glob("*.damaged-*")) == []
    return [r.value for one in packs for r in decode_pack(one).readings] + [
        row[3] for some in waiting for row in some
    ]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(3 * TIMES))
def test_everything_that_waits_or_was_dated_survives_once(seed: int, tmp_path: Path) -> None:
    rng, directory = Random(seed), tmp_path / "life"
    directory.mkdir()
    recorder = Recorder(directory)
    moments = work(directory / "journal.db", recorder, rng)
    disk, done = Disk(recorder.files), 0
    for cut in sorted(rng.choices(range(moments[0][0], len(recorder.events) + 1), k=IMAGES)):
        for event in recorder.events[done:cut]:
            disk.happen(event)
        done = cut
        current = bisect_right(moments, cut, key=lambda moment: moment[0]) - 1
        values = sorted(held(disk.image(rng), tmp_path / "image" / "journal.db"))
        assert values == [float(value) for value in range(1, len(values) + 1)], (
            "each once, none missing between"
        )
        after = moments[min(current + 1, len(moments) - 1)][1]
        assert moments[current][1] <= len(values) <= after


def test_the_work_holds_and_settles(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    work(path, Recorder(tmp_path), Random(0))
    with closing(sqlite3.connect(path)) as db:
        packs, waiting = (
            db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("packs", "undated")
        )
    assert min(packs, waiting) > 0
