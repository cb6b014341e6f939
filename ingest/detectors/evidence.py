"""From residuals to one calibrated number: how rare is this, in decades, by what the series itself has shown.

Each side has a histogram of its logarithm; -log10 of the share of readings that were as far out is its evidence, past the largest
ever seen one decade more per nat. The sides' evidence is joined by a p-norm; a new record of the range and rare
readings shortly before add to it.

Two heads look at the same histograms. The one learns everything; the other leaves out what was suspect, so that a fault that
comes again is as strange as the first time. What lasts longer than ACCEPT readings is taken as the new normal by both.
"""

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.lanes import F32, I64, Bools, Lanes, Where
from ingest.detectors.residuals import SIDES, Frame

BINS = 32
LEAST, MOST = -6.9, 9.2  # the logarithm's span
WIDTH = (MOST - LEAST) / BINS
FORGET = 16_000  # readings: then every count is halved
WARM = 20  # readings before anything is said
PRIOR = 0.5  # readings' worth of doubt
RARE = 0.03  # a side that is less rare than this says nothing
NORM = 3.5
RECORD, RECORD_SHARE = 2.0, 0.005  # weight of a record; which share of the range doubles its measure
STREAK, STREAK_FROM, STREAK_READINGS = 0.7, 2.0, 20.0
# A long history can show rarer things: the number is to mean the same.
LENGTH, LENGTH_READINGS = 1.0, (300.0, 8000.0)
SUSPECT, SUSPECT_FROM = 5.5, 200
ACCEPT = 150
PEAK, PEAK_SHARE, PEAK_BLOCK, PEAK_BLOCKS = 1.06, 0.05, 10, 12
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
    "learned suspect streak streak_half streak_safe held safe_high safe_low block "
    + " ".join(f"cut_{side}" for side in SIDES)
).split()
TABLES = {
    "counts": ((len(SIDES), BINS), np.uint16),
    "doubted": ((len(SIDES), BINS), np.uint16),
    "peaks": ((PEAK_BLOCKS,), np.float32),
}
_ABOVE = (np.arange(BINS)[None] > np.arange(BINS)[:, None]).astype(np.float32)
_SIDE = np.arange(len(SIDES), dtype=np.int64)
_AGE = ((np.arange(PEAK_BLOCKS)[:, None] - np.arange(PEAK_BLOCKS)) % PEAK_BLOCKS).astype(np.int8)
_CUTS = tuple(f"cut_{side}" for side in SIDES)


def weigh(frame: Frame, lanes: Lanes) -> None:
    """Fill `found`: `score` (of new peaks only), `strange` (the learning head), `strange_safe` (the protecting one)."""
    old, n = frame.old, frame.old["n"]
    place = (np.log(frame.sides + np.float32(1e-3)) - np.float32(LEAST)) * np.float32(1 / WIDTH)
    bins = np.clip(place, 0, BINS - 1).astype(np.int64)
    cut = np.stack([old[name] for name in _CUTS])
    hot = np.flatnonzero((bins >= cut) & (n > WARM))
    size = len(frame)
    joined = half = safe = np.zeros(size, np.float32)
    frame.found["sides"] = np.zeros(frame.sides.shape, np.float32)
    if hot.size:
        side, column = np.divmod(hot, size)
        joined, half, safe = _rarity(
            frame, lanes, place.reshape(-1)[hot], bins.reshape(-1)[hot], side, column
        )
    records, records_safe = _records(frame)
    correction = np.float32(LENGTH) * np.log10(np.clip(n, *LENGTH_READINGS) / np.float32(1000))
    strange, strange_half, strange_safe = joined + records, half + records_safe, safe + records_safe
    fade = np.float32(1 - 1 / STREAK_READINGS)
    new = frame.new
    new["streak"] = old["streak"] * fade + np.maximum(strange - np.float32(STREAK_FROM), 0)
    new["streak_half"] = old["streak_half"] * fade + np.maximum(strange_half - np.float32(STREAK_FROM), 0)
    new["streak_safe"] = old["streak_safe"] * fade + np.maximum(strange_safe - np.float32(STREAK_FROM), 0)
    strange = _in_all(strange, new["streak"], correction)
    strange_half = _in_all(strange_half, new["streak_half"], correction)
    strange_safe = _in_all(strange_safe, new["streak_safe"], correction)
    frame.found["strange"], frame.found["strange_safe"] = strange, strange_safe
    frame.found["bins"] = bins
    both = np.maximum(strange, strange_half - np.float32(CAREFUL)) * frame.warm
    _peaks(frame, lanes, both)


