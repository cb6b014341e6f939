"""What the store holds, made known to the live feed: after a restart, and where ingest is another process."""

import asyncio
from collections.abc import Callable

from runtime.feed import Feed
from storage.book import Book, BookUnavailableError
from storage.store import Store, StoreUnavailableError

REMEMBERED_MS = 86_400_000
FOLLOWED_MS = 600_000
FOLLOW_EVERY_S = 1.0


class Follower:
    """Keeps the feed's latest readings those of the store: once where ingest tells the rest, for ever where it is elsewhere."""

    def __init__(self, store: Store, book: Book, feed: Feed, *, clock: Callable[[], int]) -> None:
        self._store, self._book, self._feed, self._clock = store, book, feed, clock
        self.reached = False

    async def run(self, *, once: bool) -> None:
        """A store that is away is asked again."""
        since_ms, told = self._clock() - REMEMBERED_MS, self._feed.remember
        while True:
            try:
                readings = await self._store.latest(since_ms)
                sites = {row.id: row.site for row in self._book.sensors()}
            except (StoreUnavailableError, BookUnavailableError):
                self.reached = False
            else:
                self.reached = True
                told([(sites.get(reading.sensor, ""), reading) for reading in readings])
                since_ms, told = self._clock() - FOLLOWED_MS, self._feed.stored
                if once:
                    return
            await asyncio.sleep(FOLLOW_EVERY_S)
