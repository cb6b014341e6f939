"""The journal's table of tallies: what `edge.account` has counted, added up until it is told. Used inside a transaction."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from edge.account import MAX_GAP_MS, Count
from telemetry.manifest import Manifest
from telemetry.packs import Pack
from telemetry.times import HOUR_MS

SETTLED_MS = 60_000  # an hour is told so long after its end
MOST_TOLD = 1000
COLUMNS = (
    "journal, sensor, hour_ms, quantities, periods, until_ms, observations, read, bad, accepted, duplicate, late,"
    " given_up, revision, told"
)
Row = tuple[Any, ...]


class Untold(NamedTuple):
    """A manifest that ingest must hear, and the state of the row it tells."""

    manifest: Manifest
    revision: int


def add(db: sqlite3.Connection, journal: str, counts: Iterable[Count]) -> None:
    """Add to the rows of this journal."""
    db.executemany(
        f"INSERT INTO tallies({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1, 0)"
        " ON CONFLICT DO UPDATE SET quantities = max(quantities, excluded.quantities),"
        " periods = CASE WHEN excluded.periods IS NULL THEN periods ELSE coalesce(periods, 0) + excluded.periods END,"
        " until_ms = max(until_ms, excluded.until_ms), observations = observations + excluded.observations,"
        " read = read + excluded.read, bad = bad + excluded.bad, accepted = accepted + excluded.accepted,"
        " duplicate = duplicate + excluded.duplicate, late = late + excluded.late, revision = revision + 1",
        [
            (
                journal,
                one.sensor,
                one.hour_ms,
                one.quantities,
                one.periods,
                one.until_ms,
                one.observations,
                one.read,
                one.bad,
                one.accepted,
                one.duplicate,
                one.late,
            )
            for one in counts
        ],
    )


def give_up(db: sqlite3.Connection, journal: str, packs: Iterable[Pack]) -> None:
    """Count what goes unacknowledged with these packs, and tell again what they would have told."""
    gone: Counter[tuple[str, int]] = Counter()
    untold = []
    for pack in packs:
        gone.update((one.sensor, one.observed_at - one.observed_at % HOUR_MS) for one in pack.readings)
        untold += [(one.journal, one.sensor, one.hour_ms) for one in pack.manifests]
    db.executemany(
        f"INSERT INTO tallies({COLUMNS}) VALUES (?, ?, ?, 0, NULL, 0, 0, 0, 0, 0, 0, 0, ?, 1, 0)"
        " ON CONFLICT DO UPDATE SET given_up = given_up + excluded.given_up, revision = revision + 1",
        [(journal, sensor, hour_ms, number) for (sensor, hour_ms), number in gone.items()],
    )
    db.executemany(
        "UPDATE tallies SET revision = revision + 1 WHERE journal = ? AND sensor = ? AND hour_ms = ?", untold
    )


def untold(db: sqlite3.Connection, journal: str, now_ms: int, *, everything: bool) -> list[Untold]:
    """What is to be told: hours that are over, and whatever earlier lives have left; `everything`: this life ends."""
    rows = db.execute(
        "SELECT journal, sensor, hour_ms, quantities, periods, observations, read, bad, accepted, duplicate, late,"
        " given_up, revision FROM tallies WHERE told < revision AND (? OR journal != ? OR hour_ms <= ?)"
        " ORDER BY hour_ms, sensor LIMIT ?",
        (everything, journal, now_ms - HOUR_MS - SETTLED_MS, MOST_TOLD),
    ).fetchall()
    return [Untold(_manifest(row), row[12]) for row in rows]


def tell(db: sqlite3.Connection, told: Sequence[Untold]) -> None:
    """These are in a pack now; what was counted since is untold."""
    db.executemany(
        "UPDATE tallies SET told = ? WHERE journal = ? AND sensor = ? AND hour_ms = ? AND told < ?",
        [(rev, one.journal, one.sensor, one.hour_ms, rev) for one, rev in told],
    )


def counted_until(db: sqlite3.Connection, now_ms: int) -> dict[str, int]:
    """Up to where the periods of each sensor are counted, of those that were watched in the last days."""
    return dict(
        db.execute(
            "SELECT sensor, max(until_ms) FROM tallies WHERE hour_ms >= ? AND until_ms > 0 GROUP BY sensor",
            (now_ms - MAX_GAP_MS - HOUR_MS,),
        ).fetchall()
    )


def forget(db: sqlite3.Connection, before_ms: int) -> None:
    """Drop told rows of hours before `before_ms`, but those of the last days, which late readings may still change."""
    db.execute("DELETE FROM tallies WHERE hour_ms < ? AND told >= revision", (before_ms,))


def insert(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Insert rows in COLUMNS, leaving what is there already."""
    db.executemany(
        f"INSERT OR IGNORE INTO tallies({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
    )


def _manifest(row: Row) -> Manifest:
    journal, sensor, hour_ms, quantities, periods, observations, read, bad, accepted, twice, late, gone, _ = (
        row
    )
    return Manifest(
        sensor=sensor,
        hour_ms=hour_ms,
        journal=journal,
        expected=expected(periods, observations, read, quantities),
        read=read,
        bad=bad,
        accepted=accepted,
        duplicate=twice,
        late=late,
        given_up=gone,
    )


def expected(periods: int | None, observations: int, read: int, quantities: int) -> int | None:
    """Readings that would have come with an observation in each of so many periods; None when there is no period.

    >>> expected(60, 50, 100, 4), expected(60, 0, 0, 4), expected(None, 5, 5, 1)
    (120, 240, None)
    """
    if periods is None:
        return None
    return round(periods * read / observations) if observations else periods * quantities
