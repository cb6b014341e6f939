"""From sides to two calibrated numbers in decades: the score, and what flags go by.

The score joins the sides' evidence by a p-norm; a new record of the range and rare readings shortly before add to it. Flags take
the surest of three groups of sides: sudden ones, long means, roughness.

Two heads look at the same histograms. The one learns everything; the other leaves out what was suspect, so that a fault that
comes again is as strange as the first time. What lasts longer than ACCEPT readings is taken as the new normal by both.
"""

import numpy as np
from numpy.typing import NDArray

from ingest.detectors import rarity
from ingest.detectors.lanes import F32, I64, Bools, Lanes
from ingest.detectors.rarity import BINS, CUTS, FORGET, FRESH
from ingest.detectors.residuals import SETTLED, SIDES, Frame

NORM = 3.5  # `_powers` is written for it
RECORD, RECORD_SHARE = 2.0, 0.005  # weight of a record; which share of the range doubles its measure
STREAK, STREAK_FROM, STREAK_READINGS = 0.7, 2.0, 20.0
# A long history can show rarer things: the number is to mean the same.
LENGTH, LENGTH_READINGS = 1.0, (300.0, 8000.0)
SUSPECT, SUSPECT_FROM = 5.5, 200
ACCEPT = 300  # readings; a bank may be told another number
AT_ONCE = 256  # lanes whose cuts are found together: what that makes fits a processor's cache
PEAK, PEAK_SHARE, PEAK_BLOCK, PEAK_BLOCKS = 1.06, 0.05, 10, 12
TOLD_FROM = 1.0  # decades: less is no peak
SHARE = 0.05  # of the suspect counts a third head counts; the score is the learning head's ...
CAREFUL = 1.0  # ... or that one's, where it is surer by so many decades
GROWTH = 0.2  # of the range: so much of a suspect record is taken in at a time
PACE = 0.1  # of the usual rate: so slowly a suspect reading moves levels, scales and profiles
GUARDED = (
    "level",
    "level_scale",
    "step_scale",
    "step16_scale",
    "day_scale",
    "day_sum_scale",
    "week_scale",
    "mean500",
    "shift_scale",
    "log_steps",
    "log_steps_scale",
    "better_scale",
    "better_mean8_scale",
    "better_cxy",
    "better_cxx",
)
ROWS = (
    *[
        "learned",
        "suspect",
        "streak",
        "streak_half",
        "streak_safe",
        "streak_whole",
        "held",
        "safe_high",
        "safe_low",
        "block",
    ],
    *CUTS,
)
TABLES = {
    "counts": ((len(SIDES), BINS), np.uint16),
    "doubted": ((len(SIDES), BINS), np.uint16),
    "peaks": ((PEAK_BLOCKS,), np.float32),
}
GROUPS: dict[
    tuple[str, ...], float
] = {  # sides that flags join, and the decades that open one: as often each
    ("step", "return", "day_high", "day_low", "high", "low"): 4.9,
    ("level_24", "level_shift", "day_sum", "residual_48"): 6.7,
    ("rougher", "steps"): 5.95,
}
OPEN = 4.9  # groups are brought to this
EARLY, EARLY_READINGS = 3.0, 1000  # decades more a flag takes at first, falling to 0 at so many readings
UNSCORED = {"return", "level_24", "residual_48", "steps"}
_SCORED = np.array([side not in UNSCORED for side in SIDES], np.float32)
_GROUP = np.full(len(SIDES), len(GROUPS), np.int64)
for _number, _sides in enumerate(GROUPS):
    _GROUP[[SIDES.index(side) for side in _sides]] = _number
_LIFT = OPEN - np.array(list(GROUPS.values()), np.float32)
_AGE = (np.arange(PEAK_BLOCKS)[:, None] - np.arange(PEAK_BLOCKS)) % PEAK_BLOCKS
# by the block that is written and how many count: 1 where a block counts
_RECENT = (_AGE[:, None] <= np.arange(PEAK_BLOCKS + 1)[:, None]).astype(np.float32)


