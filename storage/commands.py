"""The book's page of commands: what API or command line want done, taken up by the process that can do it."""

from collections.abc import Collection
from typing import Any

import msgspec

from storage.book import Book

KEPT = 10_000  # finished ones beyond that go, oldest first


class CommandRow(msgspec.Struct, frozen=True):
    """A command; `result` and `done_ms` are None while it waits."""

    id: int
    kind: str
    content: dict[str, Any]
    who: str
    asked_ms: int
    done_ms: int | None
    result: dict[str, Any] | None


class Commands:
    """Every method may raise BookUnavailableError."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def ask(self, kind: str, content: Any, *, who: str, now_ms: int) -> int:
        """Write the command down; its number. `content` is anything msgspec makes a JSON object of."""
        with self._book.writing() as database:
            database.execute(
                "DELETE FROM commands WHERE done_ms IS NOT NULL AND id <= (SELECT max(id) FROM commands) - ?",
                (KEPT,),
            )
            cursor = database.execute(
                "INSERT INTO commands (kind, content, who, asked_ms) VALUES (?, ?, ?, ?)",
                (kind, msgspec.json.encode(content), who, now_ms),
            )
            return int(cursor.lastrowid or 0)

    def waiting(self, kinds: Collection[str], limit: int = 100) -> list[CommandRow]:
        """What of these kinds nobody has finished, oldest first."""
        named = ",".join("?" * len(kinds))
        return self._rows(f"done_ms IS NULL AND kind IN ({named}) ORDER BY id LIMIT ?", *kinds, limit)

    def find(self, number: int) -> CommandRow | None:
        """The command with that number."""
        rows = self._rows("id = ?", number)
        return rows[0] if rows else None

    def finish(self, number: int, result: Any, now_ms: int) -> None:
        """Note what became of it."""
        with self._book.writing() as database:
            database.execute(
                "UPDATE commands SET done_ms = ?, result = ? WHERE id = ?",
                (now_ms, msgspec.json.encode(result), number),
            )

    def _rows(self, condition: str, *values: int | str) -> list[CommandRow]:
        with self._book.reading() as database:
            rows = database.execute(
                f"SELECT id, kind, content, who, asked_ms, done_ms, result FROM commands WHERE {condition}",
                values,
            ).fetchall()
        return [
            CommandRow(
                number,
                kind,
                msgspec.json.decode(content),
                who,
                asked_ms,
                done_ms,
                msgspec.json.decode(result) if result else None,
            )
            for number, kind, content, who, asked_ms, done_ms, result in rows
        ]
