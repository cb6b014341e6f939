"""Series that live at a few values: a switch that is on or off, counts that are mostly 0. A value visited before is no news.

The values used most are kept (after the SpaceSaving counts of Metwally et al., 2005, with a tolerance instead of equality). A
series that spends nearly all its readings at them lives at levels; of such a one the second visit to a value is its way.
"""

import numpy as np

from ingest.detectors.lanes import F32, Block, Bools, Lanes
from ingest.detectors.residuals import Frame

SLOTS = 4
WITHIN, STEP = 0.02, 0.1  # of the range, and of the usual step: nearer than both is the same value
LIVES, MEMORY = 0.95, 500.0  # share of the readings at known values; readings
KNOWN = 2.0  # visits, this one included
FADE = 0.999  # per reading, of how much a value was used
FOLLOW = 0.05  # so fast a kept value follows what is read there
ROWS = ("level_slot", "level_share")
TABLES: dict[str, Block] = {"levels": ((3, SLOTS), np.float32)}  # values, uses, visits
VALUE, USES, VISITS = range(3)


def visit(frame: Frame, lanes: Lanes) -> None:
    """Fill `known`: at a value that this series, which lives at a few, has visited before."""
    old, new, v = frame.old, frame.new, frame.v
    table = lanes.tables["levels"][frame.where].copy()
    distance = np.abs(table[:, VALUE] - v[:, None])
    distance[table[:, USES] == 0] = np.inf
    every, nearest = np.arange(len(frame)), distance.argmin(1)
    within = np.minimum(np.float32(WITHIN) * (old["high"] - old["low"]), np.float32(STEP) * old["step_scale"])
    there: Bools = distance[every, nearest] <= within
    table[:, USES] *= np.float32(FADE)
    slot = np.where(there, nearest, table[:, USES].argmin(1))
    kept = table[every, :, slot]
    entered = slot + 1 != old["level_slot"]
    kept[:, VALUE] = np.where(there, kept[:, VALUE] + np.float32(FOLLOW) * (v - kept[:, VALUE]), v)
    kept[:, USES] = there * kept[:, USES] + 1
    kept[:, VISITS] = there * kept[:, VISITS] + (entered | ~there)
    table[every, :, slot] = kept
    share = old["level_share"]
    share = share + (there - share) / np.minimum(old["n"] + 1, np.float32(MEMORY))
    new["level_slot"], new["level_share"] = (slot + 1).astype(np.float32), share.astype(np.float32)
    frame.found["levels"] = table
    known: F32 = ((kept[:, VISITS] >= KNOWN) & (share >= LIVES)).astype(np.float32)
    frame.found["known"] = known


def keep(frame: Frame, lanes: Lanes) -> None:
    """Keep what `visit` prepared."""
    lanes.tables["levels"][frame.where] = frame.found["levels"]