def weigh(frame: Frame, lanes: Lanes) -> None:
    """Fill `found`: `score` (of new peaks only), `strange` (the learning head), `strange_safe` (the protecting one)."""
    n = frame.old["n"]
    place, bins = rarity.places(frame)
    hot, side, column = rarity.asked(frame, place, lanes.block(CUTS[0], CUTS[-1])[:, frame.where])
    joined = half = whole = every = grouped = np.zeros(len(frame), np.float32)
    frame.found["sides"] = np.zeros(frame.sides.shape, np.float32)
    if hot.size:
        joined, half, whole, every, grouped = _joined(
            frame, lanes, place.reshape(-1)[hot], bins.reshape(-1)[hot].astype(np.int64), side, column
        )
    records, records_safe = _records(frame)
    correction = np.float32(LENGTH) * np.log10(np.clip(n, *LENGTH_READINGS) / np.float32(1000))
    strange, strange_half = joined + records, half + records_safe
    strange = _in_all(frame, "streak", strange, correction)
    strange_half = _in_all(frame, "streak_half", strange_half, correction)
    frame.found["suspect"] = _in_all(frame, "streak_safe", every, correction)
    frame.found["whole"] = _in_all(frame, "streak_whole", whole + records_safe, correction)
    early = np.float32(EARLY) * np.maximum(1 - n / np.float32(EARLY_READINGS), 0)
    frame.found["strange"] = strange
    frame.found["strange_safe"] = np.maximum(grouped - correction - early, 0) * frame.warm
    frame.found["bins"] = bins
    both = np.maximum(strange, strange_half - np.float32(CAREFUL)) * frame.warm
    _peaks(frame, lanes, both)


def _in_all(frame: Frame, row: str, strange: F32, correction: F32) -> F32:
    """With what the rare readings shortly before add, for the length of the history."""
    fade = np.float32(1 - 1 / STREAK_READINGS)
    streak = frame.old[row] * fade + np.maximum(strange - np.float32(STREAK_FROM), 0)
    frame.new[row] = streak
    together = strange + np.float32(STREAK) * np.sqrt(streak)
    return np.maximum(together - correction, 0) * (together > 0)


def _joined(
    frame: Frame, lanes: Lanes, place: F32, bins: I64, side: I64, column: I64
) -> tuple[F32, F32, F32, F32, F32]:
    """Per lane: of the learning head, the one between and the protecting one; and this one's surest group."""
    size = len(frame)
    rows = frame.lanes[column] * len(SIDES) + side
    trusted = rarity.Seen.of(lanes.tables["counts"].reshape(-1, BINS).take(rows, 0), place, bins, side)
    learned, suspect = frame.old["learned"], frame.old["suspect"]
    rare, plain, steep = rarity.decades(trusted, learned[column])
    at = side[rare], column[rare]
    frame.found["sides"][at] = steep
    sums = np.bincount(_GROUP[at[0]] * size + at[1], _powers(steep), (len(GROUPS) + 1) * size)
    sums = sums.reshape(-1, size).astype(np.float32)
    total = sums.sum(0)
    every, grouped = _root(total), (_root(sums[:-1]) + _LIFT[:, None]).max(0) * (total > 0)
    joined = _join(plain, *at, size)
    mixed = (suspect > 0) & (total > 0)
    if not mixed.any():
        return joined, joined, joined, every, grouped
    doubted = trusted.others(lanes.tables["doubted"].reshape(-1, BINS).take(rows, 0))
    known, unsure = learned[column], suspect[column]

    def head(share: np.float32) -> F32:
        rare, plain, _ = rarity.scored(trusted, known + share * unsure, doubted, share)
        return np.where(mixed, _join(plain, side[rare], column[rare], size), joined)

    return head(rarity.ALL), head(np.float32(SHARE)), joined, every, grouped


