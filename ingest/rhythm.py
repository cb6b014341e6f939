"""The rise or fall that is usual by now and does not come: a morning without its rush, lights that stay off. Pure.

While a series lies where it usually does, its level is kept (a mean over a quarter of an hour). When what is usual then moves
away from that level, far against its band, and the series stays there all the while, its rhythm is missing. A series that moved
by itself, even if it came back, is no such case: what it is told under is for others to say.
"""

from typing import NamedTuple

import numpy as np

from ingest.detectors.lanes import F32, F64, I64, Bools, Lanes
from ingest.lean import MIDDLE, MINUTES_S
from ingest.profile import Band
from telemetry.times import HOUR_MS

AMPLITUDE = 1.0  # half widths of the band by which what is usual must have moved
MOVING = 0.7  # half widths: from here on it may become one
STAYS = 0.35  # of that move: a series that went less far has stayed
OLDEST_MS = 6 * HOUR_MS  # a level of longer ago says nothing of this part of the day
LOOKS = 3  # in a row
TABLES = {
    "now": ((), np.float64),  # its mean over a quarter of an hour ...
    "level": ((), np.float64),  # ... and while it lay where it usually does
    "at": ((), np.int64),  # when it last lay there; 0: not yet
    "went": ((), np.float64),  # how far it has been from that level since then
    "missed": ((), np.uint8),  # looks in a row at which it stayed, at most `LOOKS`
    "waiting": ((), np.uint8),  # it stayed, and what is usual has not moved far enough
}


class Missing(NamedTuple):
    """The level at which a series has stayed, and since when."""

    level: float
    since_ms: int


class Rhythm:
    """Lanes are numbered as the survey's."""

    def __init__(self) -> None:
        self.lanes = Lanes((), TABLES)

    def look(self, lanes: I64, dt_s: F32, at_ms: I64, values: F64, usual: Band, lean: F32) -> None:
        """A look each of these lanes; `lean` is how far it leans away from what is usual (`ingest.lean`), `dt_s` the time since
        its last look."""
        tables = self.lanes.tables
        level, at = tables["level"][lanes], tables["at"][lanes]
        half, moved = usual.high - usual.expected, usual.expected - level
        rate = np.where(at > 0, 1 - np.exp(-dt_s.astype(np.float64) / MINUTES_S), 1.0)
        now = tables["now"][lanes] + rate * (values - tables["now"][lanes])
        tables["now"][lanes] = now
        known = ~np.isnan(half) & (at > 0) & (at_ms - at <= OLDEST_MS)
        went = np.maximum(tables["went"][lanes], np.abs(now - level))
        stays = known & (went <= STAYS * np.abs(moved))
        far: Bools = stays & (np.abs(moved) >= AMPLITUDE * half)
        missed = np.where(far, np.minimum(tables["missed"][lanes], LOOKS - 1) + 1, 0)
        tables["missed"][lanes] = missed
        tables["waiting"][lanes] = stays & (np.abs(moved) >= MOVING * half)
        usually = ~np.isnan(half) & (np.abs(lean) < MIDDLE) & (np.abs(values - usual.expected) <= half)
        tables["level"][lanes] = np.where(usually, now, level)
        tables["at"][lanes] = np.where(usually, at_ms, at)
        tables["went"][lanes] = np.where(usually, 0, went)

    def missing(self, lane: int) -> Missing | None:
        """What one lane stays at while its rhythm does not come; None while it does."""
        tables = self.lanes.tables
        if tables["missed"][lane] < LOOKS:
            return None
        return Missing(float(tables["level"][lane]), int(tables["at"][lane]))

    def may_be_missing(self, lane: int) -> bool:
        """Whether the next looks will show it."""
        return bool(self.lanes.tables["waiting"][lane])
