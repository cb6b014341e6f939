"""Which packs go out now: credit, two lanes, re-send and strikes. Pure: times come in, decisions go out.

The broker is a wire: nothing counts as delivered until ingest's own acknowledgement names the pack. So at most `credit`
packs are outstanding; one that is not acknowledged is sent again after 10 s, doubling to 5 min with jitter, and at once
on every new connection and every new epoch of ingest. Sending twice is harmless: a reading's identity makes it so.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import NamedTuple

from telemetry.messages import DEFAULT_CREDIT, Ack, Epoch

Key = tuple[str, int]  # (journal, seq) of a pack of this gateway

RESEND_FIRST_S = 10.0
RESEND_LAST_S = 300.0
LIVE_WINDOW_MS = 300_000  # the newest five minutes go first
BACKLOG_RATE = 50.0  # packs a second at most, so that a long outage does not flood the hub
SILENT_CREDIT_S = (
    30.0  # "credit 0" and "ingest offline" hold so long without being repeated, then one pack probes
)
MAX_STRIKES = 3
ASIDE_FIRST_S = 60.0  # a pack set aside is tried again after so long, ...
ASIDE_LAST_S = 3600.0  # ... doubling up to this: its breaks may have been somebody else's
MAX_CREDIT = 1024


class Lane(Enum):
    """Live packs were formed in the newest five minutes; the rest is backlog."""

    LIVE = "live"
    BACKLOG = "backlog"


class Plan(NamedTuple):
    """What may be sent now: these packs again, and at most so many new ones of each lane."""

    resend: tuple[Key, ...]
    live: int
    backlog: int


@dataclass(slots=True)
class _Outstanding:
    lane: Lane
    due: float
    attempts: int = 1


class _Aside(NamedTuple):
    until: float
    wait: float


class Delivery:
    """The sending side of one gateway. `now` is a monotonic clock in seconds."""

    def __init__(
        self, rng: Random, *, credit: int = DEFAULT_CREDIT, backlog_rate: float = BACKLOG_RATE
    ) -> None:
        self._rng = rng
        self._credit = credit
        self._closed_until: float | None = None
        self._epoch: str | None = None
        self._connected = False
        self._outstanding: dict[Key, _Outstanding] = {}
        self._in_flight: set[Key] = set()
        self._strikes: dict[Key, int] = {}
        self._backlog_rate = backlog_rate
        self._tokens, self._tokens_at = 0.0, 0.0
        self._aside: dict[Key, _Aside] = {}
        self._waits: dict[Key, float] = {}  # of packs that were set aside and are on their way once more

    @property
    def known(self) -> Collection[Key]:
        """Packs that are no candidates for a first sending: outstanding or set aside."""
        return self._outstanding.keys() | self._aside.keys()

    @property
    def set_aside(self) -> Collection[Key]:
        """Packs that broke the connection three times, or that the journal could not give; `recall` tries them again."""
        return self._aside.keys()

    @property
    def outstanding(self) -> int:
        """How many packs are sent and not acknowledged."""
        return len(self._outstanding)

    def connected(self, now: float) -> None:
        """A new connection: whatever was outstanding may be lost, and so may its acknowledgement."""
        self._connected = True
        self._all_due(now)

    def disconnected(self, now: float) -> tuple[Key, ...]:
        """The connection broke: packs on the wire get a strike; returns those that are now set aside."""
        self._connected = False
        fallen = []
        for key in self._in_flight:
            self._strikes[key] = self._strikes.get(key, 0) + 1
            if self._strikes[key] >= MAX_STRIKES:
                self._put_aside(key, now)
                fallen.append(key)
        self._in_flight.clear()
        return tuple(fallen)

    def heard_epoch(self, epoch: Epoch, now: float) -> bool:
        """Ingest spoke of itself; True when it is a new one, which must hear our birth and our packs again."""
        if not epoch.online:
            self._closed_until = now + SILENT_CREDIT_S
            return False
        returned = self._closed_until is not None
        self._closed_until = None
        new = epoch.epoch != self._epoch
        self._epoch = epoch.epoch
        if new or returned:
            self._credit = max(self._credit, 1)
            self._all_due(now)
        return new

    def heard_ack(self, ack: Ack, now: float) -> None:
        """Forget what is stored; take the credit."""
        for key in [*self._outstanding, *self._aside]:
            if any(low <= key[1] <= high for low, high in ack.stored.get(key[0], ())):
                self._outstanding.pop(key, None)
                self._aside.pop(key, None)
                self._strikes.pop(key, None)
                self._waits.pop(key, None)
        if ack.credit > 0:
            self._credit = min(ack.credit, MAX_CREDIT)
            if self._closed_until is not None:
                self._closed_until = None
                self._all_due(now)
        else:
            self._closed_until = now + SILENT_CREDIT_S

    def recall(self, now: float) -> tuple[Key, ...]:
        """Packs set aside long enough ago and outstanding again, as suspects that one more break sets aside for longer."""
        room = max(0, self._credit - len(self._outstanding)) if self._connected else 0
        back = tuple(key for key, aside in self._aside.items() if aside.until <= now)[:room]
        for key in back:
            self._waits[key] = self._aside.pop(key).wait
            self._strikes[key] = MAX_STRIKES - 1
            self._outstanding[key] = _Outstanding(Lane.BACKLOG, now)
        return back

    def plan(self, now: float) -> Plan:
        """What may go now; the caller sends it and reports with `sent`."""
        nothing = Plan((), 0, 0)
        if not self._connected:
            return nothing
        if self._closed_until is not None and now < self._closed_until:
            return nothing
        credit = 1 if self._closed_until is not None else self._credit
        due = sorted(
            (o.due, key)
            for key, o in self._outstanding.items()
            if o.due <= now and key not in self._in_flight
        )
        suspects = [key for _, key in due if key in self._strikes]
        if suspects:  # alone on the wire, so that a strike hits the culprit
            return nothing if self._in_flight else Plan((suspects[0],), 0, 0)
        resend = tuple(key for _, key in due[:credit])
        free = max(0, credit - len(self._outstanding))
        in_backlog = sum(o.lane is Lane.BACKLOG for o in self._outstanding.values())
        backlog = min(free, max(0, (credit + 1) // 2 - in_backlog), self._refill(now))
        return Plan(resend, free, backlog)

    def sent(self, keys: Iterable[Key], lane: Lane, now: float) -> None:
        """These packs of `lane` are on the wire (again, where they already were outstanding)."""
        for key in keys:
            known = self._outstanding.get(key)
            if known is None:
                self._outstanding[key] = known = _Outstanding(lane, 0.0)
                if lane is Lane.BACKLOG:
                    self._tokens -= 1
            else:
                known.attempts += 1
            wait = min(RESEND_LAST_S, RESEND_FIRST_S * 2 ** (known.attempts - 1))
            known.due = now + wait * self._rng.uniform(0.8, 1.2)
            self._in_flight.add(key)

    def arrived(self, key: Key) -> None:
        """The broker has taken it: it did not break the connection."""
        self._in_flight.discard(key)
        self._strikes.pop(key, None)

    def forget(self, key: Key, now: float) -> None:
        """The journal cannot give this pack (damaged, pruned, unreadable for a while): it cannot be sent now."""
        self._in_flight.discard(key)
        self._put_aside(key, now)

    def wake_in(self, now: float) -> float:
        """Seconds until `plan` may say something new by itself; acknowledgements and commits come sooner."""
        times = [o.due for o in self._outstanding.values()] + [aside.until for aside in self._aside.values()]
        if self._closed_until is not None:
            times = [max(self._closed_until, now)]
        return max(0.02, min(times, default=now + RESEND_FIRST_S) - now)

    def _put_aside(self, key: Key, now: float) -> None:
        self._outstanding.pop(key, None)
        self._strikes.pop(key, None)
        wait = min(ASIDE_LAST_S, self._waits.pop(key, ASIDE_FIRST_S / 2) * 2)
        self._aside[key] = _Aside(now + wait, wait)

    def _all_due(self, now: float) -> None:
        for outstanding in self._outstanding.values():
            outstanding.due = now
            outstanding.attempts = 1

    def _refill(self, now: float) -> int:
        self._tokens = min(self._backlog_rate, self._tokens + (now - self._tokens_at) * self._backlog_rate)
        self._tokens_at = now
        return int(self._tokens)
