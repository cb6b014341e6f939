"""Control messages between gateways and ingest, JSON on the wire."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from telemetry.inventory import Sensor, Site

DEFAULT_CREDIT = 16
MAX_MESSAGE = 256 * 1024  # bytes; the birth of a gateway with a thousand sensors
Ranges = list[tuple[int, int]]  # inclusive [lo, hi]


class BadMessageError(ValueError):
    """The payload is not the message its topic promises."""


class Ack(msgspec.Struct, frozen=True):
    """What one commit stored or quarantined: for each journal the inclusive ranges of pack numbers.

    `time_ms` is the hub's clock (0: it does not trust it),
    `credit` how many packs the gateway may have outstanding (0: the store is down).
    On the wire the journals stand beside the other two: `{"<journal>": [[lo, hi], …], "time": ms, "credit": n}`.
    """

    stored: dict[str, Ranges]
    time_ms: int
    credit: int

    def encode(self) -> bytes:
        """The wire form."""
        return msgspec.json.encode({**self.stored, "time": self.time_ms, "credit": self.credit})

    @classmethod
    def decode(cls, payload: bytes) -> "Ack":
        """The message in `payload`; raises BadMessageError."""
        _check_size(payload)
        try:
            fields = msgspec.json.decode(payload, type=dict[str, int | Ranges])
            time_ms, credit = fields.pop("time"), fields.pop("credit")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError) as error:
            raise BadMessageError(f"not an acknowledgement: {error}") from error
        if not isinstance(time_ms, int) or not isinstance(credit, int):
            raise BadMessageError("not an acknowledgement: time and credit must be integers")
        stored = {journal: ranges for journal, ranges in fields.items() if isinstance(ranges, list)}
        return cls(stored, time_ms, credit)


def to_ranges(numbers: Iterable[int]) -> Ranges:
    """Inclusive ranges that hold exactly `numbers`, ascending."""
    ranges: Ranges = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


class Birth(msgspec.Struct, frozen=True):
    """A gateway's introduction, retained. `session` = (boot, connect count): an older one never overrides a newer."""

    gateway: str
    site: Site
    sensors: tuple[Sensor, ...]
    session: tuple[int, int]
    time_ms: int
    version: str = ""


class DeviceCounters(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counters of one polled device on a port since the agent's start."""

    sensor: str
    asked: int = 0
    unanswered: int = 0
    unanswered_in_a_row: int = 0
    bad: int = 0


class PortCounters(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counters of one port or MQTT source since the agent's start. `problem` is why it is not up, "" while it is."""

    name: str
    up: bool
    frames: int
    bad: int
    readings: int
    last_ms: int | None = None
    lost: int = 0  # times it went away
    problem: str = ""
    devices: tuple[DeviceCounters, ...] = ()


class SensorCounters(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counters of one sensor since the agent's start, in readings but for `bad` (frames); `expected` None: event-driven."""

    id: str
    health: str  # ok, waiting (nothing yet, not long), silent, faulty (more bad frames than readings in the last minute)
    expected: int | None = None
    read: int = 0
    bad: int = 0
    late: int = 0
    duplicate: int = 0
    last_ms: int | None = None


class ClockState(msgspec.Struct, frozen=True):
    """A gateway's clock. `source` "": no time is trusted yet, and `undated` readings wait for it in the journal.

    `since_ms`: the first trust of this boot, on the clock as it is now; `ahead_ms`: the system clock against the trusted
    one; `steps` of the system clock and `corrections` of the trusted one since the agent's start.
    """

    source: str
    since_ms: int | None = None
    ahead_ms: int | None = None
    steps: int = 0
    corrections: int = 0
    undated: int = 0


class DiskState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The disk with a gateway's journal, in bytes; None: not known. `written_day`: what the agent writes a day at the pace since
    its start; `worn_percent`: how much of its life the flash says is used, at most."""

    free: int | None = None
    total: int | None = None
    journal: int = 0
    written_day: int | None = None
    worn_percent: int | None = None


class State(msgspec.Struct, frozen=True):
    """A gateway's heartbeat, retained; its will is the same with `online` false and no counters."""

    gateway: str
    online: bool
    session: tuple[int, int]
    time_ms: int = 0
    accepted: int = 0  # readings journalled since the agent's start
    duplicates: int = 0  # readings equal to one already journalled at the same key
    nudged: int = 0
    backlog: int = 0  # packs in the journal that are not acknowledged
    set_aside: int = 0  # packs that broke the connection three times
    ports: tuple[PortCounters, ...] = ()  # those in trouble first, a bounded number
    clock: ClockState | None = None
    sensors: tuple[SensorCounters, ...] = ()  # those in trouble, a bounded number
    version: str = ""
    config: str = ""  # hash of the configuration in use
    config_problem: str = ""  # why a newer configuration was refused
    oldest_ms: int | None = None  # when the oldest pack that waits was formed
    journal_problem: str = ""  # why the journal cannot be written now
    given_up: int = 0  # packs removed unacknowledged by the journal's full policy
    last_ack_ms: int | None = None
    disk: DiskState | None = None


class Epoch(msgspec.Struct, frozen=True):
    """Ingest's presence, retained; its will is the same with `online` false. A new `epoch` = re-send at once."""

    epoch: str
    online: bool


class Command(msgspec.Struct, frozen=True):
    """A command to a gateway. `resend` = [from_ms, to_ms): send everything observed then once more."""

    resend: tuple[int, int] | None = None


Control = TypeVar("Control", Birth, State, Epoch, Command)


def decode_message(kind: type[Control], payload: bytes) -> Control:
    """A control message from its JSON; raises BadMessageError."""
    _check_size(payload)
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessageError(f"not a {kind.__name__.lower()} message: {error}") from error


def _check_size(payload: bytes) -> None:
    if len(payload) > MAX_MESSAGE:
        raise BadMessageError(f"a message of {len(payload)} bytes is above {MAX_MESSAGE}")
