"""What the store holds, made known to the live feed: after a restart, and where ingest is another process."""

import asyncio
from collections.abc import Callable

import structlog

from runtime.feed import Feed
from storage.book import Book, BookUnavailableError
from storage.store import Store, StoreUnavailableError
from telemetry.reading import Reading
from telemetry.times import DAY_MS

REMEMBERED_MS = DAY_MS
FOLLOWED_MS = 600_000
FOLLOW_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class Follower:
    """Keeps the feed's latest readings those of the store: once where ingest tells the rest, for ever where it is elsewhere."""

    def __init__(self, store: Store, book: Book, feed: Feed, *, clock: Callable[[], int]) -> None:
        self._store, self._book, self._feed, self._clock = store, book, feed, clock
        self._sites: dict[str, str] = {}
        self.reached = self._known = False

    async def look(self) -> None:
        """Ask the store once; what it held at the first look is the latest, but no news. Away: `reached` is False."""
        try:
            if not self._known:
                self._sites = {series.sensor: series.site for series in await self._store.series()}
            since_ms = self._clock() - (FOLLOWED_MS if self._known else REMEMBERED_MS)
            readings = await self._store.latest(since_ms)
            self._sites |= {row.id: row.site for row in self._book.sensors()}
        except (StoreUnavailableError, BookUnavailableError):
            self.reached = False
            return
        told = self._feed.stored if self._known else self._feed.remember
        told([(self._sites.get(reading.sensor, ""), reading) for reading in readings])
        self.reached = self._known = True

    async def follow_amendments(self, version: Callable[[], int]) -> None:
        """For ever: when what is known about stored values has changed (`version`), show the latest anew."""
        told: int | None = None
        while True:
            try:
                known = version()
                if told is not None and known != told:
                    readings = await self._store.latest(self._clock() - REMEMBERED_MS)
                    self._feed.amend([(self._site(reading), reading) for reading in readings])
                told = known
            except (StoreUnavailableError, BookUnavailableError) as error:
                log.info("latest readings not shown anew, trying again", reason=str(error))
            await asyncio.sleep(FOLLOW_EVERY_S)

    def _site(self, reading: Reading) -> str:
        latest = self._feed.latest.get(reading.series)
        return latest.site if latest is not None else ""

    async def run(self, *, for_ever: bool) -> None:
        """Look until the store was reached, or for ever."""
        while for_ever or not self._known:
            await self.look()
            await asyncio.sleep(FOLLOW_EVERY_S)