def _join(decades: F32, side: I64, column: I64, size: int) -> F32:
    return _root(np.bincount(column, _SCORED[side] * _powers(decades), size))


def _powers(decades: F32) -> F32:
    """To the power of NORM: a product is ten times faster than a power."""
    powers: F32 = decades * decades * decades * np.sqrt(decades)
    return powers


def _root(sums: F32) -> F32:
    root: F32 = np.zeros(sums.shape, np.float32)
    flat = sums.reshape(-1)
    at = np.flatnonzero(flat > 0)  # few are
    root.reshape(-1)[at] = flat[at].astype(np.float32) ** np.float32(1 / NORM)
    return root


def _records(frame: Frame) -> tuple[F32, F32]:
    old, v = frame.old, frame.v

    def record(high: F32, low: F32) -> F32:
        over = np.maximum(np.maximum(v - high, low - v), 0)
        share = over / ((high - low + frame.floor) * np.float32(RECORD_SHARE))
        decades: F32 = np.float32(RECORD) * np.log10(1 + share) * (old["n"] > 0)
        return decades

    return record(old["high"], old["low"]), record(old["safe_high"], old["safe_low"])


def _peaks(frame: Frame, lanes: Lanes, strange: F32) -> None:
    """An alert is told at its peak: the score is 0 unless it tops the last twentieth of the history, at most 120 readings."""
    n, block = frame.old["n"], frame.old["block"]
    fresh = _remainder(n, PEAK_BLOCK) == 0
    following = np.where(block == PEAK_BLOCKS - 1, np.float32(0), block + np.float32(1))
    frame.new["block"] = block = np.where(fresh, following, block)
    frame.found["fresh"] = fresh
    told = np.zeros(len(frame), np.float32)
    frame.found["seen"] = seen = np.flatnonzero(strange > TOLD_FROM)
    if seen.size:
        at, high = block[seen].astype(np.int64), strange[seen]
        peaks = lanes.tables["peaks"].take(frame.lanes[seen], 0)
        (begun,) = np.nonzero(fresh[seen])
        peaks[begun, at[begun]] = 0
        blocks = np.clip(PEAK_SHARE * n[seen] / PEAK_BLOCK, 1, PEAK_BLOCKS).astype(np.int64)
        peaks *= _RECENT.reshape(-1, PEAK_BLOCKS).take(at * (PEAK_BLOCKS + 1) + blocks, 0)
        highest = np.ascontiguousarray(peaks.T).max(0)  # ten times sooner than along rows of twelve
        told[seen] = np.where(high > np.float32(PEAK) * highest, high, 0)
    frame.found["score"] = (1 - 1 / (1 + told)).astype(np.float32)
    frame.found["told"] = told
    frame.found["peak"] = strange


def _remainder(n: F32, many: int) -> NDArray[np.int32]:
    """The remainder of whole numbers, five times sooner than numpy's of float32."""
    whole = n.astype(np.int32)
    return whole - whole // many * many


def _keep_peaks(frame: Frame, lanes: Lanes) -> None:
    peaks, strange = lanes.tables["peaks"].reshape(-1), frame.found["peak"]
    cells = frame.lanes * PEAK_BLOCKS + frame.new["block"].astype(np.int64)
    peaks[cells[frame.found["fresh"]]] = 0
    at = frame.found["seen"]
    cells = cells[at]
    peaks[cells] = np.maximum(peaks.take(cells), strange[at])


