"""The ingest service: link → queue → decode, check, judge → store → acknowledge → live. One TaskGroup, one screen."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from random import Random
from typing import TextIO, TypeVar

import structlog

from ingest import checks, memory
from ingest.account import Account, Latencies
from ingest.alarms.channels import Channel
from ingest.alarms.desk import Desk
from ingest.alarms.grouping import TIMING, Timing
from ingest.alarms.inspector import Inspector
from ingest.alarms.notifier import Notifier
from ingest.batch import Batch
from ingest.calendar import holidays_vn_around
from ingest.clerk import Clerk
from ingest.clockwatch import HUB, ClockWatch
from ingest.control import Control
from ingest.errands import errands
from ingest.hubclock import HubClock
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.receive import Inbox, Link
from ingest.registry import Registry
from ingest.replay import Replayer
from ingest.survey import Survey
from ingest.watchman import Watchman
from runtime.limits import Limit
from runtime.mqtt import BrokerUrl
from runtime.sdnotify import Loop
from storage import snapshots
from storage.book import Book, BookUnavailableError
from storage.store import Outcome, Store, StoreMisconfiguredError, StoreUnavailableError
from storage.view import View
from telemetry import topics
from telemetry.alarm import Alarm
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.manifest import Manifest
from telemetry.messages import DEFAULT_CREDIT, Ack, Ranges, State, to_ranges
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Reading

BATCH_READINGS = 20_000  # several requests of InfluxDB's best size, side by side
PACKETS_IN_A_ROW = 16
JUDGED_BATCHES = 1  # ready while one is being written: so at most three are in memory
COMMIT_EVERY_S = (
    0.1  # a batch gathers so long after the one before it; commits cost a disk more than readings do
)
HURRY_BYTES = 256 * 1024  # so much in the queue fills a batch: no gathering
CREDIT_EVERY_S = 5.0
SNAPSHOT_EVERY_S = 300.0
WATCH_EVERY_S = 1.0
BACKOFF_FIRST_S = 0.2
BACKOFF_LAST_S = 3.0  # one batch knocks, so that is no flood

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


class Pipeline:
    """Ingest in one object. `clock` is wall time in ms; `on_stored` hears the newest (site, reading) of each
    series of every commit.

    `trace` gets one JSON line per commit: {"at": ms, "packs": [[gateway, journal, seq], …]}.
    """

    def __init__(
        self,
        *,
        store: Store,
        book: Book,
        broker: BrokerUrl,
        root: str,
        clock: Callable[[], int],
        rng: Random,
        on_stored: Callable[[Sequence[tuple[str, Reading]]], None],
        on_anomaly: Callable[[Anomaly], None],
        on_alarm: Callable[[Alarm], None],
        trace: TextIO | None,
        policy: checks.Policy = checks.POLICY,
        timing: Timing = TIMING,
        channels: Sequence[Channel] = (),
        limits: Sequence[Limit] = (),
    ) -> None:
        self._store, self._book, self._root, self._clock, self._rng = store, book, root, clock, rng
        self._on_stored, self._trace = on_stored, trace
        self.account = Account()
        self._registry = Registry(book)
        self._judge = Judge()
        self._survey = Survey(holidays_vn_around(clock()))
        self._inbox = Inbox()
        self._attempts = self._looks = 0
        self._clock_watch = ClockWatch(
            HubClock(tolerance_ms=policy.window.future_ms, hold_s=policy.hold_s),
            self._inbox,
            clock=clock,
            on_change=self._clock_changed,
        )
        self._intake = Intake(
            root=root,
            registry=self._registry,
            judge=self._judge,
            account=self.account,
            survey=self._survey,
            policy=policy,
            may_judge=self._clock_watch.may_judge,
        )
        self._control = Control(
            root=root,
            registry=self._registry,
            account=self.account,
            clock=clock,
            on_state=self._state_heard,
            on_heard=lambda gateway: self._tell(gateway, {}),
            on_birth=lambda gateway, refused: self._watchman.birth_heard(gateway, refused),
        )
        self._link = Link(
            broker=broker,
            root=root,
            clock=clock,
            rng=rng,
            inbox=self._inbox,
            account=self.account,
            hear=self._control.hear,
            on_change=self._link_changed,
            expects=self._someone_beats,
        )
        self._desk = Desk(
            root=root,
            book=book,
            registry=self._registry,
            account=self.account,
            clock=clock,
            say=self._link.say,
            on_alarm=on_alarm,
            timing=timing,
            routes=[channel.route for channel in channels],
        )
        self._notifier = Notifier(book, channels, self.account, clock=clock, rng=rng)
        self._inspector = Inspector(
            limits,
            store=View(store, book),
            book=book,
            registry=self._registry,
            clock=clock,
            may_look=lambda: self._watchman.listening,
            tell=lambda changes: self._watchman.tell(changes),
        )
        self._watchman = Watchman(
            book=book,
            registry=self._registry,
            judge=self._judge,
            survey=self._survey,
            account=self.account,
            clock=clock,
            desk=self._desk,
            on_anomaly=on_anomaly,
        )
        replayer = Replayer(
            book=book,
            store=store,
            registry=self._registry,
            intake=Intake(
                root=root,
                registry=self._registry,
                judge=self._judge,
                account=Account(),  # what is replayed was counted when it came
                policy=policy,
            ),
            clock=clock,
            on_stored=on_stored,
            tell=self._watchman.tell,
        )
        self._clerk = Clerk(
            book,
            errands(book, store, self._registry, self._watchman, replayer, clock=clock),
            clock=clock,
        )
        self._judged: asyncio.Queue[Batch] = asyncio.Queue(JUDGED_BATCHES)
        self._away: dict[str, str] = {}  # what cannot work now, and why
        self._next_commit = 0.0

    @property
    def latencies(self) -> Latencies:
        """Delays from observation to commit."""
        return self.account.latencies

    def ready(self) -> Mapping[str, bool]:
        """Whether the broker is connected, the store (with its book) takes data, and the hub's clock is trusted."""
        return {"broker": self._link.connected, "store": self._store_works, "clock": self._clock_trusted}

    def reasons(self) -> Mapping[str, str]:
        """Why what is not ready is not, where that is known."""
        store = {"store": next(iter(self._away.values()))} if self._away else {}
        clock = self._clock_watch.reason()
        return store if clock is None else {**store, "clock": clock}

    @property
    def _store_works(self) -> bool:
        return not self._away

    def loops(self) -> list[Loop]:
        """What must go on: packs into the store while there are some, a look at who is silent."""
        return [
            Loop(
                "store", lambda: self._attempts, 120.0, lambda: len(self._inbox) > 0 and self._clock_trusted
            ),
            Loop("watch", lambda: self._looks, 60.0),
        ]

    @property
    def _clock_trusted(self) -> bool:
        return self._clock_watch.trusted.is_set()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._link.run(), name="link")
            group.create_task(self._judge_batches(), name="judge")
            group.create_task(self._settle_batches(), name="store")
            group.create_task(self._keep_memory(), name="memory")
            group.create_task(self._watch(), name="silence")
            group.create_task(self._keep_alarms(), name="alarms")
            group.create_task(self._notifier.run(), name="notifier")
            group.create_task(self._inspector.run(), name="limits")
            group.create_task(self._repeat_credit(), name="credit")
            group.create_task(self._clerk.run(), name="commands")

    # Packs: queue → batch → judged batch → store → acknowledgement → live.

    async def _judge_batches(self) -> None:
        """The next batch is judged while the one before is written. Full: the link's queue fills."""
        await self._insist("warm-up", self._warm_up)
        self._attend()
        while True:
            batch = await self._next_batch()
            await self._insist("check", partial(self._check, batch))
            await self._insist("judge", partial(self._judge_batch, batch))
            await self._insist(
                "book", partial(self._record, batch.quarantined, batch.anomalies, batch.manifests)
            )
            if batch.foreign:
                await self._insist("claims", partial(self._tell_of_claims, batch))
            await self._judged.put(batch)

    async def _settle_batches(self) -> None:
        while True:
            batch = await self._judged.get()
            outcome = await self._insist("store", partial(self._store.write, batch.columns))
            refusals = [
                batch.set_aside(refused.index, checks.Fault(Reason.STORE_REFUSED, refused.reason))
                for refused in outcome.rejected
            ]
            await self._insist("refusals", partial(self._record, refusals, []))
            self._count(batch, outcome)
            self._acknowledge(batch)
            self._show(batch, outcome)

    async def _next_batch(self) -> Batch:
        """Whatever is queued, at most BATCH_READINGS, not sooner than COMMIT_EVERY_S after the one before."""
        loop = asyncio.get_running_loop()
        await self._inbox.wait()
        await self._clock_watch.trusted.wait()
        if self._inbox.bytes < HURRY_BYTES:
            await asyncio.sleep(max(0.0, self._next_commit - loop.time()))
        self._next_commit = loop.time() + COMMIT_EVERY_S
        batch, packets = Batch(), count(1)
        while len(batch) < BATCH_READINGS and (packet := self._inbox.pop()) is not None:
            if not self._intake.add(packet, batch):
                self._inbox.hold(packet)
            if next(packets) % PACKETS_IN_A_ROW == 0:
                await asyncio.sleep(0)  # decoding a full batch takes tens of milliseconds: let others work
        return batch

    async def _warm_up(self) -> None:
        await self._remember()
        await self._watchman.warm_up(self._store)
        clocks = self._book.anomalies(kind=AnomalyKind.CLOCK, open_only=True)
        self._clock_watch.resume([one for one in clocks if one.sensor == HUB])
        self._intake.clocks.resume(one for one in clocks if one.sensor != HUB)

    async def _remember(self) -> None:
        with self._book.reading() as database:
            strange = memory.load(snapshots.kept(database), self._judge, self._survey)
        if strange:
            log.warning("the detectors of another release remember otherwise: learned anew", series=strange)

    async def _keep_memory(self) -> None:
        """What the detectors remember, every few minutes and at a stop in order."""
        try:
            while True:
                await asyncio.sleep(SNAPSHOT_EVERY_S)
                await self._insist("memory", self._save_memory)
        finally:
            with suppress(BookUnavailableError):
                await self._save_memory()

    async def _save_memory(self) -> None:
        states = memory.dump(self._judge, self._survey)
        with self._book.writing() as database:
            snapshots.keep(database, states)
        memory.dumped(self._judge, self._survey)

    async def _check(self, batch: Batch) -> None:
        self._intake.check(batch)

    async def _judge_batch(self, batch: Batch) -> None:
        while self._intake.judge(batch, self._clock()):
            await asyncio.sleep(0)  # as above

    async def _record(
        self,
        quarantined: Sequence[Quarantined],
        anomalies: Sequence[Anomaly],
        manifests: Sequence[tuple[str, Manifest]] = (),
    ) -> None:
        """On disk before any acknowledgement. Of several states of one anomaly the last counts."""
        if quarantined:
            self._book.quarantine(quarantined, self._clock())
        if manifests:
            self._book.put_manifests(manifests, self._clock())
        if anomalies:
            self._book.put_anomalies({anomaly.id: anomaly for anomaly in anomalies}.values())

    async def _tell_of_claims(self, batch: Batch) -> None:
        self._watchman.claims_sent(batch.foreign)

    def _count(self, batch: Batch, outcome: Outcome) -> None:
        account, now_ms = self.account, self._clock()
        account.commits += 1
        account.settled(
            batch.decoded,
            stored=outcome.stored,
            duplicate=outcome.duplicate + batch.repeated,
            quarantined=batch.refused + len(outcome.rejected),
        )
        live = batch.delays() <= checks.BACKLOG_MS
        account.latencies.extend((now_ms - batch.rows().observed_ms[live]).tolist())
        for sensor, at_ms in (batch.heard(live) | batch.misdated).items():
            self._watchman.sensor_heard(sensor, at_ms)
        if self._trace is not None and batch.packs:
            try:
                self._trace.write(json.dumps({"at": now_ms, "packs": batch.packs}) + "\n")
            except OSError as error:  # a full disk: what is stored matters more than when
                log.warning("trace cannot be written", reason=str(error))

    def _acknowledge(self, batch: Batch) -> None:
        stored: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for gateway, journal, seq in batch.packs:
            stored[gateway][journal].append(seq)
        for gateway, journals in stored.items():
            self._tell(gateway, {journal: to_ranges(numbers) for journal, numbers in journals.items()})
        self.account.packs_acknowledged += len(batch.packs)

    def _show(self, batch: Batch, outcome: Outcome) -> None:
        self._on_stored(batch.newest({rejected.index for rejected in outcome.rejected}))
        self._watchman.tell(batch.anomalies)

    async def _keep_alarms(self) -> None:
        await self._insist("alarms", self._desk.resume)
        while True:
            await self._insist("alarms", self._desk.look)
            await asyncio.sleep(WATCH_EVERY_S)

    # Silence and the hub's own clock.

    async def _watch(self) -> None:
        """Once a second: is the hub's clock right; and while it hears and stores: who is silent."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            self._looks += 1
            self._clock_watch.look()
            if doubts := self._clock_watch.changes():
                await self._insist("clock", partial(self._record, [], doubts))
                self._watchman.tell(doubts)
            if self._watchman.listening:
                changes = await self._insist("look", self._look)
                await self._insist("silence", partial(self._record, [], changes))
                self._watchman.tell(changes)

    async def _look(self) -> list[Anomaly]:
        return self._watchman.look()

    def _someone_beats(self) -> bool:
        """Whether the book knows a gateway that is online: it must be heard every few seconds."""
        try:
            return self._registry.someone_is_online()
        except BookUnavailableError:
            return False

    def _attend(self) -> None:
        self._watchman.attend(self._link.connected and self._store_works and self._clock_trusted)

    def _link_changed(self, up: bool) -> None:
        if up:
            self._clock_watch.listen()
            self._desk.connected()
        self._attend()

    def _state_heard(self, state: State, retained: bool) -> None:
        self._clock_watch.state_heard(state, retained=retained)
        self._watchman.state_heard(state, retained=retained)

    def _clock_changed(self, refused: int) -> None:
        self.account.withdrawn(refused)
        self.account.clock_suspected += not self._clock_trusted
        self._attend()
        self._tell_all()

    # The store and the book, which may be away.

    async def _insist(self, what: str, step: Callable[[], Awaitable[Result]]) -> Result:
        """The step's result, however long it takes. Meanwhile nothing is acknowledged and the credit is 0."""
        backoff = BACKOFF_FIRST_S
        while True:
            self._attempts += 1
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

    def _gone(self, what: str, error: StoreUnavailableError | BookUnavailableError) -> None:
        worked, reason = self._store_works, str(error)
        told, self._away[what] = self._away.get(what), reason
        if isinstance(error, StoreMisconfiguredError) and told != reason:
            log.error("store refuses us, the data waits until somebody changes that", reason=reason)
        if worked:
            self._attend()
            self.account.outages += 1
            log.warning("store away, nothing is acknowledged", reason=reason)
            self._tell_all()

    def _back(self, what: str) -> None:
        if self._away.pop(what, None) is not None and self._store_works:
            self._attend()
            log.info("store is back")
            self._control.retry()
            self._tell_all()

    # Words to gateways.

    async def _repeat_credit(self) -> None:
        while True:
            await asyncio.sleep(CREDIT_EVERY_S)
            if not (self._store_works and self._clock_trusted):
                self._tell_all()

    def _tell_all(self) -> None:
        try:
            gateways = list(self._registry.gateways())
        except BookUnavailableError:
            return  # each gateway hears it with its next heartbeat
        for gateway in gateways:
            self._tell(gateway, {})

    def _tell(self, gateway: str, stored: dict[str, Ranges]) -> None:
        trusted = self._clock_trusted
        credit = DEFAULT_CREDIT if self._store_works and trusted else 0
        answer = Ack(stored, self._clock() if trusted else 0, credit)
        self._link.say(topics.ack(self._root, gateway), answer.encode())
