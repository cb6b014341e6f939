"""The gateway's time: which source is believed, and what the instant of a reading is. Pure.

Instants are taken on the boot's own time scale (CLOCK_BOOTTIME, which nothing steps). A trusted clock is one number: how
far Unix time is ahead of it, the offset. Until a source is trusted an instant is `UNDATED_MS + uptime`, far below zero, so
that it can never be taken for a date; the first trust dates it. A step of the system clock moves no offset by itself: the
new time is believed when a source of the ladder has vouched for it for `settle_ms`.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

# Uptime 0 of a boot that is not dated; also with relative times it stays below zero.
UNDATED_MS = -50_000_000_000_000
FLOOR_MS = (
    1_735_689_600_000  # 2025-01-01: a clock that says less has not been set, a receiver is 1024 weeks behind
)
CEILING_MS = 4_102_444_800_000  # 2100-01-01
EXACT_MS = 100  # the system clock against the boot's: more than the reading of the two can be apart
STALE_MS = 600_000  # a source that says nothing for so long lets the lower ones speak
SAMPLES = 12


class Rung(StrEnum):
    """A source of time."""

    GNSS = "gnss"  # a valid sentence of the gateway's own receiver
    NTP = "ntp"  # the kernel says that its clock is synchronised
    HUB = "hub"  # the time in every acknowledgement
    SYSTEM = "system"  # the system clock, whatever it says


LADDER = (Rung.GNSS, Rung.NTP, Rung.HUB)
EXACT = (Rung.NTP, Rung.SYSTEM)  # read without a delay; the others can only be late, never early
NEEDED = {Rung.GNSS: 3, Rung.HUB: 2}  # samples that agree; the others say it once
APART_MS = 1_000  # the first and the last of those samples, at least: two late ones may come together


class Kind(StrEnum):
    """What happened to the clock."""

    TRUSTED = "trusted"  # the first trust of this boot, or a better source
    CORRECTED = "corrected"  # the trusted source has said otherwise for long enough
    STEPPED = "stepped"  # the system clock jumped; readings did not
    REFUSED = "refused"  # a source tells a time that cannot be


class ClockEvent(NamedTuple):
    """Something to record. `offset_ms`: Unix time ahead of the boot's; `change_ms`: by how much it moved."""

    kind: Kind
    source: Rung
    uptime_ms: int
    offset_ms: int
    change_ms: int


def is_dated(at_ms: int) -> bool:
    """Is this an instant in Unix ms, and not one on a boot's own scale?"""
    return at_ms >= 0


def uptime_of(at_ms: int) -> int:
    """Ms since boot of an undated instant."""
    return at_ms - UNDATED_MS


class Witness:
    """What one source said lately, as offsets that agree with each other."""

    def __init__(self, rung: Rung, tolerance_ms: int) -> None:
        self._needed = NEEDED.get(rung, 1)
        self._apart_ms = APART_MS if rung in NEEDED else 0
        self.exact = rung in EXACT
        self.tolerance_ms = EXACT_MS if self.exact else tolerance_ms
        self._samples: list[int] = []
        self._first_ms = 0
        self.heard_ms: int | None = None

    def hear(self, offset_ms: int, uptime_ms: int) -> None:
        """One more sample; one that contradicts the others begins anew."""
        if self._samples and abs(offset_ms - self.offset_ms) > self.tolerance_ms:
            self._samples = []
        if not self._samples:
            self._first_ms = uptime_ms
        self._samples = [*self._samples, offset_ms][-SAMPLES:]
        self.heard_ms = uptime_ms

    @property
    def offset_ms(self) -> int:
        """What it says: the newest where it is exact, else the largest, which was the least delayed."""
        return self._samples[-1] if self.exact else max(self._samples)

    @property
    def convincing(self) -> bool:
        """Has it said the same often enough?"""
        return len(self._samples) >= self._needed and self.lasting(self._apart_ms)

    def lasting(self, for_ms: int) -> bool:
        """Has it said the same for so long?"""
        return self.heard_ms is not None and self.heard_ms - self._first_ms >= for_ms


