"""The manifests' pages of the book: what gateways account for. Used inside one of the book's transactions."""

import sqlite3
from collections.abc import Iterable

from telemetry.manifest import Manifest
from telemetry.times import DAY_MS

_COLUMNS = (
    "gateway, journal, sensor, hour_ms, expected, read, bad, accepted, duplicate, late, given_up, received_ms"
)


class ManifestRow(Manifest, frozen=True, kw_only=True):
    """A manifest with the gateway it came from, and the hub's time when its newest state came."""

    gateway: str
    received_ms: int


def put(database: sqlite3.Connection, entries: Iterable[tuple[str, Manifest]], now_ms: int) -> None:
    """Keep (gateway, manifest) pairs; the same one again changes nothing, an older state of a row never replaces a newer."""
    database.executemany(
        f"INSERT INTO manifests ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (gateway, journal, sensor, hour_ms) DO UPDATE SET"
        " expected = excluded.expected, read = excluded.read, bad = excluded.bad, accepted = excluded.accepted,"
        " duplicate = excluded.duplicate, late = excluded.late, given_up = excluded.given_up,"
        " received_ms = excluded.received_ms"
        " WHERE excluded.read + excluded.bad + excluded.accepted + excluded.duplicate + excluded.late + excluded.given_up"
        " > read + bad + accepted + duplicate + late + given_up",
        [
            (
                gateway,
                one.journal,
                one.sensor,
                one.hour_ms,
                one.expected,
                one.read,
                one.bad,
                one.accepted,
                one.duplicate,
                one.late,
                one.given_up,
                now_ms,
            )
            for gateway, one in entries
        ],
    )


def rows(
    database: sqlite3.Connection, start_ms: int, end_ms: int, sensor: str | None, gateway: str | None
) -> list[ManifestRow]:
    """See Book.manifests."""
    found = database.execute(
        f"SELECT {_COLUMNS} FROM manifests WHERE hour_ms >= ? AND hour_ms < ?"
        " AND (? IS NULL OR sensor = ?) AND (? IS NULL OR gateway = ?) ORDER BY hour_ms, sensor, gateway, journal",
        (start_ms, end_ms, sensor, sensor, gateway, gateway),
    ).fetchall()
    names = _COLUMNS.split(", ")
    return [ManifestRow(**dict(zip(names, row, strict=True))) for row in found]


def forget(database: sqlite3.Connection, before_ms: int) -> int:
    """Remove the oldest day of hours before `before_ms`, and what the quarantine's bound removed then; how many manifests.

    A day at a time, so that a transaction stays short. 0: there is none.
    """
    (oldest,) = database.execute("SELECT min(hour_ms) FROM manifests").fetchone()
    database.execute("DELETE FROM quarantine_removed WHERE hour_ms < ?", (before_ms,))
    if oldest is None or oldest >= before_ms:
        return 0
    below = min(before_ms, oldest + DAY_MS)
    return database.execute("DELETE FROM manifests WHERE hour_ms < ?", (below,)).rowcount
