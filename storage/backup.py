"""A copy of what the hub keeps, made while it runs: the book, the embedded store, and a page that says of when.

The copy is whole or absent: it grows beside its place and is put there at the end. What came after it is in the gateways'
journals.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from storage.book import Book
from storage.store import Store

BOOK, STORE, LABEL = "book.sqlite", "store.duckdb", "backup.json"


class BackupError(Exception):
    """It cannot be made or used; the message says why."""


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup is of. `store` is the embedded store's file in the data directory, "" where readings are in InfluxDB."""

    at_ms: int
    store: str
    rows: int
    gateways: tuple[str, ...]


async def back_up(book: Book, store: Store | None, directory: Path, *, now_ms: int) -> Label:
    """Copy everything into the new `directory`; raises BackupError, StoreUnavailableError, BookUnavailableError."""
    from storage.embedded import EmbeddedStore

    growing = directory.parent / f"{directory.name}.partial"
    try:
        if directory.exists():  # which may not be ours to know
            raise BackupError(f"{directory} is there already")
        shutil.rmtree(growing, ignore_errors=True)
        growing.mkdir(parents=True)
        name, rows = "", 0
        if isinstance(store, EmbeddedStore):
            name = store.path.name
            rows = await store.copy_to(growing / STORE)
        await asyncio.to_thread(_copy_book, book.path, growing / BOOK)
        label = Label(now_ms, name, rows, tuple(row.id for row in book.gateways()))
        (growing / LABEL).write_bytes(msgspec.json.format(msgspec.json.encode(label)))
        growing.rename(directory)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"cannot back up to {directory}: {error}") from error
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return label


def _copy_book(source: Path, target: Path) -> None:
    """By SQLite's own backup: one moment of the book, whatever is written meanwhile."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")


def read_label(directory: Path) -> Label:
    """What the backup is of; raises BackupError when it is none, or not whole."""
    try:
        label = msgspec.json.decode((directory / LABEL).read_bytes(), type=Label)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(f"{directory} is no backup: {error}") from error
    missing = [name for name in (BOOK, *([STORE] if label.store else [])) if not (directory / name).is_file()]
    if missing:
        raise BackupError(f"the backup {directory} has lost its {', '.join(missing)}")
    with closing(sqlite3.connect(f"{(directory / BOOK).absolute().as_uri()}?mode=ro", uri=True)) as book:
        try:
            (verdict,) = book.execute("PRAGMA quick_check").fetchone()
        except sqlite3.Error as error:
            verdict = str(error)
    if verdict != "ok":
        raise BackupError(f"the book of the backup {directory} is damaged: {verdict}")
    return label


def _is_held(path: Path) -> bool:
    """Whether another connection has the book open: only alone it can be locked as a whole."""
    if not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=0.5, isolation_level=None)) as book:
        try:
            book.execute("PRAGMA locking_mode=EXCLUSIVE")
            book.execute("BEGIN EXCLUSIVE")
            book.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        except sqlite3.DatabaseError:
            return False  # damaged: that is why it is restored
    return False


def restore(directory: Path, data: Path, *, now_ms: int) -> Mapping[str, Any]:
    """Put the backup's files into the data directory of a hub that is not running; what was there is set aside.

    Gives {"label", "aside"} (`aside` None when nothing was there). Raises BackupError.
    """
    label = read_label(directory)
    if _is_held(data / BOOK):
        raise BackupError(f"a hub has the book in {data} open: stop it, then restore")
    names = [(BOOK, BOOK), *([(STORE, label.store)] if label.store else [])]
    there = [data / f"{target}{end}" for _, target in names for end in ("", "-wal", "-shm", ".wal", ".tmp")]
    there = [path for path in there if path.exists()]
    aside = data / f"before-restore-{now_ms}"
    try:
        data.mkdir(parents=True, exist_ok=True)
        if there:
            aside.mkdir()
        for path in there:
            path.rename(aside / path.name)
        for source, target in names:
            shutil.copyfile(directory / source, data / f"{target}.restoring")
        for _, target in names:
            (data / f"{target}.restoring").rename(data / target)
    except OSError as error:
        raise BackupError(f"cannot restore into {data}: {error}") from error
    return {"label": label, "aside": aside if there else None}
