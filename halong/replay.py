"""Series in CSV files through the detectors, as if they came now: row by row, one pass, nothing known of what comes later.

A row that is not newer than the newest before it, and a value that is empty or no number, is passed through with score 0 and
teaches nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ingest.detectors import bank
from ingest.detectors.bank import Bank
from ingest.detectors.lanes import F64, I64, Bools
from telemetry.anomaly import AnomalyKind
from telemetry.times import DAY_MS

LEAP_MS = 1000 * DAY_MS  # so far ahead no reading follows another: a clock was wrong, unless ...
BORNE_OUT = 5  # ... so many readings in a row say the same
TOLD_EVERY = 1000  # steps between two words of how far it is


class ReplayError(Exception):
    """What the files hold cannot be replayed; the message is one line."""


@dataclass(slots=True)
class Series:
    """A file as it was read, and what the detectors say of each row."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    at_ms: I64  # by one offset from UTC, that of the place at the first row
    wall_ms: I64  # by the clock on the wall, which summer time sets
    values: F64
    fresh: Bools
    score: F64
    told: list[tuple[AnomalyKind, ...]]
    expected: F64 = field(default_factory=lambda: np.zeros(0))
    low: F64 = field(default_factory=lambda: np.zeros(0))
    high: F64 = field(default_factory=lambda: np.zeros(0))
    mark: str = ","  # between the cells
    unread: list[tuple[int, str]] = field(default_factory=list)  # lines of which nobody knows the time


def of(
    path: Path,
    header: list[str],
    rows: list[list[str]],
    at_ms: I64,
    values: F64,
    wall_ms: I64 | None = None,
) -> Series:
    """A series from arrays, not yet judged; without `wall_ms` there is no summer time."""
    fresh = _fresh(at_ms, np.isfinite(values))
    wall_ms = at_ms if wall_ms is None else wall_ms
    return Series(path, header, rows, at_ms, wall_ms, values, fresh, np.zeros(len(at_ms)), [()] * len(at_ms))


def _fresh(at_ms: I64, readable: Bools) -> Bools:
    """Which rows are judged: numbers, and newer than all before. What leaps years ahead is not believed at once: one wrong year
    would else make all that follows late."""
    (rows,) = np.nonzero(readable)
    at = at_ms[rows]
    newest = np.maximum.accumulate(at)
    good = np.r_[True, at[1:] > newest[:-1]] if len(at) else np.zeros(0, np.bool_)
    if (np.diff(newest) > LEAP_MS).any():
        last, leaps = int(at[0]), 0
        for number, moment in enumerate(at.tolist()):
            leaps = leaps + 1 if moment - last > LEAP_MS else 0
            good[number] = number == 0 or (moment > last and leaps in (0, BORNE_OUT))
            if good[number]:
                last, leaps = moment, 0
    fresh = np.zeros(len(readable), np.bool_)
    fresh[rows] = good
    return fresh


def judge(
    series: Sequence[Series],
    *,
    periods_s: Sequence[float] = (),
    holidays: frozenset[int] = frozenset(),
    bands: bool = False,
    say: Callable[[float], None] | None = None,
) -> None:
    """Fill `score` and `told` of every series (and the band, when asked): all at once, none knows of another.

    `periods_s` are the declared periods; 0, or none given: not declared. `say` hears which share is done.
    """
    # The longest first: those that have ended are the last lanes, and are left out of the round.
    by_length = sorted(range(len(series)), key=lambda number: -int(series[number].fresh.sum()))
    order = [series[number] for number in by_length]
    fresh = [np.flatnonzero(one.fresh) for one in order]
    detectors = Bank(holidays)
    detectors.lanes.add(len(order))
    if periods_s:
        periods = np.array([periods_s[number] for number in by_length], np.float32)
        detectors.lanes.write(slice(0, len(order)), {"period": periods})
    before: list[frozenset[AnomalyKind]] = [frozenset()] * len(order)
    for one in order:
        one.told = [()] * len(one.at_ms)
        if bands:
            one.expected, one.low, one.high = (np.full(len(one.at_ms), np.nan) for _ in range(3))
    active, done, every = len(order), 0, max(1, sum(map(len, fresh)))
    for step in range(len(fresh[0]) if fresh else 0):
        while len(fresh[active - 1]) <= step:
            active -= 1
        here = [(one, int(rows[step])) for one, rows in zip(order[:active], fresh, strict=False)]
        _round(detectors, here, before, bands=bands)
        done += active
        if say is not None and step % TOLD_EVERY == 0:
            say(done / every)


def _round(
    detectors: Bank,
    here: Sequence[tuple[Series, int]],
    before: list[frozenset[AnomalyKind]],
    *,
    bands: bool,
) -> None:
    """One row of each series, in the order of the lanes: judged, written down and learned. `before` is what lasts of each."""
    at = np.array([one.at_ms[row] for one, row in here])
    values = np.array([one.values[row] for one, row in here])
    wall = np.array([one.wall_ms[row] for one, row in here])
    frame = detectors.score(np.arange(len(here)), at, values, wall)
    if bands:
        expected, low, high = bank.band(frame, detectors.lanes)
        for number, (one, row) in enumerate(here):
            one.expected[row], one.low[row], one.high[row] = expected[number], low[number], high[number]
    told = _told(frame.kinds)
    for number, (one, row) in enumerate(here):
        one.score[row] = frame.found["score"][number]
        kinds = told.get(number, frozenset())
        if new := kinds - before[number]:
            one.told[row] = tuple(sorted(new))
        before[number] = kinds
    detectors.learn(frame)


def _told(kinds: dict[AnomalyKind, np.ndarray]) -> dict[int, frozenset[AnomalyKind]]:
    found: dict[int, frozenset[AnomalyKind]] = {}
    for kind, scores in kinds.items():
        for number in np.flatnonzero(scores >= 1).tolist():
            found[number] = found.get(number, frozenset()) | {kind}
    return found
