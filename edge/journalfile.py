"""The one SQLite file of a journal: locked, opened, and replaced by a new one when it turns out damaged."""

import errno
import fcntl
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

import structlog

from edge import setaside, tallies, undated
from edge.salvage import COLUMNS, readable, readable_tallies

SCHEMA_VERSION = 2
UPGRADED = (0, 1)  # a new file, and one whose tables are all kept as they are: what is missing is made
BUSY_TIMEOUT_S = 5.0
CHECKPOINT_PAGES = 250  # keeps the WAL near 1 MB, so that opening after a crash is quick
PAGE_BYTES = 4096
SALVAGE_BATCH = 500
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PASSING = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY}
_PASSING_OS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}

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
        self.path, self._clock, self._on_open, self._connect_to = path, clock, on_open, connect
        self._max_pages = max_mb * 1024 * 1024 // PAGE_BYTES
        self._db: sqlite3.Connection | None = None
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Take the lock and open the file, made when it is not there; raises OSError or sqlite3.Error.

        After an error for which `is_passing` is true it is tried again by whatever is done next.
        """
        try:
            self._open()
        except (OSError, sqlite3.Error) as error:
            if not is_passing(error):
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
            if not is_damage(error):
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
        if self._db is None:
            return False
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        return int(pages) >= self._max_pages * 0.9

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:  # it could not be opened or replaced before, the disk was full perhaps
            self._open()
        assert self._db is not None
        return self._db

    def _open(self) -> None:
        if self.path.is_dir():
            raise OSError(errno.EISDIR, "it is a directory")
        if self._lock is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
        try:
            if asides := setaside.pending(self.path):
                self._finish(asides, "the agent ended while it was being set aside")
            else:
                self._connect()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._replace(error)

    def _connect(self) -> None:
        db = self._connect_to(self.path)
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
            if version != SCHEMA_VERSION:  # a full disk can be read, too
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._on_open(db)
        except BaseException:
            db.close()
            raise
        self._db = db

    def _replace(self, error: sqlite3.Error) -> None:
        """Set the file aside, begin a new one, bring over what can be read; raises sqlite3.Error or OSError."""
        self._disconnect()
        asides = setaside.begin(self.path, self._clock())
        if len(asides) > setaside.MOST:
            raise sqlite3.OperationalError(
                f"{len(asides)} files damaged one after the other: the disk is at fault"
            )
        try:
            self._finish(asides, str(error))
        except sqlite3.DatabaseError as again:
            if not is_damage(again):
                raise
            self._replace(again)

    def _finish(self, asides: Sequence[Path], reason: str) -> None:
        setaside.move(self.path, asides)
        try:
            self._connect()
            saved = sum(self._salvage(aside) for aside in asides)
            self._on_open(self._connection)
            setaside.end(self.path)
        except BaseException:
            self._disconnect()
            raise
        log.error("journal damaged, set aside", reason=reason, kept_as=asides[-1].name, packs_salvaged=saved)

    def _salvage(self, aside: Path) -> int:
        """Bring over what can be read and is not there yet; how many packs."""
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
        return saved

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def is_passing(error: OSError | sqlite3.Error) -> bool:
    """Whether the file may be opened later as it is: the disk is full, or does not answer."""
    if isinstance(error, OSError):
        return error.errno in _PASSING_OS
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING


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


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is malformed."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE
