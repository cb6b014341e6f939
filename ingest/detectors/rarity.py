"""How rare a side's number is by what its series has shown: a histogram of its logarithm, and how its tail goes on. Pure.

-log10 of the share of readings that were as far out, linear inside a bin, is the evidence in decades. Past the largest ever seen
the score adds a decade a nat. Flags continue the tail as steeply as it fell (Hill's estimator on the bins), and do not trust a
record alone: they begin where a few readings lie beyond.
"""

import numpy as np

from ingest.detectors.lanes import F32, F64, I64, Lanes, Where
from ingest.detectors.residuals import DAILY, DAILY_SLOW, DAY_S, PLAIN_SLOW, SIDES, WEEKLY, Frame

BINS = 32
LEAST, WIDTH = -1.0, 0.2  # the logarithm's: of the first bin and of each ...
LEAST_FINE, WIDTH_FINE = -0.8, 0.12  # ... of sides that are means or have a short tail
FINE = {"high", "low", "level_shift", "level_24", "day_sum", "residual_shift", "residual_96", "steps"}
WARM, WARM_SLOW, WARM_96 = 20, 300, 1000  # readings before a side is asked; one that is a mean over many
DAILY_FROM, WEEKLY_FROM = 3 * DAY_S, 9 * DAY_S  # s: the age from which the profiles are asked
PRIOR = 0.5  # readings' worth of doubt
RARE = 0.03  # a side that is less rare than this says nothing
BEYOND, BEYOND_SLOW, BEYOND_RETURN = (
    0.5,
    10.0,
    3.0,
)  # so many readings beyond: there flags begin to continue the tail ...
BODY = 0.05  # ... as steeply as it fell since this share, in decades a nat at least and at most:
FLATTEST, STEEPEST = 0.5, 4.0


def _each(usual: float, **of: float) -> F32:
    return np.array([of.get(side, usual) for side in SIDES], np.float32)


_LEAST = _each(LEAST, **dict.fromkeys(FINE, LEAST_FINE))
_WIDTH = _each(WIDTH, **dict.fromkeys(FINE, WIDTH_FINE))
_BEYOND = _each(BEYOND, **{"return": BEYOND_RETURN})
_FROM, _AGE_FROM = _each(WARM), _each(0.0)
for _slow in (DAILY_SLOW, PLAIN_SLOW):
    _BEYOND[_slow], _FROM[_slow] = BEYOND_SLOW, WARM_SLOW
_FROM[SIDES.index("residual_96")] = WARM_96
_AGE_FROM[DAILY] = _AGE_FROM[DAILY_SLOW] = DAILY_FROM
_AGE_FROM[WEEKLY] = WEEKLY_FROM
_ABOVE = (np.arange(BINS)[None] > np.arange(BINS)[:, None]).astype(np.float32)


def places(frame: Frame) -> tuple[F32, I64]:
    """Where the sides' logarithms lie, in bins, and the bins."""
    place: F32 = (np.log(frame.sides + np.float32(1e-3)) - _LEAST[:, None]) / _WIDTH[:, None]
    return place, np.clip(place, 0, BINS - 1).astype(np.int64)


def asked(frame: Frame, bins: I64, cut: F32) -> I64:
    """The cells (side times lane, flat) that are rare enough to be looked at, and old enough to be believed."""
    old_enough = (frame.old["n"] > _FROM[:, None]) & (frame.new["age"] >= _AGE_FROM[:, None])
    return np.flatnonzero((bins >= cut) & old_enough)


def decades(counts: F32, total: F32, place: F32, bins: I64, side: I64) -> tuple[I64, F32, F32]:
    """The cells that are rare in their sides' histograms, and their decades: as scores take them, and as flags do."""
    rare, plain, tail = scored(counts, total, place, bins, side)
    steep = plain.copy()
    far = np.flatnonzero(tail < _BEYOND[side[rare]])
    if far.size:
        at = rare[far]
        continued = _continued(counts[at], total[at], place[at], side[at])
        steep[far] = np.maximum(plain[far], continued)
    return rare, plain, steep


def scored(counts: F32, total: F32, place: F32, bins: I64, side: I64) -> tuple[I64, F32, F64]:
    """The rare cells, their decades as scores take them, and how many readings lay beyond."""
    inside = counts[np.arange(len(bins)), bins]
    tail = np.einsum("ij,ij->i", counts, _ABOVE.take(bins, 0)) + inside * (1 - np.clip(place - bins, 0, 1))
    share = (tail + PRIOR) / (total + np.float32(2 * PRIOR))
    rare = np.flatnonzero((share < RARE) | (tail < 0.5))  # the others need no logarithm
    tail, plain = tail[rare], -np.log10(share[rare])
    past = np.flatnonzero(tail < 0.5)
    if past.size:
        at = rare[past]
        top = BINS - np.argmax(counts[at, ::-1] > 0.3, 1)
        plain[past] += np.maximum(place[at] - top, 0) * _WIDTH[side[at]]  # nats past the top bin
    kept = plain > -np.log10(RARE)
    return rare[kept], plain[kept].astype(np.float32), tail[kept]


def _continued(counts: F32, total: F32, place: F32, side: I64) -> F32:
    """The decades of `place` when the tail goes on as it fell; 0 where that has not begun."""
    width, beyond = _WIDTH[side], _BEYOND[side]
    tails = np.cumsum(counts[:, ::-1], 1)[:, ::-1]
    edge = np.maximum((tails >= beyond[:, None]).sum(1), 1)  # fewer lie above it
    many = np.maximum(np.float32(BODY) * total, 4 * beyond)
    begin = np.minimum(np.maximum((tails > many[:, None]).sum(1) - 1, 0), edge - 1)
    row = np.arange(len(tails))
    at, above = tails[row, begin], tails[row, np.minimum(edge, BINS - 1)] * (edge < BINS)
    above = np.maximum(above, np.float32(0.7))
    fall = np.log10(np.maximum(at, above) / above) / ((edge - begin) * width)
    continued = np.log10((total + 1) / (above + np.float32(0.5)))
    continued += (place - edge) * width * np.clip(fall, FLATTEST, STEEPEST)
    return np.where(place > edge, continued, 0)


def reach(lanes: Lanes, where: Where, side: int, share: float = 1e-3) -> F32:
    """How far out, in the side's own measure, only this share of readings was; infinite while too few were seen."""
    counts = lanes.tables["counts"][where, side].astype(np.float64)
    tails = np.cumsum(counts[:, ::-1], 1)[:, ::-1]
    beyond = (tails > share * tails[:, :1]).sum(1)
    far = np.exp(_LEAST[side] + _WIDTH[side] * beyond).astype(np.float32)
    return np.where(tails[:, 0] > 2 * WARM, far, np.float32(np.inf)).astype(np.float32)
