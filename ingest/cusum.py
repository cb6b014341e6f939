"""Whether a daily difference walks away from 0: two one-sided cumulative sums (Page 1954, doi:10.1093/biomet/41.1-2.100). Pure.

A day's difference, in spreads, less an allowance is added up; what is told must also matter: the median of three days is as far
as the quantity's yardstick says. When the sum left 0 is when it began.
"""

from typing import Any

import numpy as np

from ingest.detectors.lanes import Block

ALLOWED = 1.0  # spreads a day: less is no news
FULL = 8.0  # of the sum: it walks away
ODD = 4.0  # spreads: more of one day is not taken
MOST = 3 * FULL
ENDS = 0.5  # of what matters: nearer it is over
SUDDEN = 0.6  # of the difference in one day: it was a step
MIDDLE = 3  # days a median is taken of

TABLES: dict[str, Block] = {
    "last": ((MIDDLE,), np.float32),  # the newest differences, newest last ...
    "seen": ((), np.uint8),  # ... and how many there are
    "sums": ((2,), np.float32),  # upwards, downwards
    "since": ((2,), np.int64),  # the day each left 0
    "step": ((), np.float32),  # the largest change of the median in one day since then
    "walks": ((), np.int8),  # told of: 1 upwards, -1 downwards, 0 not
}
Row = dict[str, Any]  # of one series: views into its tables


def difference(row: Row) -> float | None:
    """The median of the last days; None while there are too few."""
    return float(np.median(row["last"])) if row["seen"][()] >= MIDDLE else None


def take(row: Row, day: int, found: float, spread: float, matters: float, *, suddenly: bool) -> None:
    """A day's difference. `suddenly`: a step may be told of as well."""
    before = difference(row)
    row["last"][:] = [*row["last"][1:], found]
    row["seen"][()] = min(int(row["seen"][()]) + 1, MIDDLE)
    middle = difference(row)
    deviates = float(np.clip(found / spread, -ODD, ODD))
    for place, sign in enumerate((1, -1)):
        summed = min(max(0.0, float(row["sums"][place]) + sign * deviates - ALLOWED), MOST)
        if not row["sums"][place] and summed:
            row["since"][place] = day
        row["sums"][place] = summed
    if middle is None:
        return
    if before is not None:
        row["step"][()] = max(float(row["step"][()]), abs(middle - before)) if row["sums"].any() else 0.0
    if row["walks"][()]:
        if middle * row["walks"][()] < ENDS * matters:
            forget(row)
        return
    for place, sign in enumerate((1, -1)):
        far = row["sums"][place] >= FULL and middle * sign >= matters
        if far and (suddenly or row["step"][()] <= SUDDEN * abs(middle)):
            row["walks"][()] = sign


def began(row: Row) -> int:
    """The day from which on it walked."""
    return int(row["since"][0 if row["walks"][()] > 0 else 1])


def forget(row: Row) -> None:
    """It is back: nothing is told, and the sums begin anew."""
    row["sums"][:], row["step"][()], row["walks"][()] = 0, 0, 0
