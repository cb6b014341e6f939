"""The book's page of alarms. The functions work inside one of the book's transactions."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence

import msgspec

from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import Severity

OPEN_MAX = 10_000


def put(database: sqlite3.Connection, alarms: Iterable[Alarm]) -> None:
    """Add each alarm, or replace the one with its id."""
    database.executemany(
        "INSERT OR REPLACE INTO alarms (id, start_ms, end_ms, site, family, severity, state, content)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.id,
                one.start_ms,
                one.end_ms,
                one.site,
                one.family,
                one.severity,
                one.state,
                msgspec.json.encode(one),
            )
            for one in alarms
        ],
    )


def find(database: sqlite3.Connection, alarm_id: str) -> Alarm | None:
    """The alarm with that id."""
    row = database.execute("SELECT content FROM alarms WHERE id = ?", (alarm_id,)).fetchone()
    return msgspec.json.decode(row[0], type=Alarm) if row else None


def open_alarms(database: sqlite3.Connection) -> list[Alarm]:
    """Those that are not closed, oldest first."""
    rows = database.execute(
        "SELECT content FROM alarms WHERE end_ms IS NULL ORDER BY start_ms, id LIMIT ?", (OPEN_MAX,)
    ).fetchall()
    return [msgspec.json.decode(content, type=Alarm) for (content,) in rows]


def closed_since(database: sqlite3.Connection, since_ms: int) -> list[Alarm]:
    """Those that ended at or after `since_ms`."""
    rows = database.execute("SELECT content FROM alarms WHERE end_ms >= ?", (since_ms,)).fetchall()
    return [msgspec.json.decode(content, type=Alarm) for (content,) in rows]


def listed(
    database: sqlite3.Connection,
    *,
    states: Collection[AlarmState] = (),
    families: Collection[AlarmFamily] = (),
    severities: Collection[Severity] = (),
    site: str | None = None,
    sensor: str | None = None,
    sites: Collection[str] | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
    limit: int = 100,
    before_id: str | None = None,
) -> list[Alarm]:
    """Newest start first: those that touch [start_ms, end_ms) and match; empty collections match anything.

    `sites` None is the whole city. `before_id` goes on after that one; an unknown one gives nothing.
    """
    wanted: list[tuple[str, int | str]] = []
    chosen: Sequence[tuple[str, Collection[str] | None]] = (
        ("state", states or None),
        ("family", families or None),
        ("severity", severities or None),
        ("site", sites),
    )
    for column, values in chosen:
        if values is not None:
            wanted.append((f"{column} IN (SELECT value FROM json_each(?))", json.dumps(sorted(values))))
    if site is not None:
        wanted.append(("site = ?", site))
    if sensor is not None:
        wanted.append(("? IN (SELECT value FROM json_each(content, '$.sensors'))", sensor))
    if start_ms is not None:
        wanted.append(("(end_ms IS NULL OR end_ms >= ?)", start_ms))
    if end_ms is not None:
        wanted.append(("start_ms < ?", end_ms))
    if before_id is not None:
        wanted.append(("(start_ms, id) < (SELECT start_ms, id FROM alarms WHERE id = ?)", before_id))
    where = f"WHERE {' AND '.join(clause for clause, _ in wanted)}" if wanted else ""
    rows = database.execute(
        f"SELECT content FROM alarms {where} ORDER BY start_ms DESC, id DESC LIMIT ?",
        (*(value for _, value in wanted), limit),
    ).fetchall()
    return [msgspec.json.decode(content, type=Alarm) for (content,) in rows]
