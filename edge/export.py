"""Reading a journal for export: any period, in pieces, beside a running agent or after it died. Opens the file for reading only.

Each piece is a transaction of its own: a long export never keeps the agent from its checkpoints. Rows come out in the order of
observation. What waits to be put in order is bounded: packs whose readings are further apart than REORDER_MS, as of a device
that reports late, stand where their pack stands.
"""

import heapq
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from telemetry import undatable
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from telemetry.senml import SenmlError

PIECE_PACKS = 200
REORDER_MS = 600_000
MAX_WAITING = 200_000  # readings that wait to be put in order
BUSY_S = 10.0
_SPAN = "newest_ms >= ? AND oldest_ms < ?"


class ExportError(Exception):
    """The journal cannot be read; the message says what to do."""


class Journalled(NamedTuple):
    """A pack as it stands in the journal; `acknowledged_ms` None: it waits."""

    journal: str
    seq: int
    formed_ms: int
    acknowledged_ms: int | None
    readings: tuple[Reading, ...]


class Piece(NamedTuple):
    """Readings that are in order, how many packs of `total` are read, and how many of those were damaged."""

    readings: list[Reading]
    packs: int
    total: int
    damaged: int


def read(journal: Path, from_ms: int, to_ms: int, sensor: str = "") -> Iterator[Piece]:
    """The readings observed in [from_ms, to_ms), of one sensor when it is named. Raises ExportError."""
    if not journal.is_file():
        raise ExportError(f"there is no journal at {journal}")
    try:
        with closing(_connect(journal)) as db:
            yield from _pieces(db, from_ms, to_ms, sensor)
    except sqlite3.Error as error:
        raise ExportError(f"{journal} cannot be read as a journal: {error}") from error


def packs_since(journal: Path, since_ms: int, limit: int = PIECE_PACKS) -> list[Journalled]:
    """The packs with something observed at `since_ms` or later, oldest first; none of a journal that is not there yet, or that
    its agent has only just made.

    Raises ExportError.
    """
    query = (
        "SELECT journal, seq, formed_ms, acknowledged_ms, payload, crc FROM packs WHERE newest_ms >= ?"
        " ORDER BY newest_ms, journal, seq LIMIT ?"
    )
    if not journal.is_file():
        return []
    try:
        with closing(_connect(journal)) as db:
            if db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                return []
            rows = db.execute(query, (since_ms, limit)).fetchall()
    except sqlite3.Error as error:
        raise ExportError(f"{journal} cannot be read as a journal: {error}") from error
    return [
        Journalled(journal_id, seq, formed_ms, acknowledged_ms, tuple(_readings(payload, crc) or ()))
        for journal_id, seq, formed_ms, acknowledged_ms, payload, crc in rows
    ]


def _connect(journal: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None
    )


def _pieces(db: sqlite3.Connection, from_ms: int, to_ms: int, sensor: str) -> Iterator[Piece]:
    (total,) = db.execute(f"SELECT count(*) FROM packs WHERE {_SPAN}", (from_ms, to_ms)).fetchone()
    packs = damaged = 0
    waiting: list[tuple[int, str, int, Reading]] = []
    number = 0
    last: tuple[int, str, int] = (from_ms, "", -1)
    while rows := _next(db, last, from_ms, to_ms):
        for newest_ms, journal, seq, payload, crc in rows:
            last, packs = (newest_ms, journal, seq), packs + 1
            readings = _readings(payload, crc)
            damaged += readings is None
            for one in readings or ():
                if from_ms <= one.observed_at < to_ms and sensor in ("", one.sensor):
                    number += 1  # equal instants keep the order of their packs
                    heapq.heappush(waiting, (one.observed_at, one.sensor, number, one))
        ready = []
        while waiting and (waiting[0][0] < last[0] - REORDER_MS or len(waiting) > MAX_WAITING):
            ready.append(heapq.heappop(waiting)[-1])
        yield Piece(ready, packs, max(total, packs), damaged)
    rest = [heapq.heappop(waiting)[-1] for _ in range(len(waiting))]
    yield Piece(rest, packs, max(total, packs), damaged)


def _next(
    db: sqlite3.Connection, last: tuple[int, str, int], from_ms: int, to_ms: int
) -> list[tuple[int, str, int, bytes, int]]:
    query = (
        f"SELECT newest_ms, journal, seq, payload, crc FROM packs WHERE {_SPAN}"
        " AND (newest_ms, journal, seq) > (?, ?, ?) ORDER BY newest_ms, journal, seq LIMIT ?"
    )
    return db.execute(query, (max(from_ms, last[0]), to_ms, *last, PIECE_PACKS)).fetchall()


def _readings(payload: bytes, crc: int) -> tuple[Reading, ...] | None:
    if zlib.crc32(payload) != crc:
        return None
    try:
        content = zlib.decompress(payload)
    except zlib.error:
        return None
    try:
        return decode_pack(content).readings
    except SenmlError:
        return () if undatable.decode(content) is not None else None
