"""The book: one SQLite file (WAL) beside either store, for all that changes: inventory with dates, anomalies, quarantine.

Everything is on disk when a call returns (synchronous=FULL). Calls may come from any thread; they take turns.
"""

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import msgspec

from storage import manifests
from storage.inventory import GatewayRow, Inventory, SensorRow
from storage.manifests import ManifestRow
from storage.quarantine import ANYTHING, ROWS_MAX, Quarantine, QuarantineFilter, QuarantineRow
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.inventory import Site
from telemetry.manifest import Manifest
from telemetry.messages import Birth, State
from telemetry.quarantine import Quarantined

__all__ = ["Book", "BookUnavailableError", "QuarantineRow"]

SCHEMA_VERSION = 1
_SCHEMAS = tuple(Path(__file__).with_name(name) for name in ("book.sql", "records.sql", "alarms.sql"))

_ADVICE = (
    "; put the newest backup back with `halong restore`, or move the file away to begin with an empty one:"
    " inventory, alarms, quarantine, keys and notes are in it, readings are not"
)


class BookUnavailableError(Exception):
    """The book cannot be read or written; the message says why. What was to be written is not."""


class Book:
    """A context manager; every method may raise BookUnavailableError."""

    def __init__(self, path: Path, *, quarantine_rows: int = ROWS_MAX) -> None:
        self._path = path
        self._quarantine_rows = quarantine_rows
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> "Book":
        """Open the file, creating it (and its directory) when it is absent."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise BookUnavailableError(f"cannot open the book {self._path}: {error}") from error
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise BookUnavailableError(
                    f"the book {self._path} was written by a newer version of this program"
                )
            schema = "".join(path.read_text("utf-8") for path in _SCHEMAS)
            database.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version={SCHEMA_VERSION}; COMMIT")
        except sqlite3.Error as error:
            database.close()
            damaged = getattr(error, "sqlite_errorcode", None) in (
                sqlite3.SQLITE_CORRUPT,
                sqlite3.SQLITE_NOTADB,
            )
            advice = _ADVICE if damaged else ""
            raise BookUnavailableError(f"cannot use the book {self._path}: {error}{advice}") from error
        except BookUnavailableError:
            database.close()
            raise
        self._database = database
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; harmless when it is not open."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._database is None:
                raise BookUnavailableError(f"the book {self._path} is not open")
            try:
                self._database.execute(begin)
                try:
                    yield self._database
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise BookUnavailableError(f"the book {self._path} does not work: {error}") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._transaction("BEGIN") as database:
            yield database

    # Inventory.

    def register(self, birth: Birth, now_ms: int) -> list[str]:
        """Take over a gateway's birth; the sensors refused because another gateway owns them.

        A sensor is free when its owner's newest birth no longer lists it. A birth of an older session changes nothing.
        """
        with self._transaction() as database:
            return Inventory(database).register(birth, now_ms)

    def adopt(self, sensor: str, gateway: str, site: str, quantity: str, now_ms: int) -> bool:
        """Register a sensor (or its new quantity) that no birth has listed; False when another gateway owns it."""
        with self._transaction() as database:
            return Inventory(database).adopt(sensor, gateway, site, quantity, now_ms)

    def record_state(self, state: State, now_ms: int) -> bool:
        """Keep a gateway's state; False when a newer session is known already, so that nothing changed.

        A will (offline, time 0) keeps the last counters and does not count as seen.
        """
        with self._transaction() as database:
            return Inventory(database).record_state(state, now_ms)

    def owner(self, sensor: str, at_ms: int | None = None) -> str | None:
        """The gateway that owns the sensor now, or owned it at `at_ms`; before the first date: its first owner."""
        with self._reading() as database:
            return Inventory(database).owner(sensor, at_ms)

    def owners(self) -> dict[str, str]:
        """Sensor to the gateway that owns it now."""
        with self._reading() as database:
            return Inventory(database).owners()

    def sites(self) -> list[Site]:
        """Every site a birth has named, by id."""
        with self._reading() as database:
            return Inventory(database).sites()

    def gateways(self) -> list[GatewayRow]:
        """Every gateway heard of, by id."""
        with self._reading() as database:
            return Inventory(database).gateways()

    def sensors(self, *, retired: bool = False) -> list[SensorRow]:
        """Sensors listed by their owner's newest birth, and adopted ones, by id; or those that no gateway lists any more."""
        with self._reading() as database:
            return Inventory(database).sensors(retired=retired)

    # Manifests.

    def put_manifests(self, entries: Sequence[tuple[str, Manifest]], now_ms: int) -> None:
        """Keep what gateways account for: (gateway, manifest) pairs, in any order and as often as they come."""
        with self._transaction() as database:
            manifests.put(database, entries, now_ms)

    def manifests(
        self, start_ms: int, end_ms: int, *, sensor: str | None = None, gateway: str | None = None
    ) -> list[ManifestRow]:
        """Of the hours that start in [start_ms, end_ms), in the order of hour and sensor.

        An hour has a row for each life of the agent that knew something of it: their counts add up.
        """
        with self._reading() as database:
            return manifests.rows(database, start_ms, end_ms, sensor, gateway)

    # Anomalies.

    def put_anomaly(self, anomaly: Anomaly) -> None:
        """Add the anomaly, or replace the one with its id."""
        self.put_anomalies([anomaly])

    def put_anomalies(self, anomalies: Iterable[Anomaly]) -> None:
        """The same for several, in one transaction: when a whole street falls silent they are many."""
        rows = [
            (one.id, one.sensor, one.site, one.kind, one.start_ms, one.end_ms, msgspec.json.encode(one))
            for one in anomalies
        ]
        with self._transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO anomalies (id, sensor, site, kind, start_ms, end_ms, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def anomaly(self, anomaly_id: str) -> Anomaly | None:
        """The anomaly with that id."""
        with self._reading() as database:
            row = database.execute("SELECT content FROM anomalies WHERE id = ?", (anomaly_id,)).fetchone()
        return msgspec.json.decode(row[0], type=Anomaly) if row else None

    def anomalies(
        self,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        sensor: str | None = None,
        site: str | None = None,
        kind: AnomalyKind | None = None,
        sites: Collection[str] | None = None,
        open_only: bool = False,
        limit: int = 100,
        before_id: str | None = None,
    ) -> list[Anomaly]:
        """Newest start first: those that touch [start_ms, end_ms) and match; `before_id` goes on after that one.

        An unknown `before_id` gives nothing.
        """
        wanted: list[tuple[str, int | str]] = []
        if start_ms is not None:
            wanted.append(("(end_ms IS NULL OR end_ms >= ?)", start_ms))
        if end_ms is not None:
            wanted.append(("start_ms < ?", end_ms))
        if sensor is not None:
            wanted.append(("sensor = ?", sensor))
        if site is not None:
            wanted.append(("site = ?", site))
        if kind is not None:
            wanted.append(("kind = ?", kind))
        if sites is not None:
            wanted.append(("site IN (SELECT value FROM json_each(?))", json.dumps(sorted(sites))))
        if before_id is not None:
            wanted.append(("(start_ms, id) < (SELECT start_ms, id FROM anomalies WHERE id = ?)", before_id))
        clauses = [clause for clause, _ in wanted] + (["end_ms IS NULL"] if open_only else [])
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        with self._reading() as database:
            rows = database.execute(
                f"SELECT content FROM anomalies {where} ORDER BY start_ms DESC, id DESC LIMIT ?",
                (*(value for _, value in wanted), limit),
            ).fetchall()
        return [msgspec.json.decode(content, type=Anomaly) for (content,) in rows]

    # Quarantine.

    def quarantine(self, entries: Sequence[Quarantined], now_ms: int) -> None:
        """Set the entries aside in one transaction.

        The same reason, sensor, topic (without the pack's number) and payload again only raises the row's count.
        Bounded in rows and bytes, see `storage.quarantine`: what goes is counted.
        """
        with self._transaction() as database:
            Quarantine(database, self._quarantine_rows).add(entries, now_ms)

    def quarantined(
        self, limit: int, before_id: int | None = None, *, wanted: QuarantineFilter = ANYTHING
    ) -> list[QuarantineRow]:
        """Newest first: rows that match `wanted`; `before_id` goes on after that row."""
        with self._reading() as database:
            return Quarantine(database).rows(limit, before_id, wanted)

    def quarantine_total(self) -> int:
        """How many different things were ever set aside, those included that the bound has removed."""
        with self._reading() as database:
            return Quarantine(database).total()

    def quarantine_gone(self) -> int:
        """How many rows the bound has removed."""
        with self._reading() as database:
            return Quarantine(database).gone()

    # For the pages in modules of their own.

    @property
    def path(self) -> Path:
        """Its file."""
        return self._path

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One writing transaction, committed at the end of the block and undone when it fails."""
        with self._transaction() as database:
            yield database

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent look."""
        with self._reading() as database:
            yield database
