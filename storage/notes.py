"""The book's page of what operators say about anomalies: taken note of, and comments."""

import json
from collections.abc import Sequence

import msgspec

from storage.book import Book

NOTES_MAX = 200  # of one anomaly


class TooManyNotesError(Exception):
    """The anomaly has NOTES_MAX notes already."""


class Note(msgspec.Struct, frozen=True):
    """One note; `acknowledges` when it says that somebody looks after it."""

    anomaly: str
    at_ms: int
    who: str
    acknowledges: bool
    comment: str


class Notes:
    """Every method may raise BookUnavailableError."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def add(self, note: Note) -> None:
        """Add a note. Raises TooManyNotesError."""
        with self._book.writing() as database:
            (count,) = database.execute(
                "SELECT count(*) FROM anomaly_notes WHERE anomaly = ?", (note.anomaly,)
            ).fetchone()
            if count >= NOTES_MAX:
                raise TooManyNotesError
            database.execute(
                "INSERT INTO anomaly_notes (anomaly, at_ms, who, acknowledges, comment) VALUES (?, ?, ?, ?, ?)",
                (note.anomaly, note.at_ms, note.who, note.acknowledges, note.comment),
            )

    def of(self, anomalies: Sequence[str]) -> dict[str, list[Note]]:
        """Anomaly to its notes, oldest first; those without any are absent."""
        found: dict[str, list[Note]] = {}
        with self._book.reading() as database:
            rows = database.execute(
                "SELECT anomaly, at_ms, who, acknowledges, comment FROM anomaly_notes"
                " WHERE anomaly IN (SELECT value FROM json_each(?)) ORDER BY id",
                (json.dumps(list(anomalies)),),
            ).fetchall()
        for anomaly, at_ms, who, acknowledges, comment in rows:
            found.setdefault(anomaly, []).append(Note(anomaly, at_ms, who, bool(acknowledges), comment))
        return found
