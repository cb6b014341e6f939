"""Trying again while the store or the book is away."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

import structlog

from ingest.account import Account
from storage.book import BookUnavailableError
from storage.store import StoreMisconfiguredError, StoreUnavailableError

BACKOFF_FIRST_S = 0.2
BACKOFF_LAST_S = 3.0  # one batch knocks, so that is no flood

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


class Insistence:
    """Knows what cannot work now, and why. `on_change` hears when the first step fails and when the last one works again."""

    def __init__(self, *, account: Account, rng: Random, on_change: Callable[[bool], None]) -> None:
        self._account, self._rng, self._on_change = account, rng, on_change
        self._away: dict[str, str] = {}
        self.attempts = 0

    @property
    def works(self) -> bool:
        """Whether nothing is away."""
        return not self._away

    @property
    def reason(self) -> str | None:
        """Why something is."""
        return next(iter(self._away.values()), None)

    async def on(self, what: str, step: Callable[[], Awaitable[Result]]) -> Result:
        """The step's result, however long it takes."""
        backoff = BACKOFF_FIRST_S
        while True:
            self.attempts += 1
            try:
                result = await step()
            except (StoreUnavailableError, BookUnavailableError) as error:
                self._gone(what, error)
                asked = error.retry_after_s if isinstance(error, StoreUnavailableError) else 0.0
                await asyncio.sleep(max(asked, backoff) * self._rng.uniform(1.0, 1.5))
                backoff = min(BACKOFF_LAST_S, backoff * 2)
            else:
                self._back(what)
                return result

    async def doing(self, what: str, step: Callable[[], Result]) -> Result:
        """The same for a step that does not wait."""

        async def stepped() -> Result:
            return step()

        return await self.on(what, stepped)

    def _gone(self, what: str, error: StoreUnavailableError | BookUnavailableError) -> None:
        worked, reason = self.works, str(error)
        told, self._away[what] = self._away.get(what), reason
        if isinstance(error, StoreMisconfiguredError) and told != reason:
            log.error("store refuses us, the data waits until somebody changes that", reason=reason)
        if worked:
            self._account.outages += 1
            log.warning("store away, nothing is acknowledged", reason=reason)
            self._on_change(False)

    def _back(self, what: str) -> None:
        if self._away.pop(what, None) is not None and self.works:
            log.info("store is back")
            self._on_change(True)
