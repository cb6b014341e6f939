"""The journal's table of packs: what waits, what is acknowledged, what is whole. Used inside one of its transactions."""

import sqlite3
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from edge.journalfile import insert_packs
from edge.packing import NewPack
from telemetry.messages import Ranges
from telemetry.packs import Pack, decode_pack
from telemetry.senml import SenmlError

_MAX_INTEGER = 2**63 - 1
WAITING = "acknowledged_ms IS NULL"
ACKNOWLEDGED = "acknowledged_ms IS NOT NULL"
START = ("", -1)  # before every pack

Key = tuple[str, int]
Marks = Sequence[tuple[int, str, int, int]]  # when, journal, first and last number


class PackRow(NamedTuple):
    """A pack by its name, without its payload."""

    journal: str
    seq: int
    site: str
    formed_ms: int
    newest_ms: int


def insert(
    db: sqlite3.Connection,
    journal: str,
    first_seq: int,
    packs: Sequence[NewPack],
    compressed: Sequence[bytes],
    now_ms: int,
) -> list[PackRow]:
    """Number them from `first_seq` on."""
    rows, contents = [], []
    for seq, (pack, data) in enumerate(zip(packs, compressed, strict=True), first_seq):
        rows.append(PackRow(journal, seq, pack.site, now_ms, pack.newest_ms))
        span = (now_ms, pack.oldest_ms, pack.newest_ms, pack.readings)
        contents.append((journal, seq, pack.site, *span, data, zlib.crc32(data), None))
    insert_packs(db, contents)
    return rows


def marks(stored: Mapping[str, Ranges], now_ms: int) -> Marks:
    """What `acknowledge` takes, of ranges that anybody may have sent."""
    return [
        (now_ms, journal, max(low, 0), min(high, _MAX_INTEGER))
        for journal, spans in stored.items()
        for low, high in spans
        if low <= _MAX_INTEGER and high >= 0
    ]


def acknowledge(db: sqlite3.Connection, marked: Marks) -> int:
    """How many were still waiting."""
    return db.executemany(
        f"UPDATE packs SET acknowledged_ms = ? WHERE journal = ? AND seq BETWEEN ? AND ? AND {WAITING}",
        marked,
    ).rowcount


def wait_again(db: sqlite3.Connection, start_ms: int, end_ms: int) -> int:
    """Acknowledged ones that touch [start_ms, end_ms); how many."""
    period = [max(-_MAX_INTEGER, min(_MAX_INTEGER, at_ms)) for at_ms in (start_ms, end_ms)]
    return db.execute(
        f"UPDATE packs SET acknowledged_ms = NULL WHERE newest_ms >= ? AND oldest_ms < ? AND {ACKNOWLEDGED}",
        period,
    ).rowcount


def count_waiting(db: sqlite3.Connection) -> int:
    """How many are not acknowledged."""
    (number,) = db.execute(f"SELECT count(*) FROM packs WHERE {WAITING}").fetchone()
    return int(number)


def waiting(
    db: sqlite3.Connection, condition: str, bound_ms: int, limit: int, exclude: Collection[Key]
) -> list[PackRow]:
    """Those that wait and meet the condition, the oldest first, without `exclude`."""
    rows = db.execute(
        "SELECT journal, seq, site, formed_ms, newest_ms FROM packs"
        f" WHERE {WAITING} AND {condition} ORDER BY formed_ms, journal, seq LIMIT ?",
        (bound_ms, limit + len(exclude)),
    ).fetchall()
    return [PackRow(*row) for row in rows if (row[0], row[1]) not in exclude][:limit]


def depth(db: sqlite3.Connection) -> tuple[int | None, int]:
    """When the oldest that waits was formed, and the file in bytes."""
    oldest_ms, size = db.execute(
        "SELECT min(formed_ms), (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)"
        f" FROM packs WHERE {WAITING}"
    ).fetchone()
    return oldest_ms, size


def newest_ms(db: sqlite3.Connection) -> int:
    """The newest observation in any pack; 0 when there is none."""
    (newest,) = db.execute("SELECT coalesce(max(newest_ms), 0) FROM packs").fetchone()
    return int(newest)


def payloads(db: sqlite3.Connection, condition: str, *parameters: object) -> list[bytes]:
    """The SenML bytes of what matches; damaged ones are left out."""
    rows = db.execute(f"SELECT payload, crc FROM packs {condition}", parameters).fetchall()
    return [payload for payload in (_unpack(*row) for row in rows) if payload is not None]


def rotten(db: sqlite3.Connection, after: Key, limit: int) -> tuple[list[Key], Key]:
    """Which of the next `limit` packs behind `after` fail their checksum, and where to go on."""
    rows = db.execute(
        "SELECT journal, seq, payload, crc FROM packs WHERE (journal, seq) > (?, ?) ORDER BY journal, seq LIMIT ?",
        (*after, limit),
    ).fetchall()
    found = [(journal, seq) for journal, seq, payload, crc in rows if zlib.crc32(payload) != crc]
    return found, (rows[-1][0], rows[-1][1]) if len(rows) == limit else START


def delete_oldest(db: sqlite3.Connection, condition: str, limit: int) -> int:
    """Those with the oldest observations that meet the condition; how many."""
    return db.execute(
        "DELETE FROM packs WHERE (journal, seq) IN"
        f" (SELECT journal, seq FROM packs WHERE {condition} ORDER BY newest_ms LIMIT {limit})"
    ).rowcount


def oldest_waiting(db: sqlite3.Connection, limit: int) -> list[tuple[bytes, int]]:
    """Compressed payload and checksum of those that `delete_oldest` would take."""
    return db.execute(
        f"SELECT payload, crc FROM packs WHERE {WAITING} ORDER BY newest_ms LIMIT {limit}"
    ).fetchall()


def decoded(payload: bytes, crc: int) -> Pack | None:
    """What a row holds; None when it is damaged."""
    content = _unpack(payload, crc)
    try:
        return decode_pack(content) if content is not None else None
    except SenmlError:
        return None


def _unpack(payload: bytes, crc: int) -> bytes | None:
    try:
        return zlib.decompress(payload) if zlib.crc32(payload) == crc else None
    except zlib.error:
        return None
