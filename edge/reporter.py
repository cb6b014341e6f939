"""The loop that looks at the agent and tells: the status file, Prometheus, the heartbeat."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog

from edge import disk, status, statusfile
from edge.account import Account
from edge.journalthread import JournalThread
from edge.settings import EdgeConfig
from edge.status import JournalStatus, Status
from edge.uplink import Uplink
from telemetry.inventory import Sensor
from telemetry.messages import ClockState, DiskState, PortCounters, State

EVERY_S = 10.0

log = structlog.get_logger(__name__)


class Accepted(NamedTuple):
    """Readings since the agent's start."""

    accepted: int
    duplicates: int
    nudged: int


class Counting(Protocol):
    """What has ports or sources to tell of."""

    def counters(self) -> list[PortCounters]:
        """What it has seen."""
        ...


class Reporter:
    """Tells of the agent as it was at the last look. `clock` is wall time in ms, `clock_state` says what it is worth,
    `say` takes a line for systemd at every look."""

    def __init__(
        self,
        config: EdgeConfig,
        *,
        version: str,
        journal: JournalThread,
        uplink: Uplink,
        account: Account,
        readers: Callable[[], Sequence[Counting]],
        accepted: Callable[[], Accepted],
        clock: Callable[[], int],
        clock_state: Callable[[], ClockState],
        say: Callable[[str], None],
        every_s: float = EVERY_S,
    ) -> None:
        self._version, self._journal, self._uplink, self._account = version, journal, uplink, account
        self._readers, self._accepted, self._clock, self._clock_state = readers, accepted, clock, clock_state
        self._say, self._every_s = say, every_s
        self._began_s: float | None = None  # on the loop's clock
        self._is_start_dated = False
        self._health = status.Health(clock())
        self._path = statusfile.beside(Path(config.journal.path))
        self._known_unwritable = False
        self._described: EdgeConfig | None = None
        self._sensors: Sequence[Sensor] = ()
        self.config, self.config_problem = config, ""
        self.last: Status | None = None
        self.looks = 0

    async def run(self) -> None:
        """Look and write, for ever; serve Prometheus beside when the configuration wants it."""
        async with asyncio.TaskGroup() as group:
            if self.config.metrics.port:
                from edge import metrics  # 3 MB that an agent without Prometheus does not need

                def content() -> bytes:
                    return metrics.exposition(self.last) if self.last is not None else b""

                group.create_task(metrics.serve(self.config.metrics, content), name="metrics")
            while True:
                await self.look()
                await asyncio.sleep(min(self._every_s, self.looks))  # who has just started it wants to see it

    async def look(self) -> Status:
        """Look now, and write what is seen."""
        journal = JournalStatus(*await self._journal.depth())
        now_s = asyncio.get_running_loop().time()
        self._began_s = now_s if self._began_s is None else self._began_s
        running_s = now_s - self._began_s
        if not self._is_start_dated:  # an untrusted clock may have begun anywhere
            self._health.started_ms = self._clock() - round(running_s * 1000)
            self._is_start_dated = bool(self._clock_state().source)
        place = Path(self.config.journal.path)
        room = await asyncio.to_thread(disk.look, place, journal_bytes=journal.bytes, running_s=running_s)
        self.last = self._seen(journal, room)
        self.looks += 1
        self._say(status.in_a_line(self.last))
        try:
            await asyncio.to_thread(statusfile.write, self._path, self.last)
        except OSError as error:
            if not self._known_unwritable:
                log.warning("cannot write the status file", path=str(self._path), reason=error.strerror)
            self._known_unwritable = True
        else:
            self._known_unwritable = False
        return self.last

    def enrich(self, state: State) -> State:
        """The heartbeat with what is known beyond it."""
        return status.with_status(state, self.last)

    def _seen(self, journal: JournalStatus, room: DiskState) -> Status:
        config, now_ms, accepted = self.config, self._clock(), self._accepted()
        sensors = []
        if self._described is not config:
            self._described, self._sensors = config, config.sensors()  # reads register maps
        for sensor in self._sensors:
            total = self._account.total(sensor.id)
            sensors.append(status.counters(sensor, total, self._health.judge(sensor, total, now_ms)))
        return Status(
            gateway=config.gateway,
            site=config.site.id,
            version=self._version,
            config=status.config_hash(config),
            config_problem=self.config_problem,
            pid=os.getpid(),
            started_ms=self._health.started_ms,
            time_ms=now_ms,
            every_s=self._every_s,
            clock=self._clock_state(),
            broker_connected=self._uplink.connected,
            last_ack_ms=self._uplink.last_ack_ms,
            accepted=accepted.accepted,
            duplicates=accepted.duplicates,
            nudged=accepted.nudged,
            packs_set_aside=self._uplink.set_aside,
            journal=journal,
            ports=tuple(counters for reader in self._readers() for counters in reader.counters()),
            sensors=tuple(sensors),
            disk=room,
        )
