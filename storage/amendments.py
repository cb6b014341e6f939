"""The book's pages of what is known about stored values: dated corrections, and periods declared invalid.

Nothing here changes the store: the view (`storage.view`) applies it on reading, and undoing a row gives the old values
back. Rows are ended, never deleted: who said what, and who took it back, stays.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from storage.book import Book
from telemetry.corrections import Correction, Form
from telemetry.times import rfc3339

PARTICLES = ("pm1", "pm25", "pm4", "pm10")
VERSION = "amendments"  # a counter that every change raises


class AmendmentError(ValueError):
    """It cannot be noted; the message says why."""


class OverlapError(AmendmentError):
    """Another correction is in force in a part of the period."""


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """A period [start_ms, end_ms) of a sensor (None: still) and who has said what of it."""

    id: int
    sensor: str
    quantity: str
    start_ms: int
    end_ms: int | None
    reason: str
    who: str
    noted_ms: int
    undone_ms: int | None = None
    undone_by: str | None = None

    def touches(self, start_ms: int, end_ms: int) -> bool:
        """Whether it says something of [start_ms, end_ms)."""
        return self.start_ms < end_ms and (self.end_ms is None or self.end_ms > start_ms)

    def holds(self, at_ms: int) -> bool:
        """Whether it says something of this instant."""
        return self.start_ms <= at_ms and (self.end_ms is None or at_ms < self.end_ms)


class Corrected(Noted, frozen=True, kw_only=True):
    """A correction of one series."""

    correction: Correction


class Invalid(Noted, frozen=True, kw_only=True):
    """An invalid period of one series, or with quantity "" of a sensor."""


class Amendments(NamedTuple):
    """Everything in force, and the version of the book it is of."""

    version: int
    corrections: dict[tuple[str, str], list[Corrected]]
    invalid: dict[str, list[Invalid]]


class Pages:
    """Every method may raise BookUnavailableError."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def correct(
        self,
        sensor: str,
        quantity: str,
        correction: Correction,
        start_ms: int,
        end_ms: int | None,
        *,
        reason: str,
        who: str,
        now_ms: int,
    ) -> int:
        """Note a correction; its id. Raises AmendmentError when another is in force in a part of the period."""
        _check(start_ms, end_ms)
        if not correction.linear and quantity not in PARTICLES:
            raise AmendmentError(
                f"a correction for humidity is for {', '.join(PARTICLES)}, not for {quantity}"
            )
        with self._book.writing() as database:
            for other in _corrections(database, in_force=True):
                if (other.sensor, other.quantity) == (sensor, quantity) and other.touches(
                    start_ms, end_ms if end_ms is not None else 2**62
                ):
                    raise OverlapError(
                        f"correction {other.id} holds in a part of this period: remove it first"
                    )
            cursor = database.execute(
                "INSERT INTO corrections (sensor, quantity, start_ms, end_ms, content, reason, who, noted_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (sensor, quantity, start_ms, end_ms, msgspec.json.encode(correction), reason, who, now_ms),
            )
            _changed(database)
            return int(cursor.lastrowid or 0)

    def invalidate(
        self,
        sensor: str,
        quantity: str,
        start_ms: int,
        end_ms: int | None,
        *,
        reason: str,
        who: str,
        now_ms: int,
    ) -> int:
        """Declare a period invalid; its id. `quantity` "" is everything the sensor says. Raises AmendmentError."""
        _check(start_ms, end_ms)
        with self._book.writing() as database:
            cursor = database.execute(
                "INSERT INTO invalidations (sensor, quantity, start_ms, end_ms, reason, who, noted_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (sensor, quantity, start_ms, end_ms, reason, who, now_ms),
            )
            _changed(database)
            return int(cursor.lastrowid or 0)

    def undo(self, kind: type[Noted], number: int, *, who: str, now_ms: int) -> bool:
        """End a row; False when there is none in force with that id."""
        table = "corrections" if kind is Corrected else "invalidations"
        with self._book.writing() as database:
            done = database.execute(
                f"UPDATE {table} SET undone_ms = ?, undone_by = ? WHERE id = ? AND undone_ms IS NULL",
                (now_ms, who, number),
            ).rowcount
            if done:
                _changed(database)
            return bool(done)

    def corrections(self, *, in_force: bool = True) -> list[Corrected]:
        """By id."""
        with self._book.reading() as database:
            return _corrections(database, in_force=in_force)

    def invalid(self, *, in_force: bool = True) -> list[Invalid]:
        """By id."""
        with self._book.reading() as database:
            return _invalid(database, in_force=in_force)

    def amendments(self, known: Amendments | None) -> Amendments:
        """Everything in force; `known` itself when nothing has changed since."""
        with self._book.reading() as database:
            row = database.execute("SELECT value FROM counters WHERE name = ?", (VERSION,)).fetchone()
            version = int(row[0]) if row else 0
            if known is not None and known.version == version:
                return known
            corrections = _corrections(database, in_force=True)
            invalid = _invalid(database, in_force=True)
        found = Amendments(version, {}, {})
        for correction in corrections:
            found.corrections.setdefault((correction.sensor, correction.quantity), []).append(correction)
        for period in invalid:
            found.invalid.setdefault(period.sensor, []).append(period)
        return found


