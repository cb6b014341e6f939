"""The inspector: once an hour it takes the hour's means from the store, as they are to be read, and asks the rules."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

import structlog

from ingest.alarms.rules import HourMean, Rules
from ingest.registry import Registry
from runtime.limits import Limit
from storage.book import Book, BookUnavailableError
from storage.store import Store, StoreUnavailableError
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.quantities import QUANTITIES
from telemetry.times import DAY_MS, HOUR_MS

GRACE_MS = 300_000  # after the hour: what comes later counts in the longer means
LOOK_EVERY_S = 5.0
SENSORS_AT_ONCE = 500

log = structlog.get_logger(__name__)


class Inspector:
    """`tell` hears what was recorded; nothing is looked at while `may_look` says no."""

    def __init__(
        self,
        limits: Sequence[Limit],
        *,
        store: Store,
        book: Book,
        registry: Registry,
        clock: Callable[[], int],
        may_look: Callable[[], bool],
        tell: Callable[[Sequence[Anomaly]], None],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._rules = Rules(limits)
        self._store, self._book, self._registry, self._clock = store, book, registry, clock
        self._may_look, self._tell, self._look_every_s = may_look, tell, look_every_s
        self._looked_ms = 0
        self._resumed = False
        self._unwritten: list[Anomaly] = []

    async def run(self) -> None:
        """For ever; without limits there is nothing to do."""
        told = ""
        while self._rules.limits:
            try:
                await self.look()
                told = ""
            except (StoreUnavailableError, BookUnavailableError) as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("limits wait", reason=told)
            await asyncio.sleep(self._look_every_s)

    async def look(self) -> None:
        """Judge the hour that ended last, once. Raises StoreUnavailableError and BookUnavailableError."""
        self._write()
        end_ms = (self._clock() - GRACE_MS) // HOUR_MS * HOUR_MS
        if end_ms <= self._looked_ms or not self._may_look():
            return
        if not self._resumed:
            self._rules.resume(self._book.anomalies(kind=AnomalyKind.LIMIT, open_only=True, limit=10_000))
            self._resumed = True
        means: dict[tuple[str, str], list[HourMean]] = defaultdict(list)
        rows = self._book.sensors()
        for quantity in self._rules.quantities:
            sensors = [row.id for row in rows if quantity in row.quantities]
            for first in range(0, len(sensors), SENSORS_AT_ONCE):
                for bucket in await self._store.aggregate(
                    sensors[first : first + SENSORS_AT_ONCE],
                    quantity,
                    end_ms - DAY_MS,
                    end_ms,
                    window_ms=HOUR_MS,
                    function=QUANTITIES[quantity].aggregate,
                ):
                    means[bucket.sensor, quantity].append(
                        HourMean(bucket.start_ms, bucket.value, bucket.count)
                    )
        known = self._registry.sensors()
        self._unwritten += self._rules.look(end_ms, means, known)
        self._looked_ms = end_ms
        self._write()

    def _write(self) -> None:
        if self._unwritten:
            self._book.put_anomalies(self._unwritten)
            told, self._unwritten = self._unwritten, []
            self._tell(told)
