"""The journal: what the agent has accepted, on disk before anyone hears of it. The schema is in docs/journal.md.

`append` is one transaction with synchronous=FULL: when it returns, the packs survive a power cut. An acknowledgement is
not worth an fsync: when it is forgotten, the pack is sent once more, and a reading's identity makes that harmless.
"""

import sqlite3
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar

import structlog

from edge import tallies, undated
from edge.account import MAX_GAP_MS, Count
from edge.clock import ClockEvent
from edge.journalfile import JournalFile, connect, insert_packs, is_passing
from edge.packing import NewPack
from edge.tallies import Untold
from edge.undated import Undated
from telemetry.messages import Ranges
from telemetry.reading import Reading
from telemetry.senml import Pack, SenmlError, decode_pack

ROOM_PACKS = 256  # how many of the oldest packs go at once when max_mb is reached
SCRUB_PACKS = 2000  # some 2 MB of reading a call
PRUNE_PACKS = 1000  # at most so many a call: an append never waits long behind it
DAY_MS = 86_400_000
_MAX_INTEGER = 2**63 - 1
_START = ("", -1)  # before every pack

log = structlog.get_logger(__name__)
T = TypeVar("T")
Key = tuple[str, int]
Rows = list[tuple[Any, ...]]


class JournalUnavailableError(Exception):
    """The journal cannot be opened or written now: keep the readings and try again."""


class PackRow(NamedTuple):
    """A pack by its name, without its payload."""

    journal: str
    seq: int
    site: str
    formed_ms: int
    newest_ms: int


class Depth(NamedTuple):
    """Packs that wait, when the oldest of them was formed, the file in bytes, packs given up, why it cannot be used ("")."""

    waiting: int = 0
    oldest_ms: int | None = None
    size: int = 0
    given_up: int = 0
    trouble: str = ""