class Clock:
    """`ladder`: the sources believed, best first. `tolerance_ms`: so far a source may be from the clock before it corrects
    it (EXACT_MS for the exact ones); `settle_ms`: and for so long. All `uptime_ms` are of one boot."""

    def __init__(
        self, ladder: Sequence[Rung] = LADDER, *, tolerance_ms: int = 500, settle_ms: int = 30_000
    ) -> None:
        self._ladder = tuple(ladder)
        self._witnesses = {rung: Witness(rung, tolerance_ms) for rung in self._ladder}
        self._settle_ms = settle_ms
        self._refused: set[Rung] = set()
        self._system_ms: int | None = None
        self.offset_ms: int | None = None
        self.source: Rung | None = None
        self.since_ms: int | None = None  # Unix ms of the first trust, on the clock as it is now
        self.steps = 0
        self.corrections = 0

    def now(self, uptime_ms: int) -> int:
        """Unix ms, or an undated instant while nothing is trusted."""
        return uptime_ms + (UNDATED_MS if self.offset_ms is None else self.offset_ms)

    def date(self, at_ms: int) -> int:
        """The instant in Unix ms when that can be known now; one that is dated stays what it is."""
        if is_dated(at_ms) or self.offset_ms is None:
            return at_ms
        return uptime_of(at_ms) + self.offset_ms

    @property
    def ahead_ms(self) -> int | None:
        """How far the system clock is ahead of the trusted one; None while one of them is unknown."""
        if self.offset_ms is None or self._system_ms is None:
            return None
        return self._system_ms - self.offset_ms

    def resume(self, source: Rung, offset_ms: int, uptime_ms: int) -> bool:
        """Go on with the trust of an earlier life of the agent in this boot; False when that source is not believed now."""
        if source not in self._ladder or source is Rung.SYSTEM or not _possible(offset_ms + uptime_ms):
            return False
        self.source, self.offset_ms = source, offset_ms
        self.since_ms = self.now(uptime_ms)
        self._witnesses[source].heard_ms = uptime_ms
        return True

    def hear_system(self, offset_ms: int, uptime_ms: int, *, synchronised: bool) -> list[ClockEvent]:
        """The system clock was read, at least once a second; `synchronised`: the kernel says so of it."""
        events = []
        known, self._system_ms = self._system_ms, offset_ms
        if known is not None and abs(offset_ms - known) > EXACT_MS:
            self.steps += 1
            events.append(ClockEvent(Kind.STEPPED, Rung.SYSTEM, uptime_ms, offset_ms, offset_ms - known))
        if synchronised:
            events += self.hear(Rung.NTP, offset_ms, uptime_ms)
        return events + self.hear(Rung.SYSTEM, offset_ms, uptime_ms)

    def hear(self, rung: Rung, offset_ms: int, uptime_ms: int) -> list[ClockEvent]:
        """A source tells the time; what came of it."""
        if rung not in self._witnesses:
            return []
        if not _possible(offset_ms + uptime_ms):
            if rung in self._refused:
                return []
            self._refused.add(rung)
            return [ClockEvent(Kind.REFUSED, rung, uptime_ms, offset_ms, 0)]
        self._refused.discard(rung)
        witness = self._witnesses[rung]
        witness.hear(offset_ms, uptime_ms)
        kind = self._verdict(rung, witness, uptime_ms)
        return [] if kind is None else [self._move(kind, rung, witness.offset_ms, uptime_ms)]

    def _verdict(self, rung: Rung, witness: Witness, uptime_ms: int) -> Kind | None:
        if not witness.convincing:
            return None
        if self.offset_ms is None or self.source is None:
            return Kind.TRUSTED
        away = abs(witness.offset_ms - self.offset_ms) > witness.tolerance_ms
        settled = witness.lasting(self._settle_ms)
        if rung is self.source:
            return Kind.CORRECTED if away and settled else None
        if self._ladder.index(rung) < self._ladder.index(self.source):
            return Kind.TRUSTED if settled or not away else None
        heard_ms = self._witnesses[self.source].heard_ms
        stale = heard_ms is None or uptime_ms - heard_ms > STALE_MS
        return Kind.TRUSTED if stale and away and settled else None

    def _move(self, kind: Kind, rung: Rung, offset_ms: int, uptime_ms: int) -> ClockEvent:
        change = 0 if self.offset_ms is None else offset_ms - self.offset_ms
        first = self.since_ms is None
        self.corrections += kind is Kind.CORRECTED
        self.source, self.offset_ms = rung, offset_ms
        self.since_ms = self.now(uptime_ms) if first else (self.since_ms or 0) + change
        return ClockEvent(kind, rung, uptime_ms, offset_ms, change)


def _possible(unix_ms: int) -> bool:
    return FLOOR_MS <= unix_ms < CEILING_MS


class Bracket(NamedTuple):
    """The earliest and the latest Unix ms that some undated readings can have."""

    earliest_ms: int
    latest_ms: int


def bracket(
    after_ms: int | None, first_ms: int, last_ms: int, longest_ms: int, boot_start_ms: int
) -> Bracket:
    """When readings were taken at uptimes `first_ms` to `last_ms` of an earlier boot, known to have lasted `longest_ms`.

    That boot began after `after_ms`, the last trusted time before it (None: not known), and was over when this one began.
    """
    latest = boot_start_ms - (longest_ms - last_ms)
    known = FLOOR_MS if after_ms is None or after_ms + first_ms > latest else after_ms
    return Bracket(min(known + first_ms, latest), latest)
