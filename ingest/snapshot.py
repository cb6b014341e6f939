"""Keeping what judge, survey and silence remember in the book: every few minutes, and at a stop in order."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from ingest import memory
from ingest.judge import Judge
from ingest.silence import Silence
from ingest.survey import Survey
from storage import snapshots
from storage.book import Book, BookUnavailableError

SNAPSHOT_EVERY_S = 300.0

log = structlog.get_logger(__name__)


class Snapshot:
    """`load` and `save` raise BookUnavailableError, and can then be repeated."""

    def __init__(
        self, book: Book, judge: Judge, survey: Survey, silence: Silence, clock: Callable[[], int]
    ) -> None:
        self._book, self._minds, self._clock = book, (judge, survey, silence), clock

    async def run(self, insist: Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]]) -> None:
        """Save for ever; `insist` repeats what the book is away for."""
        try:
            while True:
                await asyncio.sleep(SNAPSHOT_EVERY_S)
                await insist("memory", self.save)
        finally:
            with suppress(BookUnavailableError):
                await self.save()

    async def load(self) -> None:
        """Go on where the process before stopped."""
        with self._book.reading() as database:
            states, damaged = snapshots.kept(database)
        if damaged:
            log.warning("what is remembered of these is not as it was written: learned anew", series=damaged)
        if strange := memory.load(states, *self._minds):
            log.warning("the detectors of another release remember otherwise: learned anew", series=strange)

    async def save(self) -> None:
        """Write down what has changed since the last time."""
        states = memory.dump(*self._minds, self._clock())
        with self._book.writing() as database:
            snapshots.keep(database, states)
        memory.dumped(*self._minds)
