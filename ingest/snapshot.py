"""Keeping what judge and survey remember in the book: every few minutes, and at a stop in order."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from ingest import memory
from ingest.judge import Judge
from ingest.survey import Survey
from storage import snapshots
from storage.book import Book, BookUnavailableError

SNAPSHOT_EVERY_S = 300.0

log = structlog.get_logger(__name__)


class Snapshot:
    """`load` and `save` raise BookUnavailableError, and can then be repeated."""

    def __init__(self, book: Book, judge: Judge, survey: Survey) -> None:
        self._book, self._judge, self._survey = book, judge, survey

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
        if strange := memory.load(states, self._judge, self._survey):
            log.warning("the detectors of another release remember otherwise: learned anew", series=strange)

    async def save(self) -> None:
        """Write down what has changed since the last time."""
        states = memory.dump(self._judge, self._survey)
        with self._book.writing() as database:
            snapshots.keep(database, states)
        memory.dumped(self._judge, self._survey)
