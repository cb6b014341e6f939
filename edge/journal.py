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
from typing import NamedTuple

import structlog

from edge import packtable, tallies, undated
from edge.account import MAX_GAP_MS, Count
from edge.clock import ClockEvent
from edge.journalaccess import JournalAccess
from edge.journalfile import JournalFile, connect
from edge.packing import NewPack
from edge.packtable import Key, PackRow
from edge.tallies import Untold
from edge.undated import Undated
from telemetry.messages import Ranges
from telemetry.reading import Reading
from telemetry.times import DAY_MS

ROOM_PACKS = 256  # how many of the oldest packs go at once when max_mb is reached
SCRUB_PACKS = 2000  # some 2 MB of reading a call
PRUNE_PACKS = 1000  # at most so many a call: an append never waits long behind it

log = structlog.get_logger(__name__)


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
        self._rng = rng
        self._file = JournalFile(path, clock=clock, max_mb=max_mb, on_open=self._begin, connect=connect)
        self._access = JournalAccess(self._file, self._make_room)
        self._keep_ms = keep_days * DAY_MS
        self._seq = self._waiting = 0
        self._scrubbed = packtable.START
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
        """Open the file, made when it is not there; raises JournalUnavailableError, but not for what may pass."""
        self._access.open()

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
            rows = packtable.insert(db, self.id, self._seq, packs, compressed, now_ms)
            tallies.add(db, self.id, counts)
            tallies.tell(db, told)
            undated.remember_time(db, now_ms)
            if settled is not None:
                undated.delete(db, settled)
            return rows

        rows = self._access.write(insert)
        self._seq += len(rows)
        self._waiting += len(rows)
        return rows

    def hold(self, boot: str, readings: Sequence[Reading]) -> None:
        """Keep readings that cannot be dated yet, fsynced; raises JournalUnavailableError: none is kept."""
        self._access.write(lambda db: undated.insert(db, boot, readings))
        self.undated += len(readings)

    def oldest_undated(self) -> Undated | None:
        """What waits for a date longest."""
        return self._access.look(undated.oldest, None)

    def note(self, boot: str, events: Sequence[ClockEvent]) -> bool:
        """Record what happened to the clock; False when that cannot be written now."""
        return self._access.change(lambda db: undated.note(db, boot, events)) > 0

    def trust_of(self, boot: str) -> tuple[str, int] | None:
        """The source and the offset that this boot trusted last; None when it never did."""
        return self._access.look(lambda db: undated.trust_of(db, boot), None)

    def next_session(self, now_ms: int) -> int:
        """A number above that of every life before, the time in ms when that is known; 0 when nothing can be written now."""
        return self._access.change(lambda db: undated.next_session(db, now_ms))

    def acknowledge(self, stored: Mapping[str, Ranges], now_ms: int) -> int:
        """Mark what ingest has; how many packs were still waiting. Names that are not ours are ignored."""
        marks = packtable.marks(stored, now_ms)
        if not marks:
            return 0
        marked = self._access.change(lambda db: packtable.acknowledge(db, marks), synced=False)
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
        found = self._payloads("WHERE journal = ? AND seq = ?", journal, seq)
        return found[0] if found else None

    def recent(self, limit: int) -> list[bytes]:
        """The SenML bytes of the packs with the newest observations, newest first; damaged ones are left out."""
        return self._payloads("ORDER BY newest_ms DESC LIMIT ?", limit)

    def newest_ms(self) -> int:
        """The newest observation in any pack (ms); 0 when there is none."""
        return self._access.look(packtable.newest_ms, 0)

    def around(self, start_ms: int, end_ms: int, limit: int) -> list[bytes]:
        """The SenML bytes of packs whose newest observation lies in [start_ms, end_ms], the oldest first, at most `limit`."""
        return self._payloads(
            "WHERE newest_ms BETWEEN ? AND ? ORDER BY newest_ms LIMIT ?", start_ms, end_ms, limit
        )

    def waiting(self) -> int:
        """How many packs are not acknowledged."""
        return self._waiting

    def depth(self) -> Depth:
        """What waits, since when, and how large the file is."""
        nothing: tuple[int | None, int] = None, 0
        oldest_ms, size = self._access.look(packtable.depth, nothing)
        return Depth(self._waiting, oldest_ms, size, self.given_up, self._access.trouble)

    def untold(self, now_ms: int, *, everything: bool = False) -> list[Untold]:
        """Manifests for the next pack: of hours that are over, of earlier lives, or `everything` at the end of this one."""
        nothing: list[Untold] = []
        work = partial(tallies.untold, journal=self.id, now_ms=now_ms, everything=everything)
        return self._access.look(work, nothing)

    def counted_until(self, now_ms: int) -> dict[str, int]:
        """Up to where the periods of each sensor are counted (ms), those of the last days."""
        nothing: dict[str, int] = {}
        return self._access.look(partial(tallies.counted_until, now_ms=now_ms), nothing)

    def resend(self, start_ms: int, end_ms: int) -> int:
        """Make acknowledged packs that touch [start_ms, end_ms) wait again; how many."""
        marked = self._access.change(lambda db: packtable.wait_again(db, start_ms, end_ms))
        self._waiting += marked
        return marked

    def prune(self, now_ms: int) -> int:
        """Forget acknowledged packs formed and observed more than `keep_days` ago; how many (PRUNE_PACKS at most)."""
        before_ms = now_ms - self._keep_ms
        condition = f"{packtable.ACKNOWLEDGED} AND newest_ms < {before_ms} AND formed_ms < {before_ms}"

        def work(db: sqlite3.Connection) -> int:
            tallies.forget(db, min(before_ms, now_ms - MAX_GAP_MS))
            return packtable.delete_oldest(db, condition, PRUNE_PACKS)

        return self._access.change(work)

    def scrub(self, limit: int = SCRUB_PACKS) -> int:
        """Read the next `limit` packs, round and round, to find what has rotted before it is needed; how many fail their
        checksum. A file that SQLite finds malformed on the way is set aside at once."""
        nothing: tuple[list[Key], Key] = [], packtable.START
        rotten, self._scrubbed = self._access.look(
            lambda db: packtable.rotten(db, self._scrubbed, limit), nothing
        )
        for journal, seq in rotten:
            log.error("a pack in the journal fails its checksum", journal=journal, seq=seq)
        return len(rotten)

    def _begin(self, db: sqlite3.Connection) -> None:
        """A new journal in the file that was just opened; a name used before a power cut is never used again."""
        self._waiting = packtable.count_waiting(db)
        packtable.newest_ms(db)  # finds a damaged index now
        self.undated = undated.count(db)
        self.id, self._seq = f"{self._rng.getrandbits(64):016x}", 0

    def _payloads(self, condition: str, *parameters: object) -> list[bytes]:
        nothing: list[bytes] = []
        return self._access.look(lambda db: packtable.payloads(db, condition, *parameters), nothing)

    def _waiting_rows(
        self, condition: str, bound_ms: int, limit: int, exclude: Collection[Key]
    ) -> list[PackRow]:
        nothing: list[PackRow] = []
        return self._access.look(
            lambda db: packtable.waiting(db, condition, bound_ms, limit, exclude), nothing
        )

    def _make_room(self) -> bool:
        """The declared policy at `max_mb`: the oldest acknowledged packs go, else the oldest waiting ones."""
        if self._access.look(lambda db: packtable.delete_oldest(db, packtable.ACKNOWLEDGED, ROOM_PACKS), 0):
            return True
        given_up = self._access.look(self._give_up, 0)
        if given_up:
            self.given_up += given_up
            self._waiting -= given_up
            log.error("journal full, oldest waiting packs given up", packs=given_up)
            return True
        return self._give_up_undated()

    def _give_up_undated(self) -> bool:
        gone = self._access.look(partial(undated.give_up_oldest, limit=ROOM_PACKS), 0)
        if gone:
            self._count_undated()
            log.error("journal full, oldest undated readings given up", readings=gone)
        return gone > 0

    def _count_undated(self) -> None:
        self.undated = self._access.look(undated.count, self.undated)

    def _give_up(self, db: sqlite3.Connection) -> int:
        rows = packtable.oldest_waiting(db, ROOM_PACKS)
        deleted = packtable.delete_oldest(db, packtable.WAITING, ROOM_PACKS)  # first, it makes the room
        packs = [found for row in rows if (found := packtable.decoded(*row)) is not None]
        tallies.give_up(db, self.id, packs)
        return deleted