def _in_all(strange: F32, streak: F32, correction: F32) -> F32:
    together = strange + np.float32(STREAK) * np.sqrt(streak)
    return np.maximum(together - correction, 0) * (together > 0)


def _rarity(
    frame: Frame, lanes: Lanes, place: F32, bins: I64, side: I64, column: I64
) -> tuple[F32, F32, F32]:
    rows = frame.lanes[column] * len(SIDES) + side
    counts = lanes.tables["counts"].reshape(-1, BINS)[rows].astype(np.float32)
    learned, suspect = frame.old["learned"][column], frame.old["suspect"][column]
    safe = _decades(counts, learned, place, bins)
    frame.found["sides"][side, column] = safe
    size, power = len(frame), np.float32(1 / NORM)

    def join(decades: F32) -> F32:
        joined: F32 = np.bincount(column, weights=decades**NORM, minlength=size).astype(np.float32) ** power
        return joined

    joined = join(safe)
    (mixed,) = np.nonzero(suspect > 0)
    if not mixed.size:
        return joined, joined, joined
    known, half = safe.copy(), safe.copy()
    doubted = lanes.tables["doubted"].reshape(-1, BINS)[rows[mixed]].astype(np.float32)
    for head, share in ((known, np.float32(1)), (half, np.float32(SHARE))):
        taken = counts[mixed] + share * doubted
        head[mixed] = _decades(taken, (learned + share * suspect)[mixed], place[mixed], bins[mixed])
    return join(known), join(half), joined


def _decades(counts: F32, total: F32, place: F32, bins: I64) -> F32:
    """-log10 of the share at `place` and beyond; linear inside a bin."""
    inside = np.take_along_axis(counts, bins[:, None], 1)[:, 0]
    tail = np.einsum("ij,ij->i", counts, _ABOVE[bins]) + inside * (1 - np.clip(place - bins, 0, 1))
    decades = -np.log10((tail + np.float32(PRIOR)) / (total + np.float32(2 * PRIOR)))
    (far,) = np.nonzero(tail < 0.5)
    if far.size:
        top = BINS - 1 - np.argmax(counts[far][:, ::-1] > 0.3, 1)
        decades[far] += np.where(bins[far] > top, (place[far] - top - 1) * np.float32(WIDTH), 0)
    return np.where(decades > -np.log10(RARE), decades, 0).astype(np.float32)


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
    peaks = lanes.tables["peaks"][frame.where].copy()
    fresh = (n % PEAK_BLOCK) == 0
    block = np.where(fresh, (block + 1) % PEAK_BLOCKS, block)
    at = block.astype(np.int64)
    every = np.arange(len(frame))
    peaks[every[fresh], at[fresh]] = 0
    blocks = np.clip(PEAK_SHARE * n / PEAK_BLOCK, 1, PEAK_BLOCKS).astype(np.int8)
    highest = np.where(_AGE[at] <= blocks[:, None], peaks, 0).max(1)
    told = np.where(strange > np.float32(PEAK) * highest, strange, 0)
    frame.found["score"] = (1 - 1 / (1 + told)).astype(np.float32)
    frame.found["told"] = told
    peaks[every, at] = np.maximum(peaks[every, at], strange)
    frame.new["block"] = block
    frame.found["peaks"] = peaks


