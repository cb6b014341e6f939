"""What an agent says of itself: the whole for the status file and Prometheus, a bounded part for the state topic. Pure."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from edge.account import Total
from edge.settings import EdgeConfig
from edge.tallies import expected
from telemetry.inventory import Sensor
from telemetry.messages import ClockState, DiskState, PortCounters, SensorCounters, State

STATE_PORTS = STATE_SENSORS = 32
STATE_DEVICES = 8  # of a port
PERIODS = 3  # missed, and a sensor is silent
GRACE_MS = 10_000
RECENT_MS = 60_000

OK, WAITING, SILENT, FAULTY = "ok", "waiting", "silent", "faulty"


class JournalStatus(msgspec.Struct, frozen=True):
    """What waits in the journal."""

    packs_waiting: int = 0
    oldest_waiting_ms: int | None = None
    bytes: int = 0
    packs_given_up: int = 0
    trouble: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The status file. Times are in ms since 1970 UTC, counters since the agent's start."""

    gateway: str
    site: str
    version: str
    config: str  # hash
    config_problem: str = ""
    pid: int
    started_ms: int
    time_ms: int
    every_s: float  # the file is written so often: older than three times that, and the agent does not run
    clock: ClockState
    broker_connected: bool
    last_ack_ms: int | None
    accepted: int
    duplicates: int
    nudged: int
    packs_set_aside: int
    journal: JournalStatus
    ports: tuple[PortCounters, ...]
    sensors: tuple[SensorCounters, ...]
    disk: DiskState | None = None


def config_hash(config: EdgeConfig) -> str:
    """Twelve hex digits that change with anything the configuration says."""
    content: Any = msgspec.to_builtins(config)
    return blake2b(msgspec.json.encode(content, order="sorted"), digest_size=6).hexdigest()


def in_a_line(status: Status) -> str:
    """The status for `systemctl status`."""
    up = sum(port.up for port in status.ports)
    unwell = [one.id for one in status.sensors if one.health not in (OK, WAITING)]
    broker = "connected" if status.broker_connected else "away"
    more = f", not well: {', '.join(unwell[:5])}{' …' if len(unwell) > 5 else ''}" if unwell else ""
    trouble = f", journal: {status.journal.trouble}" if status.journal.trouble else ""
    return (
        f"{status.accepted} readings accepted, {status.journal.packs_waiting} packs wait, broker {broker},"
        f" {up} of {len(status.ports)} ports up{more}{trouble}"
    )


class Health:
    """How sensors do, from what they had counted when one looks and a minute before; `started_ms` is when the agent began."""

    def __init__(self, started_ms: int) -> None:
        self.started_ms = started_ms
        self._before: dict[str, tuple[int, int, int]] = {}

    def judge(self, sensor: Sensor, total: Total, now_ms: int) -> str:
        """One of ok, waiting, silent, faulty."""
        at_ms, read, bad = self._before.get(sensor.id, (self.started_ms, 0, 0))
        if now_ms - at_ms >= RECENT_MS or sensor.id not in self._before:
            self._before[sensor.id] = (now_ms, total.read, total.bad)
        if total.bad - bad > total.read - read:
            return FAULTY
        if sensor.period_s <= 0:
            return OK
        since = max(total.last_ms or 0, self.started_ms)
        if now_ms - since > PERIODS * sensor.period_s * 1000 + GRACE_MS:
            return SILENT
        return OK if total.last_ms is not None else WAITING


def counters(sensor: Sensor, total: Total, health: str) -> SensorCounters:
    """A sensor's line."""
    due = expected(total.periods, total.observations, total.read, total.quantities)
    return SensorCounters(
        sensor.id, health, due, total.read, total.bad, total.late, total.duplicate, total.last_ms
    )


def bounded_ports(ports: Iterable[PortCounters]) -> tuple[PortCounters, ...]:
    """Those that are away first, then those with bad frames; of polled devices those that do not answer or answer badly."""
    ordered = sorted(ports, key=lambda port: (port.up, -port.bad))
    return tuple(_bounded(port) for port in ordered[:STATE_PORTS])


def _bounded(port: PortCounters) -> PortCounters:
    troubled = sorted(
        (one for one in port.devices if one.unanswered_in_a_row or one.bad),
        key=lambda one: (-one.unanswered_in_a_row, -one.bad),
    )
    return msgspec.structs.replace(port, devices=tuple(troubled[:STATE_DEVICES]))


def bounded_sensors(sensors: Sequence[SensorCounters]) -> tuple[SensorCounters, ...]:
    """Those that are not well."""
    return tuple(one for one in sensors if one.health not in (OK, WAITING))[:STATE_SENSORS]


def with_status(state: State, status: Status | None) -> State:
    """The heartbeat with what the last status adds."""
    if status is None:
        return state
    return msgspec.structs.replace(
        state,
        sensors=bounded_sensors(status.sensors),
        version=status.version,
        config=status.config,
        config_problem=status.config_problem[:200],
        oldest_ms=status.journal.oldest_waiting_ms,
        journal_problem=status.journal.trouble[:200],
        given_up=status.journal.packs_given_up,
        last_ack_ms=status.last_ack_ms,
        disk=status.disk,
    )