def merged(periods: Iterable[Noted], start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """The union of the periods inside [start_ms, end_ms), ascending and apart. Pure."""
    found: list[tuple[int, int]] = []
    for period in sorted(periods, key=lambda one: one.start_ms):
        if not period.touches(start_ms, end_ms):
            continue
        low = max(start_ms, period.start_ms)
        high = end_ms if period.end_ms is None else min(end_ms, period.end_ms)
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def described(one: Noted) -> dict[str, Any]:
    """A dated fact as the API and `--json` show it, with the figures of a correction."""
    content = {
        "id": one.id,
        "sensor": one.sensor,
        "quantity": one.quantity or None,
        "start": rfc3339(one.start_ms),
        "end": rfc3339(one.end_ms) if one.end_ms is not None else None,
        "reason": one.reason,
        "who": one.who,
        "noted": rfc3339(one.noted_ms),
        "undone": rfc3339(one.undone_ms) if one.undone_ms is not None else None,
        "undone_by": one.undone_by,
    }
    if isinstance(one, Corrected):
        correction = one.correction
        content["form"] = correction.form
        if correction.form is Form.LINEAR:
            content |= {"factor": correction.factor, "offset": correction.offset}
        else:
            content["humidity"] = correction.humidity or one.sensor
        if correction.form is Form.KOHLER:
            content["kappa"] = correction.kappa
    return content


def _check(start_ms: int, end_ms: int | None) -> None:
    if end_ms is not None and end_ms <= start_ms:
        raise AmendmentError("the period must end after it starts")


def _changed(database: sqlite3.Connection) -> None:
    database.execute(
        "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (VERSION,)
    )


_NOTED = "id, sensor, quantity, start_ms, end_ms, reason, who, noted_ms, undone_ms, undone_by"


def _corrections(database: sqlite3.Connection, *, in_force: bool) -> list[Corrected]:
    rows = database.execute(
        f"SELECT {_NOTED}, content FROM corrections WHERE NOT ? OR undone_ms IS NULL ORDER BY id", (in_force,)
    ).fetchall()
    return [
        Corrected(**_fields(row), correction=msgspec.json.decode(row[-1], type=Correction)) for row in rows
    ]


def _invalid(database: sqlite3.Connection, *, in_force: bool) -> list[Invalid]:
    rows = database.execute(
        f"SELECT {_NOTED} FROM invalidations WHERE NOT ? OR undone_ms IS NULL ORDER BY id", (in_force,)
    ).fetchall()
    return [Invalid(**_fields(row)) for row in rows]


def _fields(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(_NOTED.split(", "), row, strict=False))
