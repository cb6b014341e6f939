"""The book's page of quiet: patterns that operators have muted, and maintenance. Used inside the book's transactions."""

import json
import sqlite3
from enum import StrEnum

import msgspec

from telemetry.alarm import Alarm
from telemetry.anomaly import Anomaly


class Verdict(StrEnum):
    """Why a pattern is muted."""

    FALSE = "false"  # nothing was there
    KNOWN_WORKS = "known works"  # somebody digs up the street
    OTHER = "other"


class Mute(msgspec.Struct, frozen=True):
    """A pattern that raises no alarm before `until_ms`; "" for `quantity` or `kind` is any. `ended_ms`: taken back."""

    id: int
    sensor: str
    quantity: str
    kind: str
    verdict: Verdict
    reason: str
    who: str
    noted_ms: int
    until_ms: int
    ended_ms: int | None = None
    ended_by: str | None = None


class Maintenance(msgspec.Struct, frozen=True):
    """Work at a site, or at one sensor: the other is "". [start_ms, end_ms), or up to `ended_ms` when it ended early."""

    id: int
    site: str
    sensor: str
    start_ms: int
    end_ms: int
    reason: str
    who: str
    noted_ms: int
    ended_ms: int | None = None
    ended_by: str | None = None


_MUTE = "id, sensor, quantity, kind, verdict, reason, who, noted_ms, until_ms, ended_ms, ended_by"
_WORK = "id, site, sensor, start_ms, end_ms, reason, who, noted_ms, ended_ms, ended_by"


def mute(database: sqlite3.Connection, new: Mute) -> Mute:
    """Write it down; with its number."""
    cursor = database.execute(
        "INSERT INTO mutes (sensor, quantity, kind, verdict, reason, who, noted_ms, until_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (new.sensor, new.quantity, new.kind, new.verdict, new.reason, new.who, new.noted_ms, new.until_ms),
    )
    return msgspec.structs.replace(new, id=int(cursor.lastrowid or 0))


def mutes(database: sqlite3.Connection, now_ms: int | None = None) -> list[Mute]:
    """Those that work at `now_ms`; None: all there ever were, newest first."""
    condition = "ended_ms IS NULL AND until_ms > ?" if now_ms is not None else "1 OR ?"
    rows = database.execute(
        f"SELECT {_MUTE} FROM mutes WHERE {condition} ORDER BY id DESC LIMIT 1000", (now_ms,)
    ).fetchall()
    return [msgspec.convert(dict(zip(Mute.__struct_fields__, row, strict=True)), Mute) for row in rows]


def unmute(database: sqlite3.Connection, number: int, *, who: str, now_ms: int) -> Mute | None:
    """End it; None when none with that number works."""
    if not _end(database, "mutes", "until_ms", (now_ms, who, number, now_ms)):
        return None
    return next(one for one in mutes(database) if one.id == number)


def begin(database: sqlite3.Connection, new: Maintenance) -> Maintenance:
    """Write it down; with its number."""
    cursor = database.execute(
        "INSERT INTO maintenance (site, sensor, start_ms, end_ms, reason, who, noted_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new.site, new.sensor, new.start_ms, new.end_ms, new.reason, new.who, new.noted_ms),
    )
    return msgspec.structs.replace(new, id=int(cursor.lastrowid or 0))


def works(database: sqlite3.Connection, now_ms: int | None = None) -> list[Maintenance]:
    """Those that go on at `now_ms` or are still to come; None: all there ever were, newest first."""
    condition = "ended_ms IS NULL AND end_ms > ?" if now_ms is not None else "1 OR ?"
    rows = database.execute(
        f"SELECT {_WORK} FROM maintenance WHERE {condition} ORDER BY id DESC LIMIT 1000", (now_ms,)
    ).fetchall()
    return [Maintenance(*row) for row in rows]


def finish(database: sqlite3.Connection, number: int, *, who: str, now_ms: int) -> Maintenance | None:
    """End it now, or call it off; None when none with that number goes on or is to come."""
    if not _end(database, "maintenance", "end_ms", (now_ms, who, number, now_ms)):
        return None
    return next(one for one in works(database) if one.id == number)


def _end(database: sqlite3.Connection, table: str, until: str, values: tuple[int, str, int, int]) -> bool:
    """Whether there was one to end; `values` are now, who, its number, now."""
    cursor = database.execute(
        f"UPDATE {table} SET ended_ms = ?, ended_by = ? WHERE id = ? AND ended_ms IS NULL AND {until} > ?",
        values,
    )
    return cursor.rowcount > 0


def mute_alarm(
    database: sqlite3.Connection,
    alarm: Alarm,
    verdict: Verdict,
    *,
    until_ms: int,
    reason: str,
    who: str,
    now_ms: int,
) -> list[Mute]:
    """Mute every pattern (sensor, quantity, kind) of the alarm's anomalies: it ends, and they raise none before then."""
    rows = database.execute(
        "SELECT content FROM anomalies WHERE id IN (SELECT value FROM json_each(?)) ORDER BY start_ms, id",
        (json.dumps(alarm.anomalies),),
    ).fetchall()
    found = [msgspec.json.decode(content, type=Anomaly) for (content,) in rows]
    patterns = dict.fromkeys((one.sensor, one.quantity, one.kind.value) for one in found)
    return [mute(database, Mute(0, *pattern, verdict, reason, who, now_ms, until_ms)) for pattern in patterns]
