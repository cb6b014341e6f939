"""The pages of the book about access: API keys, hashed, and the record of every change.

A key is `hl_<id>_<secret>`: its id finds the row, and of the secret (256 random bits, which no one can guess, so that a
plain hash is enough) only the SHA-256 is kept.
"""

import hashlib
import hmac
import re
import sqlite3
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from storage.book import Book

AUDIT_ROWS = 100_000
_COLUMNS = "id, name, role, sites, created_ms, created_by, expires_ms, revoked_ms"
_KEY = re.compile(r"hl_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Role(StrEnum):
    """What a key may do; each may do what the one before may."""

    VIEWER = "viewer"  # read
    OPERATOR = "operator"  # acknowledge, comment, mute, replay, correct
    ADMIN = "admin"  # keys, the audit record

    def covers(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs the other."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class KeyRow(msgspec.Struct, frozen=True):
    """A key without its secret. `sites` empty is the whole city; `revoked_ms` None while it works."""

    id: str
    name: str
    role: Role
    sites: tuple[str, ...]
    created_ms: int
    created_by: str
    expires_ms: int | None
    revoked_ms: int | None


class AuditRow(msgspec.Struct, frozen=True):
    """One change: who did what to what, and how it ended."""

    id: int
    at_ms: int
    who: str
    role: str
    action: str
    target: str
    detail: str


def write_key(key_id: str, secret: str) -> str:
    """The key as its owner keeps it. Raises ValueError when the parts are not of the right shape."""
    text = f"hl_{key_id}_{secret}"
    if not _KEY.fullmatch(text):
        raise ValueError("a key is made of 12 hexadecimal digits and 43 characters of base64url")
    return text


def read_key(text: str) -> tuple[str, bytes] | None:
    """(id, hash of the secret) of something that looks like a key."""
    match = _KEY.fullmatch(text)
    return (match[1], hashlib.sha256(match[2].encode()).digest()) if match else None


class Keys:
    """The keys and the audit record in a book; every method may raise BookUnavailableError."""

    def __init__(self, book: Book, *, audit_rows: int = AUDIT_ROWS) -> None:
        self._book, self._audit_rows = book, audit_rows

    def add(
        self,
        text: str,
        name: str,
        role: Role,
        sites: Sequence[str] = (),
        *,
        by: str,
        now_ms: int,
        expires_ms: int | None = None,
    ) -> KeyRow:
        """Keep a new key by the hash of its secret, and the record that it was made. Raises ValueError for no key."""
        found = read_key(text)
        if found is None:
            raise ValueError("this is no key")
        row = KeyRow(found[0], name, role, tuple(sites), now_ms, by, expires_ms, None)
        with self._book.writing() as database:
            database.execute(
                "INSERT INTO keys (id, hash, name, role, sites, created_ms, created_by, expires_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (row.id, found[1], name, role, ",".join(sites), now_ms, by, expires_ms),
            )
            detail = f"{name}, {role}, {','.join(sites) or 'all sites'}"
            self._record(database, now_ms, by, "", "key create", row.id, detail)
        return row

    def made(self) -> list[KeyRow]:
        """Every key that was ever made, the oldest first."""
        with self._book.reading() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM keys ORDER BY created_ms, id").fetchall()
        return [_row(row) for row in rows]

    def find(self, text: str, now_ms: int) -> KeyRow | None:
        """The key somebody shows; None for one that is unknown, wrong, revoked or expired."""
        shown = read_key(text)
        if shown is None:
            return None
        with self._book.reading() as database:
            row = database.execute(f"SELECT {_COLUMNS}, hash FROM keys WHERE id = ?", shown[:1]).fetchone()
        if row is None or not hmac.compare_digest(row[-1], shown[1]):
            return None
        found = _row(row[:-1])
        return found if _works(found, now_ms) else None

    def works(self, key_id: str, now_ms: int) -> bool:
        """Whether the key with this id was neither revoked nor has expired."""
        with self._book.reading() as database:
            row = database.execute(f"SELECT {_COLUMNS} FROM keys WHERE id = ?", (key_id,)).fetchone()
        return row is not None and _works(_row(row), now_ms)

    def revoke(self, key_id: str, who: str, now_ms: int) -> bool:
        """End a key at once, and record it; False when none with that id works."""
        with self._book.writing() as database:
            done = database.execute(
                "UPDATE keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", (now_ms, key_id)
            )
            if done.rowcount == 1:
                self._record(database, now_ms, who, "", "key revoke", key_id, "")
            return done.rowcount == 1

    def record(self, at_ms: int, who: str, role: str, action: str, target: str, detail: str = "") -> None:
        """Add to the audit record; above `audit_rows` the oldest go."""
        with self._book.writing() as database:
            self._record(database, at_ms, who, role, action, target, detail)

    def _record(self, database: sqlite3.Connection, *row: int | str) -> None:
        done = database.execute(
            "INSERT INTO audit (at_ms, who, role, action, target, detail) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        database.execute("DELETE FROM audit WHERE id <= ?", ((done.lastrowid or 0) - self._audit_rows,))

    def changes(self, limit: int, before_id: int | None = None) -> list[AuditRow]:
        """The audit record, newest first; `before_id` goes on after that row."""
        with self._book.reading() as database:
            rows = database.execute(
                "SELECT id, at_ms, who, role, action, target, detail FROM audit WHERE ? IS NULL OR id < ?"
                " ORDER BY id DESC LIMIT ?",
                (before_id, before_id, limit),
            ).fetchall()
        return [AuditRow(*row) for row in rows]


def _works(row: KeyRow, now_ms: int) -> bool:
    return row.revoked_ms is None and (row.expires_ms is None or row.expires_ms > now_ms)


def _row(row: Sequence[object]) -> KeyRow:
    key_id, name, role, sites, created_ms, created_by, expires_ms, revoked_ms = row
    names = tuple(str(sites).split(",")) if sites else ()
    return msgspec.convert(
        {
            "id": key_id,
            "name": name,
            "role": role,
            "sites": names,
            "created_ms": created_ms,
            "created_by": created_by,
            "expires_ms": expires_ms,
            "revoked_ms": revoked_ms,
        },
        KeyRow,
    )
