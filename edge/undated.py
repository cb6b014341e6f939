"""The readings of a journal that wait for a date, and its record of the clock: SQL on the journal's own connection."""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from edge.clock import UNDATED_MS, ClockEvent, Kind, is_dated, uptime_of
from telemetry.reading import Reading

BATCH_ROWS = 500
BATCH_READINGS = 5_000
CLOCK_ROWS = 10_000  # the record of the clock keeps so many events
COLUMNS = "boot, after_ms, first_ms, last_ms, readings, payload, crc"


class Undated(NamedTuple):
    """Readings of one boot that wait for a date, in the order they were kept: whole rows up to `last_id`.

    `after_ms`: the last trusted time known when the first was written. `longest_ms`: the largest uptime known of that boot.
    `damaged`: rows that cannot be read any more; `total`: how many readings they and the others were.
    """

    last_id: int
    boot: str
    after_ms: int | None
    longest_ms: int
    readings: list[Reading]
    total: int
    damaged: int


def insert(db: sqlite3.Connection, boot: str, readings: Sequence[Reading]) -> None:
    """Keep readings whose instants are undated ones of this boot."""
    rows = [(r.sensor, r.quantity, uptime_of(r.observed_at), r.value, r.flags) for r in readings]
    payload = zlib.compress(msgspec.json.encode(rows))
    uptimes = [row[2] for row in rows]
    db.execute(
        f"INSERT INTO undated({COLUMNS})"
        " VALUES (?, (SELECT value FROM notes WHERE name = 'trusted_ms'), ?, ?, ?, ?, ?)",
        (boot, min(uptimes), max(uptimes), len(rows), payload, zlib.crc32(payload)),
    )


def oldest(db: sqlite3.Connection) -> Undated | None:
    """What was kept first, BATCH_READINGS or one row."""
    rows = db.execute(
        "SELECT id, boot, after_ms, readings, payload, crc FROM undated"
        f" WHERE boot = (SELECT boot FROM undated ORDER BY id LIMIT 1) ORDER BY id LIMIT {BATCH_ROWS}"
    ).fetchall()
    if not rows:
        return None
    taken, total = 0, 0
    while taken < len(rows) and (not taken or total + rows[taken][3] <= BATCH_READINGS):
        total += rows[taken][3]
        taken += 1
    found = [_readings(*row[4:]) for row in rows[:taken]]
    (longest,) = db.execute("SELECT max(last_ms) FROM undated WHERE boot = ?", (rows[0][1],)).fetchone()
    readings = [reading for some in found for reading in some or ()]
    _, boot, after_ms, *_ = rows[0]
    return Undated(rows[taken - 1][0], boot, after_ms, longest, readings, total, found.count(None))


def delete(db: sqlite3.Connection, rows: Undated) -> None:
    """Forget rows that `oldest` gave."""
    db.execute("DELETE FROM undated WHERE boot = ? AND id <= ?", (rows.boot, rows.last_id))


def give_up_oldest(db: sqlite3.Connection, limit: int) -> int:
    """Give up the `limit` rows written first, and note how many readings they were; that number."""
    oldest = f"(SELECT id FROM undated ORDER BY id LIMIT {limit})"
    (gone,) = db.execute(f"SELECT coalesce(sum(readings), 0) FROM undated WHERE id IN {oldest}").fetchone()
    db.execute(f"DELETE FROM undated WHERE id IN {oldest}")  # first, it makes the room
    db.execute(
        "INSERT INTO notes VALUES ('undated_given_up', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (gone,),
    )
    return int(gone)


def count(db: sqlite3.Connection) -> int:
    """How many readings wait for a date."""
    (number,) = db.execute("SELECT coalesce(sum(readings), 0) FROM undated").fetchone()
    return int(number)


def note(db: sqlite3.Connection, boot: str, events: Sequence[ClockEvent]) -> int:
    """Record what happened to the clock; how many rows."""
    noted = db.executemany(
        "INSERT INTO clock(boot, kind, source, uptime_ms, offset_ms, change_ms) VALUES (?, ?, ?, ?, ?, ?)",
        [(boot, *(event.kind.value, event.source.value), *event[2:]) for event in events],
    ).rowcount
    db.execute(f"DELETE FROM clock WHERE id <= (SELECT max(id) FROM clock) - {CLOCK_ROWS}")
    return noted


def trust_of(db: sqlite3.Connection, boot: str) -> tuple[str, int] | None:
    """The source and the offset that this boot trusted last; None when it never did."""
    row = db.execute(
        "SELECT source, offset_ms FROM clock WHERE boot = ? AND kind IN (?, ?) ORDER BY id DESC LIMIT 1",
        (boot, Kind.TRUSTED.value, Kind.CORRECTED.value),
    ).fetchone()
    return (row[0], row[1]) if row else None


def remember_time(db: sqlite3.Connection, now_ms: int) -> None:
    """The last trusted time: what an undated boot must be later than."""
    if is_dated(now_ms):
        db.execute(
            "INSERT INTO notes VALUES ('trusted_ms', ?)"
            " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
            (now_ms,),
        )


def next_session(db: sqlite3.Connection, now_ms: int) -> int:
    """A number above that of every session before; the time in ms when that is known and above."""
    row = db.execute("SELECT value FROM notes WHERE name = 'session'").fetchone()
    session = max(row[0] + 1 if row else 1, now_ms)
    db.execute("INSERT OR REPLACE INTO notes VALUES ('session', ?)", (session,))
    return int(session)


def salvage(old: sqlite3.Connection) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """What can be read of a damaged journal's tables that are kept here: statements with their rows, undated ones by id."""
    for table, columns in (
        ("notes", "name, value"),
        ("clock", "id, boot, kind, source, uptime_ms, offset_ms, change_ms"),
        ("undated", f"id, {COLUMNS}"),
    ):
        marks = ", ".join("?" * len(columns.split(",")))
        rows = [row for row in _walk(old, table, columns) if table != "undated" or _sound(row)]
        yield f"INSERT OR IGNORE INTO {table}({columns}) VALUES ({marks})", rows


def _walk(old: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Upwards until an error, then downwards until one: what lies between is lost."""
    for order in ("ASC", "DESC"):
        try:
            yield from old.execute(f"SELECT {columns} FROM {table} ORDER BY 1 {order}")
        except sqlite3.Error:
            continue
        return


def _sound(row: tuple[Any, ...]) -> bool:
    return isinstance(row[-2], bytes) and zlib.crc32(row[-2]) == row[-1]


def _readings(payload: bytes, crc: int) -> list[Reading] | None:
    """None: damaged."""
    if zlib.crc32(payload) != crc:
        return None
    rows = msgspec.json.decode(zlib.decompress(payload), type=list[tuple[str, str, int, float, int]])
    return [
        Reading(sensor, quantity, UNDATED_MS + at, value, flags)
        for sensor, quantity, at, value, flags in rows
    ]