class Journal:
    """Packs until they are acknowledged, and `keep_days` longer. Used from one thread; `clock` is wall time in ms.

    Only `append` raises JournalUnavailableError: the other methods answer with what can be known now. Above `max_mb`
    the oldest acknowledged packs go, then the oldest waiting ones, which are counted in `given_up`.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        rng: Random,
        keep_days: int = 60,
        max_mb: int = 2048,
        connect: Callable[[Path], sqlite3.Connection] = connect,
    ) -> None:
        self._path, self._rng = path, rng
        self._file = JournalFile(path, clock=clock, max_mb=max_mb, on_open=self._begin, connect=connect)
        self._keep_ms = keep_days * DAY_MS
        self._seq = self._waiting = 0
        self._trouble = ""
        self._scrubbed = _START
        self.id = ""
        self.given_up = 0
        self.undated = 0

    @classmethod
    def open(
        cls, path: Path, *, clock: Callable[[], int], rng: Random, keep_days: int = 60, max_mb: int = 2048
    ) -> "Journal":
        """The journal at `path`, made when it is not there; raises JournalUnavailableError."""
        journal = cls(path, clock=clock, rng=rng, keep_days=keep_days, max_mb=max_mb)
        journal.begin()
        return journal

    def begin(self) -> None:
        """Open the file, made when it is not there; raises JournalUnavailableError.

        When the disk is full or does not answer nothing is raised: it is told, and tried again by every call.
        """
        try:
            self._file.open()
        except (OSError, sqlite3.Error) as error:
            if not is_passing(error):
                raise JournalUnavailableError(
                    f"journal {self._path}: {getattr(error, 'strerror', None) or error}"
                ) from error
            self._report(str(error))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def append(
        self,
        packs: Sequence[NewPack],
        now_ms: int,
        counts: Sequence[Count] = (),
        told: Sequence[Untold] = (),
    ) -> list[PackRow]:
        """Number the packs and store them in one fsynced transaction, with what is counted and what they tell.

        Raises JournalUnavailableError: nothing is stored.
        """
        return self._append(packs, now_ms, counts, told, None)

    def settle(
        self, rows: Undated, packs: Sequence[NewPack], now_ms: int, counts: Sequence[Count] = ()
    ) -> list[PackRow]:
        """`append`, and forget the undated rows that the packs were made of, in the same transaction."""
        appended = self._append(packs, now_ms, counts, (), rows)
        self._count_undated()
        return appended

    def _append(
        self,
        packs: Sequence[NewPack],
        now_ms: int,
        counts: Sequence[Count],
        told: Sequence[Untold],
        settled: Undated | None,
    ) -> list[PackRow]:
        compressed = [zlib.compress(pack.payload) for pack in packs]

        def insert(db: sqlite3.Connection) -> list[PackRow]:
            rows, contents = [], []
            for seq, (pack, data) in enumerate(zip(packs, compressed, strict=True), self._seq):
                rows.append(PackRow(self.id, seq, pack.site, now_ms, pack.newest_ms))
                span = (now_ms, pack.oldest_ms, pack.newest_ms, pack.readings)
                contents.append((self.id, seq, pack.site, *span, data, zlib.crc32(data), None))
            insert_packs(db, contents)
            tallies.add(db, self.id, counts)
            tallies.tell(db, told)
            undated.remember_time(db, now_ms)
            if settled is not None:
                undated.delete(db, settled)
            return rows

        rows = self._write(lambda: self._file.transact(insert))
        self._seq += len(rows)
        self._waiting += len(rows)
        return rows

    def hold(self, boot: str, readings: Sequence[Reading]) -> None:
        """Keep readings that cannot be dated yet, fsynced; raises JournalUnavailableError: none is kept."""
        self._write(lambda: self._file.transact(lambda db: undated.insert(db, boot, readings)))
        self.undated += len(readings)

    def oldest_undated(self) -> Undated | None:
        """What waits for a date longest."""
        return self._try(lambda: self._file.transact(undated.oldest), None)

    def note(self, boot: str, events: Sequence[ClockEvent]) -> bool:
        """Record what happened to the clock; False when that cannot be written now."""
        work = partial(self._file.transact, lambda db: undated.note(db, boot, events))
        return self._try(lambda: self._write(work), 0) > 0

    def trust_of(self, boot: str) -> tuple[str, int] | None:
        """The source and the offset that this boot trusted last; None when it never did."""
        return self._try(lambda: self._file.transact(lambda db: undated.trust_of(db, boot)), None)

    def next_session(self, now_ms: int) -> int:
        """A number above that of every life before, the time in ms when that is known; 0 when nothing can be written now."""
        return self._change(lambda db: undated.next_session(db, now_ms))

    def acknowledge(self, stored: Mapping[str, Ranges], now_ms: int) -> int:
        """Mark what ingest has; how many packs were still waiting. Names that are not ours are ignored."""
        ranges = [
            (now_ms, journal, max(low, 0), min(high, _MAX_INTEGER))
            for journal, spans in stored.items()
            for low, high in spans
            if low <= _MAX_INTEGER and high >= 0
        ]
        if not ranges:
            return 0
        marking = (
            "UPDATE packs SET acknowledged_ms = ?"
            " WHERE journal = ? AND seq BETWEEN ? AND ? AND acknowledged_ms IS NULL"
        )
        work = partial(self._file.transact_unsynced, lambda db: db.executemany(marking, ranges).rowcount)
        marked = self._try(lambda: self._write(work), 0)
        self._waiting -= marked
        return marked

    def live(self, since_ms: int, limit: int, exclude: Collection[Key]) -> list[PackRow]:
        """Waiting packs formed at `since_ms` or later, oldest first, without `exclude`."""
        return self._waiting_rows("formed_ms >= ?", since_ms, limit, exclude)

    def backlog(self, before_ms: int, limit: int, exclude: Collection[Key]) -> list[PackRow]:
        """Waiting packs formed before `before_ms`, oldest first, without `exclude`."""
        return self._waiting_rows("formed_ms < ?", before_ms, limit, exclude)

    def payload(self, journal: str, seq: int) -> bytes | None:
        """The SenML bytes of a pack; None when it is gone or damaged."""
        rows = self._read("SELECT payload, crc FROM packs WHERE journal = ? AND seq = ?", journal, seq)
        return _unpack(*rows[0]) if rows else None

    def recent(self, limit: int) -> list[bytes]:
        """The SenML bytes of the packs with the newest observations, newest first; damaged ones are left out."""
        rows = self._read("SELECT payload, crc FROM packs ORDER BY newest_ms DESC LIMIT ?", limit)
        return [payload for payload in (_unpack(*row) for row in rows) if payload is not None]

    def newest_ms(self) -> int:
        """The newest observation in any pack (ms); 0 when there is none."""
        rows = self._read("SELECT coalesce(max(newest_ms), 0) FROM packs")
        return int(rows[0][0]) if rows else 0

    def around(self, start_ms: int, end_ms: int, limit: int) -> list[bytes]:
        """The SenML bytes of packs whose newest observation lies in [start_ms, end_ms], the oldest first, at most `limit`."""
        query = "SELECT payload, crc FROM packs WHERE newest_ms BETWEEN ? AND ? ORDER BY newest_ms LIMIT ?"
        rows = self._read(query, start_ms, end_ms, limit)
        return [payload for payload in (_unpack(*row) for row in rows) if payload is not None]

    def waiting(self) -> int:
        """How many packs are not acknowledged."""
        return self._waiting

    def depth(self) -> Depth:
        """What waits, since when, and how large the file is."""
        query = (
            "SELECT min(formed_ms), (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)"
            " FROM packs WHERE acknowledged_ms IS NULL"
        )
        rows = self._read(query)
        oldest_ms, size = rows[0] if rows else (None, 0)
        return Depth(self._waiting, oldest_ms, size, self.given_up, self._trouble)

    def untold(self, now_ms: int, *, everything: bool = False) -> list[Untold]:
        """Manifests for the next pack: of hours that are over, of earlier lives, or `everything` at the end of this one."""
        nothing: list[Untold] = []
        work = partial(tallies.untold, journal=self.id, now_ms=now_ms, everything=everything)
        return self._try(lambda: self._file.transact(work), nothing)

    def counted_until(self, now_ms: int) -> dict[str, int]:
        """Up to where the periods of each sensor are counted (ms), those of the last days."""
        nothing: dict[str, int] = {}
        return self._try(lambda: self._file.transact(partial(tallies.counted_until, now_ms=now_ms)), nothing)

    def resend(self, start_ms: int, end_ms: int) -> int:
        """Make acknowledged packs that touch [start_ms, end_ms) wait again; how many."""
        unmarking = (
            "UPDATE packs SET acknowledged_ms = NULL"
            " WHERE newest_ms >= ? AND oldest_ms < ? AND acknowledged_ms IS NOT NULL"
        )
        period = (_clamped(start_ms), _clamped(end_ms))
        marked = self._change(lambda db: db.execute(unmarking, period).rowcount)
        self._waiting += marked
        return marked

    def prune(self, now_ms: int) -> int:
        """Forget acknowledged packs formed and observed more than `keep_days` ago; how many (PRUNE_PACKS at most)."""
        before_ms = now_ms - self._keep_ms
        condition = f"acknowledged_ms IS NOT NULL AND newest_ms < {before_ms} AND formed_ms < {before_ms}"

        def work(db: sqlite3.Connection) -> int:
            tallies.forget(db, min(before_ms, now_ms - MAX_GAP_MS))
            return _delete_oldest(db, condition=condition, limit=PRUNE_PACKS)

        return self._change(work)

    def scrub(self, limit: int = SCRUB_PACKS) -> int:
        """Read the next `limit` packs, round and round, to find what has rotted before it is needed; how many fail their
        checksum. A file that SQLite finds malformed on the way is set aside at once."""
        query = "SELECT journal, seq, payload, crc FROM packs WHERE (journal, seq) > (?, ?) ORDER BY journal, seq LIMIT ?"
        rows = self._read(query, *self._scrubbed, limit)
        self._scrubbed = (rows[-1][0], rows[-1][1]) if len(rows) == limit else _START
        rotten = [(journal, seq) for journal, seq, payload, crc in rows if zlib.crc32(payload) != crc]
        for journal, seq in rotten:
            log.error("a pack in the journal fails its checksum", journal=journal, seq=seq)
        return len(rotten)

    def _begin(self, db: sqlite3.Connection) -> None:
        """A new journal in the file that was just opened; a name used before a power cut is never used again."""
        (self._waiting,) = db.execute("SELECT count(*) FROM packs WHERE acknowledged_ms IS NULL").fetchone()
        db.execute("SELECT max(newest_ms) FROM packs").fetchone()  # finds a damaged index now
        self.undated = undated.count(db)
        self.id, self._seq = f"{self._rng.getrandbits(64):016x}", 0

    def _change(self, work: Callable[[sqlite3.Connection], int]) -> int:
        return self._try(lambda: self._write(lambda: self._file.transact(work)), 0)

    def _read(self, query: str, *parameters: object) -> Rows:
        nothing: Rows = []
        return self._try(
            lambda: self._file.transact(lambda db: db.execute(query, parameters).fetchall()), nothing
        )

    def _waiting_rows(
        self, condition: str, bound_ms: int, limit: int, exclude: Collection[Key]
    ) -> list[PackRow]:
        rows = self._read(
            "SELECT journal, seq, site, formed_ms, newest_ms FROM packs"
            f" WHERE acknowledged_ms IS NULL AND {condition} ORDER BY formed_ms, journal, seq LIMIT ?",
            bound_ms,
            limit + len(exclude),
        )
        return [PackRow(*row) for row in rows if (row[0], row[1]) not in exclude][:limit]

    def _write(self, work: Callable[[], T]) -> T:
        """`work`, making room as often as it takes; raises JournalUnavailableError."""
        while True:
            try:
                result = work()
            except (sqlite3.Error, OSError) as error:
                full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
                if not (full and self._file.at_limit() and self._make_room()):
                    self._report(str(error))
                    raise JournalUnavailableError(f"journal {self._path}: {error}") from error
            else:
                self._report("")
                return result

    def _make_room(self) -> bool:
        """The declared policy at `max_mb`: the oldest acknowledged packs go, else the oldest waiting ones."""
        acknowledged = partial(_delete_oldest, condition="acknowledged_ms IS NOT NULL", limit=ROOM_PACKS)
        if self._try(lambda: self._file.transact(acknowledged), 0):
            return True
        given_up = self._try(lambda: self._file.transact(self._give_up), 0)
        if given_up:
            self.given_up += given_up
            self._waiting -= given_up
            log.error("journal full, oldest waiting packs given up", packs=given_up)
            return True
        return self._give_up_undated()

    def _give_up_undated(self) -> bool:
        work = partial(undated.give_up_oldest, limit=ROOM_PACKS)
        gone = self._try(lambda: self._file.transact(work), 0)
        if gone:
            self._count_undated()
            log.error("journal full, oldest undated readings given up", readings=gone)
        return gone > 0

    def _count_undated(self) -> None:
        self.undated = self._try(lambda: self._file.transact(undated.count), self.undated)

    def _give_up(self, db: sqlite3.Connection) -> int:
        condition = "acknowledged_ms IS NULL"
        payloads = db.execute(
            f"SELECT payload, crc FROM packs WHERE {condition} ORDER BY newest_ms LIMIT {ROOM_PACKS}"
        ).fetchall()
        deleted = _delete_oldest(db, condition=condition, limit=ROOM_PACKS)  # first, it makes the room
        tallies.give_up(db, self.id, [found for row in payloads if (found := _decoded(*row)) is not None])
        return deleted

    def _try(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except (JournalUnavailableError, sqlite3.Error, OSError) as error:
            self._report(str(error))
            return otherwise

    def _report(self, trouble: str) -> None:
        """One line when trouble begins and one when it is over."""
        if trouble and not self._trouble:
            log.error("journal cannot be used, trying again", reason=trouble)
        elif self._trouble and not trouble:
            log.info("journal can be used again")
        self._trouble = trouble


def _delete_oldest(db: sqlite3.Connection, *, condition: str, limit: int) -> int:
    return db.execute(
        "DELETE FROM packs WHERE (journal, seq) IN"
        f" (SELECT journal, seq FROM packs WHERE {condition} ORDER BY newest_ms LIMIT {limit})"
    ).rowcount


def _unpack(payload: bytes, crc: int) -> bytes | None:
    try:
        return zlib.decompress(payload) if zlib.crc32(payload) == crc else None
    except zlib.error:
        return None


def _decoded(payload: bytes, crc: int) -> Pack | None:
    content = _unpack(payload, crc)
    try:
        return decode_pack(content) if content is not None else None
    except SenmlError:
        return None


def _clamped(time_ms: int) -> int:
    return max(-_MAX_INTEGER, min(_MAX_INTEGER, time_ms))