def take_in(frame: Frame, lanes: Lanes) -> None:
    """Learn what `weigh` has weighed: trusted or doubted counts, ranges, peaks."""
    old, new, v = frame.old, frame.new, frame.v
    first = old["n"] == 0
    suspicious = (frame.found["suspect"] > SUSPECT) & (old["n"] > SUSPECT_FROM)
    held = np.where(suspicious, old["held"] + 1, np.maximum(old["held"] - 1, 0))
    doubt = suspicious & (held <= frame.accept)
    accepted = np.flatnonzero(held > frame.accept)
    new["held"] = held
    high, low = np.where(first, v, old["safe_high"]), np.where(first, v, old["safe_low"])
    limit = np.where(doubt, np.float32(GROWTH) * (high - low), np.float32(3e38))
    new["safe_high"] = high + np.minimum(np.maximum(v - high, 0), limit)
    new["safe_low"] = low - np.minimum(np.maximum(low - v, 0), limit)
    _guard(frame, lanes, doubt)
    new["learned"], new["suspect"] = old["learned"] + ~doubt, old["suspect"] + doubt
    if accepted.size:
        _accept(frame, lanes, accepted)
    _count(frame, lanes, doubt)
    _keep_peaks(frame, lanes)
    _halve(frame, lanes)
    _refresh(frame, lanes)
    frame.found["accepted"] = (held == frame.accept + 1).astype(np.float32)


def _guard(frame: Frame, lanes: Lanes, doubt: Bools) -> None:
    """What is doubted moves the past only slowly."""
    at = np.flatnonzero(doubt)
    if not at.size:
        return
    pace, old, new = np.float32(PACE), frame.old, frame.new
    for row in GUARDED:
        before = old[row].take(at)
        new[row][at] = before + pace * (new[row].take(at) - before)
    for table in ("day", "week", "hour"):
        cells, values = frame.cells[table]
        before = lanes.tables[table].reshape(-1, *values.shape[1:]).take(cells.take(at), 0)
        values[at] = before + pace * (values.take(at, 0) - before)


def _accept(frame: Frame, lanes: Lanes, columns: I64) -> None:
    at, new = frame.lanes[columns], frame.new
    lanes.tables["counts"][at] += lanes.tables["doubted"][at]
    lanes.tables["doubted"][at] = 0
    new["learned"][columns] += new["suspect"][columns]
    new["suspect"][columns] = 0
    new["safe_high"][columns], new["safe_low"][columns] = new["high"][columns], new["low"][columns]


def _count(frame: Frame, lanes: Lanes, doubt: Bools) -> None:
    """`add.at` goes over a table once, where to read, add and write would do so twice; what is doubted, a few, is moved."""
    counts, doubted = (lanes.tables[table].reshape(-1) for table in ("counts", "doubted"))
    cells, one = rarity.cells(frame.lanes, frame.found["bins"]), np.uint16(1)
    np.add.at(counts, cells.reshape(-1), one)
    unsure = cells[np.flatnonzero(doubt)].reshape(-1)
    np.add.at(doubted, unsure, one)
    np.subtract.at(counts, unsure, one)


def _halve(frame: Frame, lanes: Lanes) -> None:
    (full,) = np.nonzero(frame.new["learned"] + frame.new["suspect"] >= FORGET)
    if full.size:
        at = frame.lanes[full]
        for table in ("counts", "doubted"):
            lanes.tables[table][at] >>= np.uint16(1)
        for row in ("learned", "suspect"):
            frame.new[row][full] *= np.float32(0.5)


def _refresh(frame: Frame, lanes: Lanes) -> None:
    """Below which place a side is too common to be looked at; anew every 64 readings."""
    n = frame.old["n"]
    (due,) = np.nonzero((n == SETTLED + 10) | (_remainder(n, FRESH) == FRESH - 1))
    rows = lanes.block(CUTS[0], CUTS[-1])
    for first in range(0, due.size, AT_ONCE):
        some = due[first : first + AT_ONCE]
        at = frame.lanes[some]
        counts, doubted = (lanes.tables[table][at] for table in ("counts", "doubted"))
        learned, suspect = (frame.new[row][some] for row in ("learned", "suspect"))
        rows[:, at] = rarity.cuts(counts, doubted, learned, suspect)
