"""Series that live at a few values: a switch that is on or off, counts that are mostly 0. A value visited before is no news.

The values used most are kept (after the SpaceSaving counts of Metwally et al., 2005, with a tolerance instead of equality). A
series that spends nearly all its readings at them lives at levels; of such a one the second visit to a value is its way.
"""

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.lanes import F32, Bools, Lanes
from ingest.detectors.residuals import Frame, usual_step

SLOTS = 4
WITHIN, STEP = 0.02, 0.1  # of the range, and of the usual step: nearer than both is the same value
LIVES, MEMORY = 0.95, 500.0  # share of the readings at known values; readings
KNOWN = 2.0  # visits, this one included
FADE = 0.999  # per reading, of how much a value was used
FOLLOW = 0.05  # so fast a kept value follows what is read there
_VALUES, _USES, _VISITS = (
    [f"level_{what}_{slot}" for slot in range(SLOTS)] for what in ("value", "uses", "visits")
)
ROWS = ("level_slot", "level_share", *_VALUES, *_USES, *_VISITS)
_BLOCK = _VALUES[0], _VISITS[-1]


def visit(frame: Frame, lanes: Lanes) -> None:
    """Fill `known`: at a value that this series, which lives at a few, has visited before."""
    old, new, v = frame.old, frame.new, frame.v
    kept = lanes.block(*_BLOCK)[:, frame.where].copy()
    values, uses, visits = kept.reshape(3, SLOTS, -1)
    distance = np.abs(values - v)
    np.putmask(distance, uses == 0, np.inf)
    uses *= np.float32(FADE)
    nearest, least = _least(distance)
    within = np.minimum(np.float32(WITHIN) * (old["high"] - old["low"]), np.float32(STEP) * usual_step(old))
    there: Bools = least <= within
    slot = np.where(there, nearest, _least(uses)[0])
    entered = slot + 1 != old["level_slot"]
    cells = slot * np.int64(len(frame)) + np.arange(len(frame))
    values, uses, visits = (rows.reshape(-1) for rows in (values, uses, visits))
    value = values.take(cells)
    values[cells] = np.where(there, value + np.float32(FOLLOW) * (v - value), v)
    uses[cells] = there * uses.take(cells) + 1
    visits[cells] = visited = there * visits.take(cells) + (entered | ~there)
    share = old["level_share"]
    share = share + (there - share) / np.minimum(old["n"] + 1, np.float32(MEMORY))
    new["level_slot"], new["level_share"] = (slot + 1).astype(np.float32), share.astype(np.float32)
    frame.found["levels"] = kept
    frame.found["known"] = ((visited >= np.float32(KNOWN)) & (share >= LIVES)).astype(np.float32)


def keep(frame: Frame, lanes: Lanes) -> None:
    """Keep what `visit` prepared."""
    lanes.block(*_BLOCK)[:, frame.where] = frame.found["levels"]


def _least(rows: F32) -> tuple[NDArray[np.int8], F32]:
    """Of each column the first of the least, and that: ten times sooner than numpy's argmin over four."""
    least = rows.min(0)
    number, further = np.zeros(len(least), np.int8), rows[0] != least
    for other in range(1, SLOTS):
        number += further
        further &= rows[other] != least
    return number, least
