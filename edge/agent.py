"""The agent on a gateway:

    ports ───┐
             ├─→ intake ─→ dates ─→ unique keys ─→ packs ─→ journal ─→ uplink ─→ ingest
    sources ─┤               ↑                                 ↑─────────┤ "stored: these packs"
    pushes ──┘             clock ←───────────────────────────────────────┘ "it is … now"

What the journal has committed is accepted, and is never lost. What is read and not yet committed goes with a kill.
"""

import asyncio
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random

import structlog

from edge import tapsocket
from edge.acceptance import Acceptance
from edge.clock import FLOOR_MS, Rung, is_dated
from edge.config import EdgeConfig
from edge.configfile import ConfigFile
from edge.hostclock import Host, LinuxHost
from edge.intake import Intake
from edge.journalaccess import JournalUnavailableError
from edge.journalthread import JournalThread
from edge.logbookfile import WatchedLogbook, beside
from edge.outside import REAL, Outside
from edge.readers import Bring, Readers
from edge.reporter import Accepted, Reporter
from edge.status import bounded_ports
from edge.tapsocket import TapSocket
from edge.timekeeper import Timekeeper
from edge.uplink import Session, Uplink
from runtime.config import ConfigError
from runtime.sdnotify import Loop, Notifier
from telemetry.messages import Birth, State

DRAIN_S = 2.0
PRUNE_EVERY_S = 600.0
ACCOUNT_EVERY_S = 30.0

log = structlog.get_logger(__name__)


async def run(
    config: EdgeConfig,
    *,
    stop: asyncio.Event,
    host: Host | None = None,
    rng: Random | None = None,
    file: ConfigFile | None = None,
    notifier: Notifier | None = None,
) -> None:
    """Collect until `stop`, then leave in order; follow `file` meanwhile.

    Raises ConfigError when the configuration or journal cannot be used.
    """
    rng, host = rng or Random(), host or LinuxHost()
    settings = config.journal
    timekeeper = Timekeeper(config.clock, host)
    opening = JournalThread.open(
        Path(settings.path),
        clock=timekeeper.now_ms,
        rng=rng,
        keep_days=settings.keep_days,
        max_mb=settings.max_mb,
    )
    try:
        async with opening as journal:
            await Agent(config, journal, timekeeper=timekeeper, rng=rng, file=file, notifier=notifier).run(
                stop
            )
    except JournalUnavailableError as error:
        raise ConfigError(str(error)) from error


class Agent:
    """One gateway's collecting, from its ports to its uplink. Opens nothing before `run`."""

    def __init__(
        self,
        config: EdgeConfig,
        journal: JournalThread,
        *,
        timekeeper: Timekeeper,
        rng: Random,
        outside: Outside = REAL,
        file: ConfigFile | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._file, self._notifier = file, notifier or Notifier({})
        self._config, self._journal, self._timekeeper = config, journal, timekeeper
        self._intake = Intake()
        self._logbook = WatchedLogbook(beside(Path(config.journal.path)))
        self._tap = TapSocket(tapsocket.beside(Path(config.journal.path)), timekeeper.now_ms)
        self._acceptance = Acceptance(
            config,
            journal,
            timekeeper,
            mark=lambda readings: self._logbook.now.marked(readings),
            on_packs=lambda: self._uplink.committed(),
        )
        clock, bad, intake = timekeeper.now_ms, self._acceptance.bad, self._intake
        self._readers = Readers(
            Bring(
                intake.put_surely,
                intake.put,
                bad,
                clock,
                rng,
                timekeeper.hear_gnss,
                outside.open_line,
                self._tap.hear,
                intake,
            )
        )
        self._uplink = Uplink(
            config,
            journal,
            clock=clock,
            rng=rng,
            birth=self._birth,
            state=self._state,
            hub_time=lambda time_ms: timekeeper.hear(Rung.HUB, time_ms),
            keep_connected=outside.keep_connected,
        )
        self._session = 0
        self._reporter = Reporter(
            config,
            version=_version(),
            journal=journal,
            uplink=self._uplink,
            account=self._acceptance.account,
            readers=lambda: list(self._readers),
            accepted=lambda: Accepted(
                self._acceptance.accepted, self._acceptance.keys.duplicates, self._acceptance.keys.nudged
            ),
            clock=clock,
            clock_state=lambda: timekeeper.state(journal.undated),
            say=self._notifier.status,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Collect until `stop`; then no new readings, the last commit, a short drain, and good-bye."""
        await self._begin()
        log.info("collecting", sensors=self._config.sensor_count, waiting=self._journal.waiting)
        async with asyncio.TaskGroup() as group:
            await self._readers.follow(self._config, group)
            reload = group.create_task(self._reload(group), name="reload")
            commit = group.create_task(self._commit(), name="commit")
            account = group.create_task(self._account_for(), name="account")
            prune = group.create_task(self._prune(), name="prune")
            clock = group.create_task(self._timekeeper.run(self._journal), name="clock")
            dates = group.create_task(self._follow_clock(), name="dates")
            report = group.create_task(self._reporter.run(), name="report")
            uplink = group.create_task(self._uplink.run(), name="uplink")
            tap = group.create_task(self._tap.run(), name="tap")
            watchdog = group.create_task(self._notifier.watch(self._loops()), name="watchdog")
            self._notifier.ready()
            await stop.wait()
            self._notifier.stopping()
            await _end(reload)
            await self._readers.end()
            self._intake.close()
            await asyncio.wait([commit], timeout=DRAIN_S)
            await _end(commit, account)
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._acceptance.tell(ending=True)
            await self._uplink.drain(DRAIN_S)
            await _end(prune, clock, dates, uplink, report, watchdog, tap)
            await self._reporter.look()
        await self._timekeeper.write(self._journal)
        log.info(
            "stopped",
            accepted=self._acceptance.accepted,
            undated=self._journal.undated,
            waiting=self._journal.waiting,
        )

    async def _begin(self) -> None:
        """What earlier lives knew: the time of this boot, what was journalled, the number of the last session."""
        if trust := await self._journal.trust_of(self._timekeeper.boot_id):
            self._timekeeper.resume(*trust)
        self._timekeeper.look()
        await self._acceptance.begin()
        await self._number_session()

    async def _number_session(self) -> None:
        now_ms = self._clock_or_zero()
        self._session = await self._journal.next_session(now_ms) or max(self._session, now_ms)
        self._uplink.begin(self._session)

    async def _follow_clock(self) -> None:
        """Each time a source is trusted: date what waits; a session numbered without the time gets a better number."""
        while True:
            await self._timekeeper.moved.wait()
            self._timekeeper.moved.clear()
            await self._acceptance.date()
            if self._session < FLOOR_MS:
                await self._number_session()

    async def _commit(self) -> None:
        """Group by group into the journal. Ends when the intake is closed."""
        while readings := await self._intake.group(self._config.journal.commit_ms / 1000):
            if self._logbook.refresh():
                self._uplink.describe_again()
            await self._acceptance.keep(readings)

    async def _account_for(self) -> None:
        """Twice a minute: what was due meanwhile, and a manifest of each hour that is over."""
        while True:
            await self._acceptance.tell()
            await asyncio.sleep(ACCOUNT_EVERY_S)

    async def _reload(self, group: asyncio.TaskGroup) -> None:
        """Follow the configuration file. A bad one is refused and told, and the one before it counts on."""
        while self._file is not None:
            await self._file.changed()
            self._notifier.reloading()
            try:
                config = self._file.read(self._config)
            except ConfigError as error:
                log.error("configuration refused, the old one stays", reason=str(error))
                self._reporter.config_problem = str(error)
                self._notifier.ready()
                continue
            self._config = self._reporter.config = config
            self._reporter.config_problem = ""
            self._acceptance.account.follow(config.sensors())
            await self._readers.follow(config, group)
            self._uplink.describe_again()
            self._notifier.ready()
            log.info("configuration in use", sensors=config.sensor_count)

    def _loops(self) -> list[Loop]:
        """What must go on: readings into the journal while there are some, packs out while there is a broker, a look."""
        return [
            Loop("commit", lambda: self._acceptance.attempts, 60.0, lambda: len(self._intake) > 0),
            Loop("send", lambda: self._uplink.passes, 120.0, lambda: self._uplink.connected),
            Loop("report", lambda: self._reporter.looks, 60.0),
        ]

    async def _prune(self) -> None:
        while True:
            await self._journal.prune(self._timekeeper.now_ms())
            await self._journal.scrub()
            await asyncio.sleep(PRUNE_EVERY_S)

    def _birth(self, session: Session) -> Birth:
        config, sensors = self._config, self._logbook.now.dated(self._config.sensors())
        return Birth(config.gateway, config.site, sensors, session, self._clock_or_zero(), _version())

    def _state(self, session: Session, online: bool) -> State:
        state = State(
            self._config.gateway,
            online,
            session,
            self._clock_or_zero(),
            accepted=self._acceptance.accepted,
            duplicates=self._acceptance.keys.duplicates,
            nudged=self._acceptance.keys.nudged,
            backlog=self._uplink.waiting,
            set_aside=self._uplink.set_aside,
            ports=bounded_ports(counters for reader in self._readers for counters in reader.counters()),
            clock=self._timekeeper.state(self._journal.undated),
        )
        return self._reporter.enrich(state)

    def _clock_or_zero(self) -> int:
        """The time for others: 0 while it is not known."""
        now_ms = self._timekeeper.now_ms()
        return now_ms if is_dated(now_ms) else 0


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel and wait; a task that failed has already brought the group down."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _version() -> str:
    try:
        return version("halong-telemetry")
    except PackageNotFoundError:
        return ""
