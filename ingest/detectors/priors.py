"""What grown series of a quantity have shown, as the beginning of a new one's past: how far they scatter, how rare what is. Pure.

The new one counts as if it had been read READINGS times: scales are the medians of the grown ones', histograms all of theirs
together, on a scale of COUNTED readings; the half hours of the day are theirs, moved to its level, as if seen on DAYS days.
How often a value repeats and for how long is what any of them was seen to do. Hours of the week and last readings are its own.
"""

import numpy as np

from ingest.detectors import rarity
from ingest.detectors.lanes import I64, Lanes

READINGS = 320  # a multiple of the 16 that `residuals` keeps, and more than `health` waits for
COUNTED = 1000
DAYS = 3
SCALES = (
    "level_scale",
    "return_scale",
    "step_scale",
    "step16_scale",
    "bounded24_scale",
    "shift_scale",
    "steps16",
    "steps16_scale",
    "log_steps",
    "log_steps_scale",
    "better_cxy",
    "better_cxx",
    "better_scale",
    "better_mean8_scale",
    "better_bounded48_scale",
    "level_share",
)
RUNS = tuple(f"{runs}_{row}" for runs in ("exact", "near", "beside", "zero") for row in ("share", "longest"))


def take_over(lanes: Lanes, lane: int, grown: I64, level: float) -> None:
    """`lanes` are a bank's; `lane` has been read a few times, all of `grown` very often, and in this order they are added up.
    `level` is where it lies over a whole day, in its unit. Changes `lane` alone."""
    rows, tables = lanes.read(grown), lanes.tables
    own = {name: float(row[0]) for name, row in lanes.read(np.array([lane])).items()}
    level -= float(tables["origin"][lane, 0])
    new = {name: float(np.median(rows[name])) for name in SCALES}
    new |= {name: float(rows[name].max()) for name in RUNS}
    bits = np.r_[rows["bit"], np.float32(own["bit"])]
    new["bit"] = float(bits[bits > 0].min()) if bits.any() else 0.0
    new |= {"n": READINGS, "level": level, "mean500": level, "mean8": own["level"], "bounded24": 0.0}
    high = max(own["high"], level + float(np.median(rows["high"] - rows["level"])))
    low = min(own["low"], level - float(np.median(rows["level"] - rows["low"])))
    new |= {"high": high, "low": low, "safe_high": high, "safe_low": low}
    new |= {"better_residual": 0.0, "better_mean8": 0.0, "better_bounded48": 0.0}
    new |= {"learned": COUNTED, "suspect": 0.0}
    usual = tables["day"][grown].astype(np.float64)
    shapes = usual - usual.mean(1, keepdims=True)
    shape = np.median(shapes, 0)
    differ = float(np.abs(shapes - shape).mean(0).mean())
    for scale in ("day_scale", "day_sum_scale"):
        new[scale] = float(np.median(rows[scale])) + differ
    new |= {"day_seen": READINGS, "age": max(own["age"], float(rarity.DAILY_FROM))}
    tables["day"][lane], tables["day_n"][lane] = level + shape, DAYS
    lanes.write(slice(lane, lane + 1), {name: np.array([value], np.float32) for name, value in new.items()})
    counts = tables["counts"][grown].sum(0, dtype=np.float64)
    tables["counts"][lane] = np.round(COUNTED * counts / counts.sum(1, keepdims=True))
    tables["doubted"][lane] = 0
    seen = (np.array([readings], np.float32) for readings in (COUNTED, 0))
    cuts = rarity.cuts(tables["counts"][[lane]], tables["doubted"][[lane]], *seen)
    lanes.write(slice(lane, lane + 1), dict(zip(rarity.CUTS, cuts, strict=True)))
