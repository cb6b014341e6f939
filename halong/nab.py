"""The rules of the Numenta Anomaly Benchmark v1.1 (Lavin, Ahmad 2015; github.com/numenta/NAB). Pure.

The first 15 % (at most 750 rows) of a file are probation. One threshold for all files. The first alert in a labelled window earns
the more the earlier it is, further ones nothing; an alert outside costs, less just after a window; a missed window costs.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PROFILES = {
    "standard": (1.0, 1.0, 0.11),
    "reward low FP": (1.0, 1.0, 0.22),
    "reward low FN": (1.0, 2.0, 0.11),
}
PROBATION, PROBATION_ROWS = 0.15, 5000
_MOST = 2 / (1 + math.exp(-5.0)) - 1
Floats = NDArray[np.float64]


class Labelled(NamedTuple):
    """A file as its scores are judged: `weight` of an alert at each row, `window` it lies in (-1 = none)."""

    weight: Floats
    window: NDArray[np.int64]
    counted: NDArray[np.bool_]
    windows: int


class Standing(NamedTuple):
    """A profile's best threshold and what it gives."""

    score: float
    threshold: float
    found: int
    windows: int
    false_per_10k: float


def label(at_ms: NDArray[np.int64], windows: Sequence[tuple[int, int]]) -> Labelled:
    """`windows` are (first, last) in ms, both rows of the file, in order."""
    rows = len(at_ms)
    weight, window = np.full(rows, -1.0), np.full(rows, -1, np.int64)
    place = np.arange(rows)
    for number, (begin, end) in enumerate(windows):
        first, last = int(np.searchsorted(at_ms, begin)), int(np.searchsorted(at_ms, end))
        width = last - first + 1
        weight[last + 1 :] = _sigmoid((place[last + 1 :] - last) / max(1, width - 1))
        weight[first : last + 1] = _sigmoid(-(last - place[first : last + 1] + 1) / width) / _MOST
        window[first : last + 1] = number
    counted = place >= min(math.floor(PROBATION * rows), PROBATION * PROBATION_ROWS)
    return Labelled(weight, window, counted, len(windows))


def _sigmoid(place: Floats) -> Floats:
    return np.where(place > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(place, 3))) - 1)


def steps(
    files: Sequence[Labelled], scores: Sequence[Floats], profile: str
) -> tuple[Floats, Floats, float, float]:
    """(thresholds falling, what the sum gains at each, the sum with no alert, the best sum there could be)."""
    hit, miss, false = PROFILES[profile]
    at, gain, empty, most = [np.zeros(0)], [np.zeros(0)], 0.0, 0.0
    for one, score in zip(files, scores, strict=True):
        outside = one.counted & (one.window < 0)
        at.append(score[outside])
        gain.append(false * one.weight[outside])
        most += hit * one.windows
        for number in range(one.windows):
            inside = one.counted & (one.window == number)
            if not inside.any():
                continue
            empty -= miss
            order = np.argsort(-score[inside], kind="stable")
            best = np.maximum.accumulate(np.maximum(hit * one.weight[inside][order], -miss))
            at.append(score[inside][order])
            gain.append(np.diff(np.r_[-miss, best]))
    thresholds, gains = np.concatenate(at), np.concatenate(gain)
    order = np.argsort(-thresholds, kind="stable")
    return thresholds[order], gains[order], empty, most


def best(files: Sequence[Labelled], scores: Sequence[Floats], profile: str) -> Standing:
    """The threshold with the largest sum, and its standing: 0 = no alert at all, 100 = perfect."""
    thresholds, gains, empty, most = steps(files, scores, profile)
    sums = empty + np.cumsum(gains)
    whole = np.r_[thresholds[1:] != thresholds[:-1], True] & (thresholds > 0)
    if not whole.any():
        return Standing(0.0, 1.0, 0, sum(one.windows for one in files), 0.0)
    place = int(np.flatnonzero(whole)[np.argmax(sums[whole])])
    threshold = float(thresholds[place])
    found, false, rows = 0, 0, 0
    for one, score in zip(files, scores, strict=True):
        alert = one.counted & (score >= threshold)
        found += len(np.unique(one.window[alert & (one.window >= 0)]))
        false += int((alert & (one.window < 0)).sum())
        rows += int(one.counted.sum())
    standing = 100 * (float(sums[place]) - empty) / (most - empty)
    return Standing(standing, threshold, found, sum(one.windows for one in files), 1e4 * false / rows)


def spread(
    files: Sequence[Labelled], scores: Sequence[Floats], profile: str, threshold: float, draws: int = 500
) -> float:
    """Standard deviation of the score at this threshold when files are drawn anew with replacement (bootstrap, seed 1)."""
    parts = []
    for one, score in zip(files, scores, strict=True):
        thresholds, gains, empty, most = steps([one], [score], profile)
        parts.append((float(gains[thresholds >= threshold].sum()), most - empty))
    table = np.array(parts)
    drawn = table[np.random.default_rng(1).integers(0, len(table), (draws, len(table)))].sum(1)
    return float(np.std(100 * drawn[:, 0] / np.maximum(drawn[:, 1], 1e-9)))
