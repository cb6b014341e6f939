"""What detectors say, and when an episode opens and closes. Pure."""

from typing import NamedTuple


class Finding(NamedTuple):
    """How far a reading is from what is usual: a `score` of 1 is the threshold.

    `value`, `expected` and the band `low`..`high` are in the quantity's unit (a counter's: per minute). `since_ms` is when
    what was found began, `readings` how many it is made of, `usual` how many that are at most when all is well (0: unknown).
    `by_hour`: what is expected is what is usual at this hour of this weekday. `agree` other sensors of the site measure the same
    and see it too, `against` do not. Where a rhythm is missing the series has stayed at `before` since `before_ms`.
    """

    score: float
    value: float
    since_ms: int
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    readings: int = 1
    usual: int = 0
    by_hour: bool = False
    agree: int = 0
    against: int = 0
    before: float | None = None
    before_ms: int = 0


class Rule(NamedTuple):
    """Hysteresis: open at one score of `strong`, or at `hits` scores of 1 among the last `of`; close after `calm` readings
    below `release`."""

    strong: float
    hits: int
    of: int
    release: float
    calm: int
