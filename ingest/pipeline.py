"""The ingest service: link → queue → decode, check, judge → store → acknowledge → live. One TaskGroup, one screen."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import TextIO

import structlog

from ingest import checks
from ingest.account import Account, Latencies
from ingest.alarms.channels import Channel
from ingest.alarms.desk import Desk
from ingest.alarms.grouping import TIMING, Timing
from ingest.alarms.inspector import Inspector
from ingest.alarms.notifier import Notifier
from ingest.batch import Batch
from ingest.batcher import Batcher
from ingest.calendar import holidays_vn_around
from ingest.clockwatch import ClockWatch
from ingest.control import Control
from ingest.errands import clerk
from ingest.hubclock import HubClock
from ingest.insistence import Insistence
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.receive import Inbox, Link
from ingest.records import Records, refusals
from ingest.registry import Registry
from ingest.replies import Replies
from ingest.silence import Silence
from ingest.snapshot import Snapshot
from ingest.survey import Survey
from ingest.watchman import Watchman
from runtime.limits import Limit
from runtime.mqtt import BrokerUrl
from runtime.sdnotify import Loop
from storage.book import Book, BookUnavailableError
from storage.store import Store
from storage.view import View
from telemetry.alarm import Alarm
from telemetry.anomaly import HUB, Anomaly, AnomalyKind
from telemetry.messages import State
from telemetry.reading import Reading

JUDGED_BATCHES = 1  # ready while one is being written: so at most three are in memory
WATCH_EVERY_S = 1.0

log = structlog.get_logger(__name__)


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
        self._on_stored = on_stored
        self.account = Account()
        self._registry = Registry(book)
        judge, survey, silence = Judge(), Survey(holidays_vn_around(clock())), Silence()
        self._snapshot = Snapshot(book, judge, survey, silence, clock)
        self._records = Records(book=book, account=self.account, clock=clock, trace=trace)
        self._insist = Insistence(account=self.account, rng=rng, on_change=self._store_changed)
        self._inbox = Inbox()
        self._looks = 0
        self._clock_watch = ClockWatch(
            HubClock(tolerance_ms=policy.window.future_ms, hold_s=policy.hold_s),
            self._inbox,
            clock=clock,
            on_change=self._clock_changed,
        )
        intake = self._intake = Intake(
            root=root,
            registry=self._registry,
            judge=judge,
            account=self.account,
            survey=survey,
            policy=policy,
            may_judge=self._clock_watch.may_judge,
        )
        self._batcher = Batcher(self._inbox, intake, self._clock_watch.trusted)
        self._control = Control(
            root=root,
            registry=self._registry,
            account=self.account,
            clock=clock,
            on_state=self._state_heard,
            on_heard=lambda gateway: self._replies.tell(gateway),
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
        self._replies = Replies(
            root=root,
            link=self._link,
            registry=self._registry,
            account=self.account,
            clock=clock,
            works=lambda: self._insist.works,
            trusted=self._clock_watch.trusted.is_set,
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
            judge=judge,
            survey=survey,
            silence=silence,
            account=self.account,
            clock=clock,
            desk=self._desk,
            on_anomaly=on_anomaly,
        )
        self._clerk = clerk(
            book=book,
            store=store,
            registry=self._registry,
            watchman=self._watchman,
            intake=intake,
            on_stored=on_stored,
            clock=clock,
        )
        self._judged: asyncio.Queue[Batch] = asyncio.Queue(JUDGED_BATCHES)

    @property
    def latencies(self) -> Latencies:
        """Delays from observation to commit."""
        return self.account.latencies

    def ready(self) -> Mapping[str, bool]:
        """Whether the broker is connected, the store (with its book) takes data, and the hub's clock is trusted."""
        return {"broker": self._link.connected, "store": self._insist.works, "clock": self._clock_trusted}

    def reasons(self) -> Mapping[str, str]:
        """Why what is not ready is not, where that is known."""
        found = {"store": self._insist.reason, "clock": self._clock_watch.reason()}
        return {name: reason for name, reason in found.items() if reason is not None}

    def loops(self) -> list[Loop]:
        """What must go on: packs into the store while there are some, a look at who is silent."""
        return [
            Loop(
                "store",
                lambda: self._insist.attempts,
                120.0,
                lambda: len(self._inbox) > 0 and self._clock_trusted,
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
            group.create_task(self._snapshot.run(self._insist.on), name="memory")
            group.create_task(self._watch(), name="silence")
            group.create_task(self._keep_alarms(), name="alarms")
            group.create_task(self._notifier.run(), name="notifier")
            group.create_task(self._inspector.run(), name="limits")
            group.create_task(self._replies.run(), name="credit")
            group.create_task(self._clerk.run(), name="commands")

    # Packs: queue → batch → judged batch → store → acknowledgement → live.

    async def _judge_batches(self) -> None:
        """The next batch is judged while the one before is written. Full: the link's queue fills."""
        await self._insist.on("warm-up", self._warm_up)
        self._attend()
        while True:
            batch = await self._batcher.next()
            await self._insist.doing("check", partial(self._intake.check, batch))
            await self._insist.on("judge", partial(self._judge_batch, batch))
            await self._insist.doing(
                "book", partial(self._records.keep, batch.quarantined, batch.anomalies, batch.manifests)
            )
            if batch.foreign:
                await self._insist.doing("claims", partial(self._watchman.claims_sent, batch.foreign))
            await self._judged.put(batch)

    async def _settle_batches(self) -> None:
        while True:
            batch = await self._judged.get()
            outcome = await self._insist.on("store", partial(self._store.write, batch.columns))
            await self._insist.doing("refusals", partial(self._records.keep, refusals(batch, outcome)))
            self._records.count(batch, outcome)
            await self._insist.doing("heard", partial(self._watchman.batch_heard, batch))
            self._replies.acknowledge(batch.packs)
            self._on_stored(batch.newest({rejected.index for rejected in outcome.rejected}))
            self._watchman.tell(batch.anomalies)

    async def _warm_up(self) -> None:
        await self._snapshot.load()
        await self._watchman.warm_up(self._store)
        clocks = self._book.anomalies(kind=AnomalyKind.CLOCK, open_only=True)
        self._clock_watch.resume([one for one in clocks if one.sensor == HUB])
        self._intake.clocks.resume(one for one in clocks if one.sensor != HUB)

    async def _judge_batch(self, batch: Batch) -> None:
        while self._intake.judge(batch, self._clock()):
            await asyncio.sleep(0)  # others want to work too

    async def _keep_alarms(self) -> None:
        await self._insist.on("alarms", self._desk.resume)
        while True:
            await self._insist.on("alarms", self._desk.look)
            await asyncio.sleep(WATCH_EVERY_S)

    # Silence and the hub's own clock.

    async def _watch(self) -> None:
        """Once a second: is the hub's clock right; and while it hears and stores: who is silent."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            self._looks += 1
            self._clock_watch.look()
            if doubts := self._clock_watch.changes():
                await self._insist.doing("clock", partial(self._records.keep, anomalies=doubts))
                self._watchman.tell(doubts)
            if self._watchman.listening:
                changes = await self._insist.doing("look", self._watchman.look)
                await self._insist.doing("silence", partial(self._records.keep, anomalies=changes))
                self._watchman.tell(changes)

    def _someone_beats(self) -> bool:
        """Whether the book knows a gateway that is online: it must be heard every few seconds."""
        try:
            return self._registry.someone_is_online()
        except BookUnavailableError:
            return False

    def _attend(self) -> None:
        self._watchman.attend(self._link.connected and self._insist.works and self._clock_trusted)

    def _link_changed(self, up: bool) -> None:
        if up:
            self._clock_watch.listen()
            self._desk.connected()
        self._attend()

    def _state_heard(self, state: State, retained: bool) -> None:
        self._clock_watch.state_heard(state, retained=retained)
        self._watchman.state_heard(state, retained=retained)

    def _store_changed(self, works: bool) -> None:
        self._attend()
        if works:
            self._control.retry()
        self._replies.tell_all()

    def _clock_changed(self, refused: int) -> None:
        self.account.withdrawn(refused)
        self.account.clock_suspected += not self._clock_trusted
        self._attend()
        self._replies.tell_all()
