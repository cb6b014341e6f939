"""How rare a side's number is by what its series has shown: a histogram of its logarithm, and how its tail goes on. Pure.

-log10 of the share of readings that were as far out, linear inside a bin, is the evidence in decades. Past the largest ever seen
the score adds a decade a nat. Flags continue the tail as steeply as it fell (Hill's estimator on the bins), and do not trust a
record alone: they begin where a few readings lie beyond.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.lanes import F32, F64, I64, Bools, Lanes, Where
from ingest.detectors.residuals import DAILY, DAILY_SLOW, DAY_S, PLAIN_SLOW, SIDES, WEEKLY, Frame

Counts = NDArray[np.uint16]  # the last axis are bins
Bins = NDArray[np.uint8]

BINS = 32
FORGET = 16_000  # readings: then every count is halved
LEAST, WIDTH = -1.0, 0.2  # the logarithm's: of the first bin and of each ...
LEAST_FINE, WIDTH_FINE = -0.8, 0.12  # ... of sides that are means or have a short tail
FINE = {"high", "low", "level_shift", "level_24", "day_sum", "residual_shift", "residual_48", "steps"}
WARM = 20  # readings before anything is said
# ... before a side is asked: so many it has counted by then; sides that are means over many need more.
ASKED, WARM_SLOW, WARM_48 = 40, 300, 1000
DAILY_FROM, WEEKLY_FROM = 3 * DAY_S, 9 * DAY_S  # s: the age from which the profiles are asked
PRIOR = 0.5  # readings' worth of doubt
RARE = 0.03  # a side that is less rare than this says nothing
# So many readings beyond: there flags begin to continue the tail ...
BEYOND, BEYOND_SLOW, BEYOND_RETURN = 0.5, 10.0, 3.0
BODY = 0.05  # ... as steeply as it fell since this share, in decades a nat at least and at most:
FLATTEST, STEEPEST = 0.5, 4.0
ALL = np.float32(1)
FRESH = 64  # readings: so long what is too common to be looked at is not found anew
CUTS = tuple(f"cut_{side}" for side in SIDES)


def _each(usual: float, **of: float) -> F32:
    return np.array([of.get(side, usual) for side in SIDES], np.float32)


_LEAST = _each(LEAST, **dict.fromkeys(FINE, LEAST_FINE))
_WIDTH = _each(WIDTH, **dict.fromkeys(FINE, WIDTH_FINE))
_BEYOND = _each(BEYOND, **{"return": BEYOND_RETURN})
_FROM, _AGE_FROM = _each(ASKED), _each(0.0)
for _slow in (DAILY_SLOW, PLAIN_SLOW):
    _BEYOND[_slow], _FROM[_slow] = BEYOND_SLOW, WARM_SLOW
_FROM[SIDES.index("residual_48")] = WARM_48
_AGE_FROM[DAILY] = _AGE_FROM[DAILY_SLOW] = DAILY_FROM
_AGE_FROM[WEEKLY] = WEEKLY_FROM
_FIRST = np.arange(len(SIDES), dtype=np.int64) * BINS
_ABOVE = (np.arange(BINS)[None] > np.arange(BINS)[:, None]).astype(np.float32)


def places(frame: Frame) -> tuple[F32, Bins]:
    """Where the sides' logarithms lie, in bins and not below the first, and the bins: (sides, lanes)."""
    place: F32 = frame.sides + np.float32(1e-3)
    np.log(place, out=place)
    place -= _LEAST[:, None]
    place /= _WIDTH[:, None]
    np.maximum(place, 0, out=place)
    return place, np.minimum(place, BINS - 1).astype(np.uint8)


def cells(lanes: I64, bins: Bins) -> I64:
    """(lanes, sides): where these bins are in a table of counts (flat), lane by lane, for a lane's counts lie side by side."""
    found = bins.T.astype(np.int64)
    found += lanes[:, None] * (len(SIDES) * BINS)
    found += _FIRST
    return found


def asked(frame: Frame, place: F32, cut: F32) -> tuple[I64, I64, I64]:
    """What is rare enough to be looked at and old enough to be believed: side times lane (flat), side, and column."""
    hot = np.flatnonzero(place >= cut)
    side = hot // len(frame)
    column = hot - side * len(frame)
    old_enough = (frame.old["n"][column] > _FROM[side]) & (frame.new["age"][column] >= _AGE_FROM[side])
    return hot[old_enough], side[old_enough], column[old_enough]


def cuts(counts: Counts, doubted: Counts, learned: F32, suspect: F32) -> F32:
    """(sides, lanes): below these places nothing is rare before FRESH more are counted, with or without the doubted."""
    learned, total = (np.repeat(one, len(SIDES)) for one in (learned, learned + suspect))
    trusted = both = _tails(counts)
    if suspect.any():
        both = trusted + _tails(doubted)
    common = np.maximum(_many(both > np.float32(1.3 * RARE) * total) - 1, 0)
    surely = _place(trusted, learned + FRESH)
    if both is not trusted:
        surely = np.minimum(surely, _place(both, total + FRESH))
    surely[total + FRESH > FORGET] = 0  # halved counts are rounded down
    return np.maximum(common, surely).reshape(-1, len(SIDES)).T


