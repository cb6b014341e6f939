"""What ingest says to gateways: which packs are settled, the hub's time, and how many may be outstanding."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

from ingest.account import Account
from ingest.receive import Link
from ingest.registry import Registry
from storage.book import BookUnavailableError
from telemetry import topics
from telemetry.messages import DEFAULT_CREDIT, Ack, Ranges, to_ranges
from telemetry.topics import PackName

CREDIT_EVERY_S = 5.0


class Replies:
    """Credit 0 while the store does not work, time 0 while the hub's clock is not trusted (then also credit 0)."""

    def __init__(
        self,
        *,
        root: str,
        link: Link,
        registry: Registry,
        account: Account,
        clock: Callable[[], int],
        works: Callable[[], bool],
        trusted: Callable[[], bool],
    ) -> None:
        self._root, self._link, self._registry, self._account = root, link, registry, account
        self._clock, self._works, self._trusted = clock, works, trusted

    async def run(self) -> None:
        """Repeat a credit of 0, for ever."""
        while True:
            await asyncio.sleep(CREDIT_EVERY_S)
            if not (self._works() and self._trusted()):
                self.tell_all()

    def acknowledge(self, packs: Sequence[PackName]) -> None:
        """They are stored or quarantined, and on disk."""
        stored: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for gateway, journal, seq in packs:
            stored[gateway][journal].append(seq)
        for gateway, journals in stored.items():
            self.tell(gateway, {journal: to_ranges(numbers) for journal, numbers in journals.items()})
        self._account.packs_acknowledged += len(packs)

    def tell_all(self) -> None:
        """Every gateway how it stands."""
        try:
            gateways = list(self._registry.gateways())
        except BookUnavailableError:
            return  # each gateway hears it with its next heartbeat
        for gateway in gateways:
            self.tell(gateway)

    def tell(self, gateway: str, stored: dict[str, Ranges] | None = None) -> None:
        """One gateway."""
        trusted = self._trusted()
        credit = DEFAULT_CREDIT if self._works() and trusted else 0
        answer = Ack(stored or {}, self._clock() if trusted else 0, credit)
        self._link.say(topics.ack(self._root, gateway), answer.encode())