def take_in(frame: Frame, lanes: Lanes) -> None:
    """Learn what `weigh` has weighed: trusted or doubted counts, ranges, peaks."""
    old, new, v, where = frame.old, frame.new, frame.v, frame.where
    first = old["n"] == 0
    suspicious = (frame.found["strange_safe"] > SUSPECT) & (old["n"] > SUSPECT_FROM)
    held = np.where(suspicious, old["held"] + 1, np.maximum(old["held"] - 1, 0))
    doubt = suspicious & (held <= ACCEPT)
    accepted = np.flatnonzero(held > ACCEPT)
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
    lanes.tables["peaks"][where] = frame.found["peaks"]
    _halve(frame, lanes)
    _refresh(frame, lanes)
    frame.found["accepted"] = (held == ACCEPT + 1).astype(np.float32)


def _guard(frame: Frame, lanes: Lanes, doubt: Bools) -> None:
    """What is doubted moves the past only slowly."""
    if not doubt.any():
        return
    pace, old, new = np.float32(PACE), frame.old, frame.new
    for row in GUARDED:
        before = old[row][doubt]
        new[row][doubt] = before + pace * (new[row][doubt] - before)
    for table in ("day", "week", "hour"):
        cells, values = frame.cells[table]
        before = lanes.tables[table].reshape(-1)[cells[doubt]]
        values[doubt] = before + pace * (values[doubt] - before)


def _accept(frame: Frame, lanes: Lanes, columns: I64) -> None:
    at, new = frame.lanes[columns], frame.new
    lanes.tables["counts"][at] += lanes.tables["doubted"][at]
    lanes.tables["doubted"][at] = 0
    new["learned"][columns] += new["suspect"][columns]
    new["suspect"][columns] = 0
    new["safe_high"][columns], new["safe_low"][columns] = new["high"][columns], new["low"][columns]


def _count(frame: Frame, lanes: Lanes, doubt: Bools) -> None:
    """Series by series: a series' counts lie side by side."""
    cells = (frame.lanes[:, None] * len(SIDES) + _SIDE) * BINS + frame.found["bins"].T
    if doubt.any():
        lanes.tables["doubted"].reshape(-1)[cells[doubt].ravel()] += np.uint16(1)
        cells = cells[~doubt]
    counts: NDArray[np.uint16] = lanes.tables["counts"].reshape(-1)
    counts[cells.ravel()] += np.uint16(1)


def _halve(frame: Frame, lanes: Lanes) -> None:
    (full,) = np.nonzero(frame.new["learned"] + frame.new["suspect"] >= FORGET)
    if full.size:
        at = frame.lanes[full]
        for table in ("counts", "doubted"):
            lanes.tables[table][at] >>= np.uint16(1)
        for row in ("learned", "suspect"):
            frame.new[row][full] *= np.float32(0.5)


def _refresh(frame: Frame, lanes: Lanes) -> None:
    """Below which bin a side is too common to be looked at; kept a little low, and anew every 64 readings."""
    n = frame.old["n"]
    (due,) = np.nonzero((n == WARM) | (n % 64 == 63))
    if due.size:
        at = frame.lanes[due]
        counts = lanes.tables["counts"][at].astype(np.float32) + lanes.tables["doubted"][at]
        tails = np.cumsum(counts[:, :, ::-1], 2)[:, :, ::-1]
        enough = 1.3 * RARE * (frame.new["learned"] + frame.new["suspect"])[due]
        bins = np.maximum((tails > enough[:, None, None]).sum(2) - 1, 0)
        for number, name in enumerate(_CUTS):
            row = frame.new.setdefault(name, frame.old[name].copy())
            row[due] = bins[:, number]


def reach(lanes: Lanes, where: Where, side: int, share: float = 1e-3) -> F32:
    """How far out, in the side's own measure, only this share of readings was; infinite while too few were seen."""
    counts = lanes.tables["counts"][where, side].astype(np.float64)
    tails = np.cumsum(counts[:, ::-1], 1)[:, ::-1]
    beyond = (tails > share * tails[:, :1]).sum(1)
    far = np.exp(LEAST + WIDTH * beyond).astype(np.float32)
    return np.where(tails[:, 0] > 2 * WARM, far, np.float32(np.inf)).astype(np.float32)