def _tails(counts: Counts) -> F32:
    """How many lie in each bin or above, bins first: ten times sooner added up than along rows."""
    tails = np.array(counts.reshape(-1, BINS).T, np.float32, order="C")
    for number in range(BINS - 2, -1, -1):
        tails[number] += tails[number + 1]
    return tails


def _many(reached: Bools) -> I64:
    """How many of a cell's bins, which lie along the first axis."""
    many: Bins = np.add.reduce(reached.view(np.uint8), 0, dtype=np.uint8)
    return many.astype(np.int64)


def _place(tails: F32, total: F32) -> F32:
    """The last place that, of `total` readings, is not rare for `scored`."""
    many = np.maximum(
        np.float32(RARE) * (total + 2 * np.float32(PRIOR)) - np.float32(PRIOR), np.float32(0.5)
    ) + np.float32(0.1)
    bins = _many(tails > many)
    cell = np.arange(tails.shape[1])
    last = np.maximum(bins - 1, 0)
    above = np.where(bins < BINS, tails[np.minimum(bins, BINS - 1), cell], 0)
    inside = tails[last, cell]
    return np.where(bins > 0, last + (inside - many) / np.maximum(inside - above, 1), 0).astype(np.float32)


@dataclass(slots=True)
class Seen:
    """What cells' histograms say of one place in each: how many lay above its bin, and how many in it."""

    counts: Counts  # (cells, bins)
    place: F32
    bins: I64
    side: I64
    part: F32  # of the place's bin that lies beyond it
    above: F32
    inside: F32

    @classmethod
    def of(cls, counts: Counts, place: F32, bins: I64, side: I64) -> "Seen":
        """`bins` are those in which the places lie."""
        part = 1 - np.minimum(place - bins, 1)
        return cls(counts, place, bins, side, part, *_above(counts, bins))

    def others(self, counts: Counts) -> "Seen":
        """The same places in other histograms."""
        return Seen(counts, self.place, self.bins, self.side, self.part, *_above(counts, self.bins))


def _above(counts: Counts, bins: I64) -> tuple[F32, F32]:
    above: F32 = np.einsum("ij,ij->i", counts.astype(np.float32), _ABOVE.take(bins, 0))
    return above, counts.reshape(-1).take(np.arange(len(bins)) * BINS + bins).astype(np.float32)


def decades(seen: Seen, total: F32) -> tuple[I64, F32, F32]:
    """The cells that are rare in their sides' histograms, and their decades: as scores take them, and as flags do."""
    rare, plain, tail = scored(seen, total)
    steep = plain.copy()
    far = np.flatnonzero(tail < _BEYOND[seen.side[rare]])
    if far.size:
        at = rare[far]
        continued = _continued(seen.counts[at], total[at], seen.place[at], seen.side[at])
        steep[far] = np.maximum(plain[far], continued)
    return rare, plain, steep


def scored(seen: Seen, total: F32, more: Seen | None = None, share: np.float32 = ALL) -> tuple[I64, F32, F64]:
    """The rare cells, their decades as scores take them, and how many readings lay beyond.

    Beside those `seen`, a `share` of `more` counts."""
    above, inside = seen.above, seen.inside
    if more:
        above, inside = above + share * more.above, inside + share * more.inside
    tail = above + inside * seen.part
    chance = (tail + PRIOR) / (total + np.float32(2 * PRIOR))
    rare = np.flatnonzero((chance < RARE) | (tail < 0.5))  # the others need no logarithm
    tail, plain = tail[rare], -np.log10(chance[rare])
    past = np.flatnonzero(tail < 0.5)
    if past.size:
        at = rare[past]
        counts = seen.counts[at] + share * more.counts[at] if more else seen.counts[at]
        top = BINS - np.argmax(counts[:, ::-1] > 0.3, 1)
        plain[past] += np.maximum(seen.place[at] - top, 0) * _WIDTH[seen.side[at]]  # nats past the top bin
    kept = plain > -np.log10(RARE)
    return rare[kept], plain[kept].astype(np.float32), tail[kept]


def _continued(counts: Counts, total: F32, place: F32, side: I64) -> F32:
    """The decades of `place` when the tail goes on as it fell; 0 where that has not begun."""
    width, beyond = _WIDTH[side], _BEYOND[side]
    tails = _tails(counts)
    edge = np.maximum(_many(tails >= beyond), 1)  # fewer lie above it
    many = np.maximum(np.float32(BODY) * total, 4 * beyond)
    begin = np.minimum(np.maximum(_many(tails > many) - 1, 0), edge - 1)
    cell = np.arange(len(counts))
    at, above = tails[begin, cell], tails[np.minimum(edge, BINS - 1), cell] * (edge < BINS)
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
