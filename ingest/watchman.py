"""The watchman: keeps anomalies across restarts, tells them to the page and to the alarms' desk, notices silence."""

from collections.abc import Callable, Iterable, Sequence, Set

import numpy as np
import structlog

from ingest import memory, warmup
from ingest.account import Account
from ingest.alarms.desk import Desk
from ingest.batch import Batch
from ingest.claims import Claim, Claims
from ingest.judge import Judge
from ingest.registry import Registry
from ingest.silence import Silence
from ingest.survey import Survey
from ingest.telling import Known
from storage import retirement
from storage.book import Book
from storage.inventory import Inventory
from storage.store import Store
from telemetry.anomaly import Anomaly
from telemetry.messages import State
from telemetry.reading import Reading

WARM_UP_SERIES = 2_000
RELIVED_READINGS = 2_000  # of each that is remembered: some minutes
WARM_UP_TOGETHER = 20_000  # readings that are learned in one go
OPEN_ANOMALIES = 10_000

log = structlog.get_logger(__name__)


class Watchman:
    """`on_anomaly` and `desk` hear every change."""

    def __init__(
        self,
        *,
        book: Book,
        registry: Registry,
        judge: Judge,
        survey: Survey,
        silence: Silence,
        account: Account,
        clock: Callable[[], int],
        desk: Desk,
        on_anomaly: Callable[[Anomaly], None],
    ) -> None:
        self._book, self._registry, self._judge, self._survey = book, registry, judge, survey
        self._account, self._clock, self._desk, self._on_anomaly = account, clock, desk, on_anomaly
        self._silence = silence
        self._claims = Claims()
        self._untold: list[Anomaly] = []  # of claims, when the book could not take them
        self._open: set[str] = set()
        self._warm = False
        self.listening = False

    async def warm_up(self, store: Store) -> None:
        """Live silently through what the store holds beyond what is remembered, or learn its last half hour where nothing is; go
        on with the anomalies that are open.

        Raises StoreUnavailableError and BookUnavailableError, and can then be repeated.
        """
        now_ms = self._clock()
        opened = self._book.anomalies(open_only=True, limit=OPEN_ANOMALIES)
        with self._book.reading() as database:
            gone = retirement.retired(database)
        known = [row.id for row in self._book.gateways() if row.state is not None and row.id not in gone]
        await self._live_through(store, now_ms)
        self._judge.resume(opened, now_ms)
        self._survey.resume(opened)
        self._silence.resume(opened)
        self._claims.resume(opened, now_ms)
        for gateway in known:
            self._silence.gateway_known(gateway)
        self._open = {anomaly.id for anomaly in opened}
        self._warm = True
        self._look_at_claims()
        log.info("ingest is warm", series=len(self._judge), open_anomalies=len(opened))

    async def _live_through(self, store: Store, now_ms: int) -> None:
        past: list[Reading] = []
        later: list[tuple[Known, Reading]] = []
        latest = await store.latest(now_ms - warmup.WARM_UP_MS)
        for last in latest[:WARM_UP_SERIES]:
            remembered = self._judge.newest_ms(last.series)
            heard = min(remembered, self._silence.newest_ms(last.sensor) or remembered)
            start_ms, end_ms = max(now_ms - warmup.WARM_UP_MS, heard + 1), last.observed_at + 1
            if start_ms >= end_ms:
                continue
            if remembered:
                about = self._registry.known(last.sensor, "", "")
                readings = await store.readings(
                    last.sensor, last.quantity, start_ms, end_ms, limit=RELIVED_READINGS, descending=True
                )
                later += [(about, reading) for reading in readings]
                continue
            past += await warmup.lately(store, last, now_ms)
            if len(past) >= WARM_UP_TOGETHER:
                self._judge.learn(past)
                past = []
        self._judge.learn(past)
        self._survey.locate({sensor: about.site for sensor, about in self._registry.sensors().items()})
        memory.relive(later, self._judge, self._survey, self._silence, now_ms)
        for last in latest[WARM_UP_SERIES:]:
            about, at_ms = self._registry.known(last.sensor, "", ""), np.array([last.observed_at], np.int64)
            self._silence.relive(last.sensor, about, at_ms, now_ms, is_all=False)

    def attend(self, hears: bool) -> None:
        """Whether the hub itself hears and stores: else nobody's silence is judged."""
        listening = hears and self._warm
        if listening and not self.listening:
            self._silence.listen(self._clock())
        elif not listening:
            self._silence.deafen(self._clock())
        self.listening = listening

    def batch_heard(self, batch: Batch) -> None:
        """A batch was stored. Raises BookUnavailableError before anything changes."""
        sensors = self._registry.sensors()
        for sensor, at_ms in batch.misdated.items():
            self._silence.sensor_heard(sensor, at_ms)
        self._silence.readings_heard(batch.arrivals(), sensors)

    def state_heard(self, state: State, *, retained: bool) -> None:
        """A heartbeat or a farewell. A heartbeat the broker had kept says only that the gateway lived once."""
        if not state.online:
            self._silence.gateway_left(state.gateway, self._clock(), orderly=state.time_ms > 0)
        elif retained:
            self._silence.gateway_known(state.gateway)
        else:
            now_ms = self._clock()
            self._silence.gateway_beat(state.gateway, now_ms)
            for one in state.sensors:
                self._silence.frames_refused(one.id, one.bad, now_ms)

    def birth_heard(self, gateway: str, refused: Sequence[str]) -> None:
        """A birth, and the sensors it was refused: tell of sensors that several gateways list. Raises BookUnavailableError."""
        if self._warm and (refused or self._claims.concern(gateway)):
            self._look_at_claims()

    def claims_sent(self, pairs: Set[tuple[str, str]]) -> None:
        """Live readings that were set aside: (sensor, gateway that does not own it). Raises BookUnavailableError."""
        if self._claims.sent(pairs, self._clock()) or self._untold:
            self._look_at_claims()

    def _look_at_claims(self) -> None:
        with self._book.reading() as database:
            inventory = Inventory(database)
            listed = {sensor: Claim(*claim) for sensor, claim in inventory.claims().items()}
            owners = {row.id: (row.gateway, row.site) for row in inventory.sensors()}
        self._untold += self._claims.look(listed, owners, self._clock())
        self._book.put_anomalies(self._untold)
        changes, self._untold = self._untold, []
        self.tell(changes)

    def gateway_retired(self, gateway: str) -> list[Anomaly]:
        """It will not come back; what that closes, to be recorded and told."""
        return self._silence.gateway_retired(gateway, self._clock())

    def look(self) -> list[Anomaly]:
        """What silence has opened and closed since the last look; raises BookUnavailableError before anything changes."""
        sensors, gateways = self._registry.sensors(), self._registry.gateways()
        now_ms = self._clock()
        if self._claims.fade(now_ms):
            self._look_at_claims()
        return self._silence.check(now_ms, sensors, gateways) + self._judge.expire(now_ms)

    def tell(self, anomalies: Iterable[Anomaly]) -> None:
        """To the page, and to the desk, which makes alarms of them."""
        changes = list(anomalies)
        for anomaly in changes:
            self._on_anomaly(anomaly)
            if anomaly.end_ms is not None:
                self._open.discard(anomaly.id)
            elif anomaly.id not in self._open:
                self._open.add(anomaly.id)
                self._account.anomalies_opened += 1
        self._desk.hear(changes)
