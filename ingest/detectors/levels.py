"""Series that live at a few values: a switch that is on or off, counts that are mostly 0. A value visited before is no news.

The values used most are kept (after the SpaceSaving counts of Metwally et al., 2005, with a tolerance instead of equality). A
series that spends nearly all its readings at them lives at levels; of such a one the second visit to a value is its way.
"""

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.lanes import F32, Bools, Lanes
from ingest.detectors.residuals import Frame

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
_SLOT = np.arange(SLOTS, dtype=np.int8)[:, None]


def visit(frame: Frame, lanes: Lanes) -> None:
    """Fill `known`: at a value that this series, which lives at a few, has visited before."""
    old, new, v = frame.old, frame.new, frame.v
    values, uses, visits = lanes.block(*_BLOCK)[:, frame.where].reshape(3, SLOTS, -1)
    distance = np.where(uses == 0, np.float32(np.inf), np.abs(values - v))
    nearest, least = _least(distance)
    within = np.minimum(np.float32(WITHIN) * (old["high"] - old["low"]), np.float32(STEP) * old["step_scale"])
    there: Bools = least <= within
    uses = uses * np.float32(FADE)
    slot = np.where(there, nearest, _least(uses)[0])
    here = slot == _SLOT
    entered = slot + 1 != old["level_slot"]
    followed = np.where(there, values + np.float32(FOLLOW) * (v - values), v)
    kept = np.empty((3, SLOTS, len(frame)), np.float32)
    kept[0] = np.where(here, followed, values)
    kept[1] = np.where(here, there * uses + 1, uses)
    kept[2] = np.where(here, there * visits + (entered | ~there), visits)
    share = old["level_share"]
    share = share + (there - share) / np.minimum(old["n"] + 1, np.float32(MEMORY))
    new["level_slot"], new["level_share"] = (slot + 1).astype(np.float32), share.astype(np.float32)
    frame.found["levels"] = kept.reshape(3 * SLOTS, -1)
    often = (here & (kept[2] >= np.float32(KNOWN))).any(0)
    frame.found["known"] = (often & (share >= LIVES)).astype(np.float32)


def keep(frame: Frame, lanes: Lanes) -> None:
    """Keep what `visit` prepared."""
    lanes.block(*_BLOCK)[:, frame.where] = frame.found["levels"]


def _least(rows: F32) -> tuple[NDArray[np.int8], F32]:
    """Of each column the first of the least, and that."""
    number, least = np.zeros(rows.shape[1], np.int8), rows[0]
    for other in range(1, SLOTS):
        number = np.where(rows[other] < least, np.int8(other), number)
        least = np.minimum(rows[other], least)
    return number, least
