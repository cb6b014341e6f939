"""The one SQLite file of a journal: locked, opened, and replaced by a new one when it turns out damaged."""

import fcntl
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

import structlog

from edge import tallies, undated
from edge.salvage import COLUMNS, readable, readable_tallies

SCHEMA_VERSION = 2
UPGRADED = (0, 1)  # a new file, and one whose tables are all kept as they are: what is missing is made
BUSY_TIMEOUT_S = 5.0
CHECKPOINT_PAGES = 250  # keeps the WAL near 1 MB, so that opening after a crash is quick
PAGE_BYTES = 4096
SALVAGE_BATCH = 500
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

log = structlog.get_logger(__name__)
T = TypeVar("T")


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the file at `path`, made when it is not there; raises sqlite3.Error."""
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)


class JournalFile:
    """`on_open` hears of every connection: the first one, and the one to the file that replaces a damaged one."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        max_mb: int,
        on_open: Callable[[sqlite3.Connection], None],
        connect: Callable[[Path], sqlite3.Connection] = connect,
    ) -> None:
        self._path, self._clock, self._on_open, self._connect_to = path, clock, on_open, connect
        self._max_pages = max_mb * 1024 * 1024 // PAGE_BYTES
        self._db: sqlite3.Connection | None = None
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Take the lock and open the file, made when it is not there; raises OSError or sqlite3.Error."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self._path)
        try:
            self._open_or_replace()
        except (OSError, sqlite3.Error):
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file and of the lock."""
        if self._db is not None:
            self._db.close()
        if self._lock is not None:
            self._lock.close()

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` in one fsynced transaction, once more on a new file when this one is damaged; raises sqlite3.Error."""
        try:
            with self._connection as db:
                return work(db)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._replace(error)
            with self._connection as db:
                return work(db)

    def transact_unsynced(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same without an fsync of its own; the next `transact` syncs it too."""
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            return self.transact(work)
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")

    def at_limit(self) -> bool:
        """Is it our own `max_mb` that is reached, and not the disk that is full?"""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        return int(pages) >= self._max_pages * 0.9

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:  # a replacement failed half way, the disk was full perhaps
            self._connect()
        assert self._db is not None
        return self._db

    def _open_or_replace(self) -> None:
        try:
            self._connect()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._replace(error)

    def _connect(self) -> None:
        db = self._connect_to(self._path)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            db.execute(f"PRAGMA max_page_count = {self._max_pages}")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version not in (*UPGRADED, SCHEMA_VERSION):
                raise sqlite3.OperationalError(
                    f"its schema {version} is not {SCHEMA_VERSION}, the one known here"
                )
            db.executescript(files("edge").joinpath("journal.sql").read_text(encoding="utf-8"))
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._on_open(db)
        except BaseException:
            db.close()
            raise
        self._db = db

    def _replace(self, error: sqlite3.Error) -> None:
        """Set the file aside, begin a new one, bring over what can be read; raises sqlite3.Error or OSError."""
        if self._db is not None:
            self._db.close()
            self._db = None
        aside = self._path.with_name(f"{self._path.name}.damaged-{self._clock()}")
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path}{suffix}").rename(f"{aside}{suffix}")
        self._connect()
        rows, saved = readable(aside), 0
        while batch := list(islice(rows, SALVAGE_BATCH)):
            with self._connection as db:
                saved += insert_packs(db, batch)
        with self._connection as db:
            tallies.insert(db, readable_tallies(aside))
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(aside)) as old:
            old.execute("PRAGMA writable_schema = ON")
            with self._connection as db:
                for statement, found in undated.salvage(old):
                    db.executemany(statement, found)
        self._on_open(self._connection)
        log.error("journal damaged, set aside", reason=str(error), kept_as=aside.name, packs_salvaged=saved)


def insert_packs(db: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> int:
    """Insert rows in COLUMNS, leaving what is there already; how many were new."""
    return db.executemany(
        f"INSERT OR IGNORE INTO packs({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
    ).rowcount


def _locked(path: Path) -> IO[bytes]:
    """Two agents on one journal would send everything twice and never know; raises OSError."""
    lock = path.with_name(f"{path.name}.lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise OSError(error.errno, "another agent is using it") from error
    return lock


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE
