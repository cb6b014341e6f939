"""The agent on a gateway:

    ports ───┐
             ├─→ intake ─→ unique keys ─→ packs ─→ journal ─→ uplink ─→ ingest
    sources ─┤                                        ↑─────────┘ "stored: these packs"
    pushes ──┘

What the journal has committed is accepted, and is never lost. What is read and not yet committed goes with a kill.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random

import structlog

from edge.account import Account, Count
from edge.config import EdgeConfig
from edge.counting import Counting, build_counting
from edge.intake import Intake
from edge.journal import JournalThread, JournalUnavailableError
from edge.keys import Keys
from edge.listener import Listener, build_listeners
from edge.logbookfile import WatchedLogbook, beside
from edge.packing import NewPack, pack, pack_manifests
from edge.ports import Port, build_ports
from edge.settings import Encoding
from edge.sources import SourceLink, build_links
from edge.tallies import Untold
from edge.uplink import Session, Uplink
from runtime.config import ConfigError
from telemetry.messages import Birth, State
from telemetry.senml import SenmlError, decode_pack

DRAIN_S = 2.0
RETRY_S = 1.0
PRUNE_EVERY_S = 600.0
ACCOUNT_EVERY_S = 30.0
REMEMBERED_PACKS = 200  # enough to know again what a source repeats after our restart

log = structlog.get_logger(__name__)


def wall_clock_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


async def run(
    config: EdgeConfig,
    *,
    stop: asyncio.Event,
    clock: Callable[[], int] = wall_clock_ms,
    rng: Random | None = None,
) -> None:
    """Collect until `stop`, then leave in order. Raises ConfigError when the configuration or journal cannot be used."""
    rng = rng or Random()
    settings = config.journal
    opening = JournalThread.open(
        Path(settings.path), clock=clock, rng=rng, keep_days=settings.keep_days, max_mb=settings.max_mb
    )
    try:
        async with opening as journal:
            await Agent(config, journal, clock=clock, rng=rng).run(stop)
    except JournalUnavailableError as error:
        raise ConfigError(str(error)) from error


class Agent:
    """One gateway's collecting, from its ports to its uplink. Opens nothing before `run`."""

    def __init__(
        self, config: EdgeConfig, journal: JournalThread, *, clock: Callable[[], int], rng: Random
    ) -> None:
        self._config, self._journal, self._clock = config, journal, clock
        self._intake, self._account = Intake(), Account(config.sensors())
        self._keys = Keys(on_duplicate=self._account.duplicate)
        self._logbook = WatchedLogbook(beside(Path(config.journal.path)))
        deliver = self._intake.put
        ports = build_ports(config, deliver, clock, self._bad)
        self._readers: list[Port | Counting | SourceLink | Listener] = [
            *ports,
            *build_counting(ports, deliver, clock),
            *build_links(config, deliver, clock, rng, self._bad),
            *build_listeners(config, deliver, clock),
        ]
        self._uplink = Uplink(config, journal, clock=clock, rng=rng, birth=self._birth, state=self._state)
        self._accepted = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Collect until `stop`; then no new readings, the last commit, a short drain, and good-bye."""
        await self._remember()
        log.info("collecting", sensors=self._config.sensor_count, waiting=await self._journal.waiting())
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(reader.run(), name=reader.name) for reader in self._readers]
            commit = group.create_task(self._commit(), name="commit")
            account = group.create_task(self._account_for(), name="account")
            prune = group.create_task(self._prune(), name="prune")
            uplink = group.create_task(self._uplink.run(), name="uplink")
            await stop.wait()
            await _end(*readers)
            self._intake.close()
            await asyncio.wait([commit], timeout=DRAIN_S)
            await _end(commit, account)
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._account_once(ending=True)
            await self._uplink.drain(DRAIN_S)
            await _end(prune, uplink)
        log.info("stopped", accepted=self._accepted, waiting=await self._journal.waiting())

    async def _remember(self) -> None:
        """What the last life journalled and counted, so that a reading that is repeated now is known."""
        now_ms = self._clock()
        self._account.resume(await self._journal.counted_until(now_ms), now_ms)
        for payload in reversed(await self._journal.recent(REMEMBERED_PACKS)):
            with suppress(SenmlError):
                self._keys.preload(decode_pack(payload).readings)

    async def _commit(self) -> None:
        """Group by group: unique keys, packs, one fsync, and the uplink hears of it. Ends when the intake is closed."""
        site, cbor = self._config.site.id, self._config.broker.encoding is Encoding.CBOR
        while readings := await self._intake.group(self._config.journal.commit_ms / 1000):
            if self._logbook.refresh():
                self._uplink.describe_again()
            self._account.read(readings)
            kept = self._keys.unique(self._logbook.now.marked(readings))
            self._account.accepted(kept, self._clock())
            if kept:
                await self._keep(pack(site, kept, cbor=cbor), self._account.take())

    async def _keep(
        self, packs: Sequence[NewPack], counts: Sequence[Count], told: Sequence[Untold] = ()
    ) -> None:
        """Journal the packs, trying until it can be written: meanwhile the intake fills and the ports wait."""
        while True:
            try:
                await self._journal.append(packs, self._clock(), counts, told)
            except JournalUnavailableError:
                await asyncio.sleep(RETRY_S)
            else:
                self._accepted += sum(pack.readings for pack in packs)
                self._uplink.committed()
                return

    async def _account_for(self) -> None:
        """Twice a minute: what was due meanwhile, and a manifest of each hour that is over."""
        while True:
            await self._account_once()
            await asyncio.sleep(ACCOUNT_EVERY_S)

    async def _account_once(self, *, ending: bool = False) -> None:
        now_ms = self._clock()
        self._account.watch(now_ms)
        if counts := self._account.take():
            await self._keep([], counts)
        while told := await self._journal.untold(now_ms, everything=ending):
            site, cbor = self._config.site.id, self._config.broker.encoding is Encoding.CBOR
            await self._keep(pack_manifests(site, [one.manifest for one in told], cbor=cbor), [], told)

    def _bad(self, sensor: str, frames: int) -> None:
        self._account.bad(sensor, self._clock(), frames)

    async def _prune(self) -> None:
        while True:
            await self._journal.prune(self._clock())
            await asyncio.sleep(PRUNE_EVERY_S)

    def _birth(self, session: Session) -> Birth:
        config, sensors = self._config, self._logbook.now.dated(self._config.sensors())
        return Birth(config.gateway, config.site, sensors, session, self._clock(), _version())

    def _state(self, session: Session, online: bool) -> State:
        return State(
            self._config.gateway,
            online,
            session,
            self._clock(),
            accepted=self._accepted,
            duplicates=self._keys.duplicates,
            nudged=self._keys.nudged,
            backlog=self._uplink.waiting,
            set_aside=self._uplink.set_aside,
            ports=tuple(counters for reader in self._readers for counters in reader.counters()),
        )


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
