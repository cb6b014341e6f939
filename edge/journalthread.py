"""A journal behind one worker thread, so that the event loop never waits for a disk."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

from edge.account import Count
from edge.clock import ClockEvent
from edge.journal import Depth, Journal
from edge.packing import NewPack
from edge.packtable import PackRow
from edge.tallies import Untold
from edge.undated import Undated
from telemetry.messages import Ranges
from telemetry.reading import Reading

NEWEST_PACKS = 4  # at most 64 KiB each

T = TypeVar("T")
Key = tuple[str, int]


class JournalThread:
    """A Journal behind one worker thread: the same methods, awaited, carried out one after the other."""

    def __init__(self, journal: Journal, worker: ThreadPoolExecutor) -> None:
        self._journal, self._worker = journal, worker
        self._newest: dict[Key, bytes] = {}  # what was appended last is asked for next

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, *, clock: Callable[[], int], rng: Random, keep_days: int = 60, max_mb: int = 2048
    ) -> AsyncIterator["JournalThread"]:
        """The journal at `path` for as long as the context lasts; raises JournalUnavailableError."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="journal") as worker:
            opening = partial(Journal.open, path, clock=clock, rng=rng, keep_days=keep_days, max_mb=max_mb)
            journal = await loop.run_in_executor(worker, opening)
            try:
                yield cls(journal, worker)
            finally:
                await loop.run_in_executor(worker, journal.close)

    @property
    def given_up(self) -> int:
        """Packs deleted unacknowledged because `max_mb` was reached."""
        return self._journal.given_up

    async def append(
        self,
        packs: Sequence[NewPack],
        now_ms: int,
        counts: Sequence[Count] = (),
        told: Sequence[Untold] = (),
    ) -> list[PackRow]:
        """See Journal.append."""
        rows = await self._do(partial(self._journal.append, packs, now_ms, counts, told))
        for row, new in zip(rows[-NEWEST_PACKS:], packs[-NEWEST_PACKS:], strict=True):
            self._newest[row.journal, row.seq] = new.payload
            if len(self._newest) > NEWEST_PACKS:
                del self._newest[next(iter(self._newest))]
        return rows

    async def depth(self) -> Depth:
        """See Journal.depth."""
        return await self._do(self._journal.depth)

    async def untold(self, now_ms: int, *, everything: bool = False) -> list[Untold]:
        """See Journal.untold."""
        return await self._do(partial(self._journal.untold, now_ms, everything=everything))

    async def counted_until(self, now_ms: int) -> dict[str, int]:
        """See Journal.counted_until."""
        return await self._do(partial(self._journal.counted_until, now_ms))

    @property
    def undated(self) -> int:
        """Readings that wait for a date."""
        return self._journal.undated

    async def scrub(self) -> int:
        """See Journal.scrub."""
        return await self._do(self._journal.scrub)

    async def settle(
        self, rows: Undated, packs: Sequence[NewPack], now_ms: int, counts: Sequence[Count] = ()
    ) -> list[PackRow]:
        """See Journal.settle."""
        return await self._do(partial(self._journal.settle, rows, packs, now_ms, counts))

    async def hold(self, boot: str, readings: Sequence[Reading]) -> None:
        """See Journal.hold."""
        await self._do(partial(self._journal.hold, boot, readings))

    async def oldest_undated(self) -> Undated | None:
        """See Journal.oldest_undated."""
        return await self._do(self._journal.oldest_undated)

    async def note(self, boot: str, events: Sequence[ClockEvent]) -> bool:
        """See Journal.note."""
        return await self._do(partial(self._journal.note, boot, events))

    async def trust_of(self, boot: str) -> tuple[str, int] | None:
        """See Journal.trust_of."""
        return await self._do(partial(self._journal.trust_of, boot))

    async def next_session(self, now_ms: int) -> int:
        """See Journal.next_session."""
        return await self._do(partial(self._journal.next_session, now_ms))

    async def acknowledge(self, stored: Mapping[str, Ranges], now_ms: int) -> int:
        """See Journal.acknowledge."""
        return await self._do(partial(self._journal.acknowledge, stored, now_ms))

    async def live(self, since_ms: int, limit: int, exclude: Collection[Key]) -> list[PackRow]:
        """See Journal.live."""
        return await self._do(partial(self._journal.live, since_ms, limit, frozenset(exclude)))

    async def backlog(self, before_ms: int, limit: int, exclude: Collection[Key]) -> list[PackRow]:
        """See Journal.backlog."""
        return await self._do(partial(self._journal.backlog, before_ms, limit, frozenset(exclude)))

    async def payload(self, journal: str, seq: int) -> bytes | None:
        """See Journal.payload."""
        if (newest := self._newest.pop((journal, seq), None)) is not None:
            return newest
        return await self._do(partial(self._journal.payload, journal, seq))

    async def recent(self, limit: int) -> list[bytes]:
        """See Journal.recent."""
        return await self._do(partial(self._journal.recent, limit))

    async def newest_ms(self) -> int:
        """See Journal.newest_ms."""
        return await self._do(self._journal.newest_ms)

    async def around(self, start_ms: int, end_ms: int, limit: int) -> list[bytes]:
        """See Journal.around."""
        return await self._do(partial(self._journal.around, start_ms, end_ms, limit))

    @property
    def waiting(self) -> int:
        """How many packs are not acknowledged, as the worker last knew."""
        return self._journal.waiting()

    async def resend(self, start_ms: int, end_ms: int) -> int:
        """See Journal.resend."""
        return await self._do(partial(self._journal.resend, start_ms, end_ms))

    async def prune(self, now_ms: int) -> int:
        """See Journal.prune."""
        return await self._do(partial(self._journal.prune, now_ms))

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)
