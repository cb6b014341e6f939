"""Whether a daily difference walks away from 0: two one-sided cumulative sums (Page 1954, doi:10.1093/biomet/41.1-2.100). Pure.

A day's difference, in spreads, less an allowance is added up; what is told must also matter: the median of a week is as far as
the quantity's yardstick says, and clear of the spread. When the sum left 0 is when it began.
"""

from typing import Any

import numpy as np

from ingest.detectors.lanes import Block

ALLOWED = 1.0  # spreads a day: less is no news
FULL = 8.0  # of the sum: it walks away
ODD = 4.0  # spreads: more of one day is not taken
MOST = 3 * FULL
CLEAR = 3.0  # spreads: nearer it may be how the first week was
ENDS = 0.5  # of what matters: nearer it is over
SUDDEN = 0.6  # of the difference in one day: it was a step
MIDDLE, LAST = 7, 3  # days a median is taken of: to tell, and to say how much and that it is over
WEEK, MONTH = 7, 30  # days' worth of the first spread in the scatter, and of all
SCATTER = 1.25  # a deviation in mean distances

TABLES: dict[str, Block] = {
    "last": ((MIDDLE,), np.float32),  # the newest differences, newest last ...
    "seen": ((), np.uint8),  # ... and how many there were
    "scatter": ((), np.float32),  # from one day to the next
    "sums": ((2,), np.float32),  # upwards, downwards
    "since": ((2,), np.int64),  # the day each left 0
    "step": ((), np.float32),  # the largest change of the short median in one day since then
    "walks": ((), np.int8),  # told of: 1 upwards, -1 downwards, 0 not
}
Row = dict[str, Any]  # of one series: views into its tables


def difference(row: Row, days: int = LAST) -> float | None:
    """The median of the last days; None while there are too few."""
    return float(np.median(row["last"][-days:])) if row["seen"][()] >= days else None


def take(row: Row, day: int, found: float, spread: float, matters: float, *, suddenly: bool) -> None:
    """A day's difference, of which `spread` was usual at first. `suddenly`: a step may be told of as well."""
    before, spread = difference(row), _spread(row, found, spread)
    row["last"][:] = [*row["last"][1:], found]
    row["seen"][()] = min(int(row["seen"][()]) + 1, MONTH)
    _sum(row, day, float(np.clip(found / spread, -ODD, ODD)))
    now, middle = difference(row), difference(row, MIDDLE)
    if now is not None and before is not None:
        row["step"][()] = max(float(row["step"][()]), abs(now - before)) if row["sums"].any() else 0.0
    if now is not None and row["walks"][()]:
        if now * row["walks"][()] < ENDS * matters:
            forget(row)
        return
    if middle is None:
        return
    for place, sign in enumerate((1, -1)):
        far = row["sums"][place] >= FULL and middle * sign >= max(matters, CLEAR * spread)
        if far and (suddenly or row["step"][()] <= SUDDEN * abs(middle)):
            row["walks"][()] = sign


def _sum(row: Row, day: int, deviates: float) -> None:
    for place, sign in enumerate((1, -1)):
        summed = min(max(0.0, float(row["sums"][place]) + sign * deviates - ALLOWED), MOST)
        if not row["sums"][place] and summed:
            row["since"][place] = day
        row["sums"][place] = summed


def _spread(row: Row, found: float, first: float) -> float:
    """What is usual of a day: as in the first week, or as far as one day is from the next since. Left as large as it is, not
    divided by √2: what is unlike the day before is often like it, too, and a walk adds little to it."""
    days = int(row["seen"][()])
    if not days:
        row["scatter"][()] = first
        return first
    far = min(abs(found - float(row["last"][-1])), ODD * max(first, float(row["scatter"][()]))) * SCATTER
    row["scatter"][()] += (far - row["scatter"][()]) / min(WEEK + days, MONTH)
    return max(first, float(row["scatter"][()]))


def resume(row: Row, day: int, found: float) -> None:
    """Go on with what walks since that day and was so far off when it was told of, of which nothing else is known."""
    up = found > 0
    row["last"][:], row["seen"][()], row["walks"][()] = found, MIDDLE, 1 if up else -1
    row["sums"][0 if up else 1], row["since"][0 if up else 1] = FULL, day


def began(row: Row) -> int:
    """The day from which on it walked."""
    return int(row["since"][0 if row["walks"][()] > 0 else 1])


def forget(row: Row) -> None:
    """It is back: nothing is told, and the sums begin anew."""
    row["sums"][:], row["step"][()], row["walks"][()] = 0, 0, 0
