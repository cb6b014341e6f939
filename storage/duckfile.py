"""The DuckDB file of the embedded store: opening it whatever happened to it, and writing one batch to it. Synchronous."""

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import structlog

from storage import rollup
from storage.batch import Batch, prepare, refuse
from storage.store import Columns, Outcome, Series, StoreBusyError, StoreUnavailableError
from telemetry.times import HOUR_MS

MEMORY_LIMIT = "512MB"
THREADS = 2
DISK_RETRY_S = 5.0
QUIET_MS = 600_000  # without a reading for it, before an hour that is over is rolled
SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (schema_version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS series (
  id INTEGER NOT NULL, sensor VARCHAR NOT NULL, site VARCHAR NOT NULL, quantity VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS readings (
  series INTEGER NOT NULL, observed_at BIGINT NOT NULL, value DOUBLE NOT NULL, flags INTEGER, late_s INTEGER
)
"""
_CORRUPT_WAL = re.compile(r"Corrupt WAL file: entry at byte position (\d+)")

log = structlog.get_logger(__name__)


class DuckFile:
    """One DuckDB file in the hands of one thread; only the cursors it gives out may be used by others.

    No primary key: an anti-join bounded to the batch's own times keeps keys unique at a fraction of the cost, because
    there is one writer. `clock` (ms) names the copy of a damaged write-ahead log.
    """

    def __init__(self, path: Path, *, clock: Callable[[], int], checkpoint_wal: str = "16MB") -> None:
        self.path = path
        self.ids: dict[Series, int] = {}  # replaced, never changed: other threads read it
        self._rolled: set[int] = set()
        self._waiting: dict[int, int] | None = (
            None  # hours that are not rolled, and when they were written; None: unknown
        )
        self._clock = clock
        self._checkpoint_wal = checkpoint_wal
        self._connection: duckdb.DuckDBPyConnection | None = None

    def open(self) -> None:
        """Create or open; a damaged write-ahead log is set aside and kept up to the damage.

        Raises StoreBusyError, or StoreUnavailableError when the file cannot be used.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailableError(
                f"cannot make {self.path.parent}: {error.strerror}", DISK_RETRY_S
            ) from error
        try:
            connection = self._connect()
        except duckdb.Error as error:
            damage = _CORRUPT_WAL.search(str(error))
            if damage is None:
                raise _opening_error(self.path, error) from error
            self._cut_wal(int(damage.group(1)))
            try:
                connection = self._connect()
            except duckdb.Error as again:
                raise _opening_error(self.path, again) from again
        try:
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            connection.execute(f"{_SCHEMA}; {rollup.SCHEMA}")
            self._check_version(connection)
            rows = connection.execute("SELECT sensor, site, quantity, id FROM series").fetchall()
            self._rolled = {hour for (hour,) in connection.execute("SELECT start_ms FROM rolled").fetchall()}
            self._waiting = None
        except duckdb.Error as error:
            connection.close()
            raise _opening_error(self.path, error) from error
        except StoreUnavailableError:
            connection.close()
            raise
        self.ids = {Series(*names): number for *names, number in rows}
        self._connection = connection

    def _check_version(self, connection: duckdb.DuckDBPyConnection) -> None:
        """A file without a version is older than versions, and like the first."""
        (version,) = connection.execute("SELECT max(schema_version) FROM about").fetchall()[0]
        if version is None:
            connection.execute(f"INSERT INTO about VALUES ({SCHEMA_VERSION})")
        elif version > SCHEMA_VERSION:
            raise StoreUnavailableError(
                f"the store {self.path} was written by a newer version of this program", DISK_RETRY_S
            )

    def _connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(
            self.path,
            config={
                "memory_limit": MEMORY_LIMIT,
                "threads": str(THREADS),
                "temp_directory": f"{self.path}.tmp",
                "checkpoint_threshold": self._checkpoint_wal,
                "autoinstall_known_extensions": "false",
            },
        )

    def _cut_wal(self, good_bytes: int) -> None:
        wal = self.path.with_name(f"{self.path.name}.wal")
        aside = self.path.with_name(f"{self.path.name}.wal.damaged-{self._clock()}")
        try:
            size = wal.stat().st_size
            shutil.copy2(wal, aside)
            with wal.open("r+b") as file:
                file.truncate(good_bytes)
        except OSError as error:
            raise StoreUnavailableError(f"cannot repair {wal}: {error.strerror}", DISK_RETRY_S) from error
        log.error(
            "store log damaged, later commits are lost: resend the last hours from the gateways",
            copy=str(aside),
            kept_bytes=good_bytes,
            lost_bytes=size - good_bytes,
        )

    def close(self) -> None:
        """Harmless when not open. Cursors are to be closed before."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(duckdb.Error):  # an invalidated database still lets go of its file
                connection.close()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The open connection; raises StoreUnavailableError."""
        if self._connection is None:
            raise StoreUnavailableError(f"the store {self.path} is not open")
        return self._connection

    def write(self, columns: Columns) -> Outcome:
        """One transaction, on disk on return. Raises duckdb.Error; then the batch may or may not be in the file."""
        refused = refuse(columns)
        batch = prepare(columns, refused, self.ids)
        if batch is None:
            return Outcome(0, 0, refused)
        connection = self.connection
        connection.execute("BEGIN")
        try:
            if batch.new:
                fresh = ([*batch.new.values()], *map(list, zip(*batch.new, strict=True)))
                connection.execute(
                    "INSERT INTO series SELECT unnest(?), unnest(?), unnest(?), unnest(?)", fresh
                )
            stored = self._insert(connection, batch)
            hours = batch.hours()
            late = hours & self._rolled
            if late:
                self._take_out(connection, late)
            connection.execute("COMMIT")
        except duckdb.Error:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            raise
        if batch.new:
            self.ids = self.ids | batch.new
        self._rolled -= late
        if self._waiting is not None:
            self._waiting.update(dict.fromkeys(hours, self._clock()))
        return Outcome(stored, len(columns) - len(refused) - stored, refused)

    def forget(self, before_ms: int, step_ms: int) -> int | None:
        """Remove the oldest rows below `before_ms`, `step_ms` of them; how many. None when there are none."""
        connection = self.connection
        ((oldest,),) = connection.execute(
            "SELECT min(observed_at) FROM readings WHERE observed_at < ?", [before_ms]
        ).fetchall()
        if oldest is None:
            return None
        end = min(before_ms, oldest + step_ms)
        connection.execute("BEGIN")
        try:
            rows = connection.execute("DELETE FROM readings WHERE observed_at < ?", [end]).fetchall()
            gone = {hour for hour in self._rolled if hour < end}
            if gone:
                self._take_out(connection, gone)
            connection.execute("COMMIT")
        except duckdb.Error:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            raise
        self._rolled -= gone
        self._waiting = None  # the hour that was cut is to be rolled anew
        return int(rows[0][0])

    def checkpoint(self) -> None:
        """Give the space of removed rows free for new ones."""
        self.connection.execute("CHECKPOINT").fetchall()

    def copy_to(self, target: Path) -> int:
        """A copy of everything in a new file, by DuckDB itself, and counted; how many readings. Raises OSError, duckdb.Error.

        Reading the file past DuckDB would let go of its lock: POSIX drops a process's locks when it closes any descriptor.
        """
        ((name,),) = self.connection.execute("SELECT current_database()").fetchall()
        quoted = str(target).replace("'", "''")
        self.connection.execute(f"ATTACH '{quoted}' AS copy")
        try:
            self.connection.execute(f'COPY FROM DATABASE "{name}" TO copy')
            counting = (
                f'SELECT (SELECT count(*) FROM "{name}".readings), (SELECT count(*) FROM copy.readings)'
            )
            ((rows, copied),) = self.connection.execute(counting).fetchall()
        finally:
            self.connection.execute("DETACH copy")
        if copied != rows:
            raise OSError(f"the copy {target} holds {copied} readings, not {rows}")
        return int(rows)

    def _insert(self, connection: duckdb.DuckDBPyConnection, batch: Batch) -> int:
        near = " OR ".join(f"observed_at BETWEEN {low} AND {high}" for low, high in batch.clusters())
        connection.register("batch", batch.arrays)
        try:
            rows = connection.execute(
                "INSERT INTO readings SELECT series, observed_at, value, flags, late_s FROM batch"
                f" ANTI JOIN (SELECT series, observed_at FROM readings WHERE {near}) USING (series, observed_at)"
                " ORDER BY observed_at"
            ).fetchall()
        finally:
            connection.unregister("batch")
        return int(rows[0][0])

    def _take_out(self, connection: duckdb.DuckDBPyConnection, hours: set[int]) -> None:
        named = ", ".join(map(str, hours))
        connection.execute(f"DELETE FROM hours WHERE start_ms IN ({named})")
        connection.execute(f"DELETE FROM rolled WHERE start_ms IN ({named})")

    def distrust(self, start_ms: int, end_ms: int) -> int:
        """Take the rolled hours that touch the range out again; how many. Raises duckdb.Error."""
        hours = {hour for hour in self._rolled if start_ms - HOUR_MS < hour < end_ms}
        if hours:
            self._take_out(self.connection, hours)
            self._rolled -= hours
            self._waiting = None
        return len(hours)

    def roll(self, most: int) -> int:
        """Roll up to `most` hours that are over and have been quiet since; how many were. Raises duckdb.Error."""
        connection, now = self.connection, self._clock()
        if self._waiting is None:
            found = connection.execute(
                f"SELECT DISTINCT observed_at - observed_at % {HOUR_MS} FROM readings"
            ).fetchall()
            self._waiting = dict.fromkeys({hour for (hour,) in found} - self._rolled, 0)
        ready = sorted(
            hour
            for hour, touched in self._waiting.items()
            if hour + HOUR_MS <= now and touched <= now - QUIET_MS
        )[:most]
        if not ready:
            return 0
        condition = " OR ".join(f"observed_at >= {hour} AND observed_at < {hour + HOUR_MS}" for hour in ready)
        connection.execute("BEGIN")
        try:
            connection.execute(f"INSERT INTO hours {rollup.figures_sql(condition)} ORDER BY start_ms, series")
            connection.executemany("INSERT INTO rolled VALUES (?)", [(hour,) for hour in ready])
            connection.execute("COMMIT")
        except duckdb.Error:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            raise
        self._rolled |= set(ready)
        for hour in ready:
            del self._waiting[hour]
        return len(ready)


def _opening_error(path: Path, error: duckdb.Error) -> StoreUnavailableError:
    text = str(error)
    if "Could not set lock on file" in text:
        holder = re.search(r"\(PID (\d+)\)", text)
        who = f"process {holder.group(1)}" if holder else "another process"
        return StoreBusyError(
            f"{path} is owned by {who}, the hub: stop it, or ask it over its API (--url)", DISK_RETRY_S
        )
    return StoreUnavailableError(f"cannot open the store {path}: {text.splitlines()[0]}", DISK_RETRY_S)
