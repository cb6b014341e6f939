"""How far a reading is from what its series makes likely, seen from fourteen sides. One pass, bounded memory.

Each side is |residual| / (its exponential mean + a floor), so it has no unit and is about 1 for an ordinary reading. Means use
the rate max(1/n, 1/memory): they are plain means at first. Scales take in at most six times themselves: an outlier
widens them little. Profiles hold the usual value of each half hour of the day and each hour of the week.
"""

from dataclasses import dataclass, field

import numpy as np

from ingest.detectors.lanes import F32, F64, I64, Bools, Lanes, Where
from telemetry.anomaly import AnomalyKind

SIDES = (
    "innovation",  # against an autoregression of the residual from the better profile, in the scale of this hour of the day
    "week_low",
    "week_high",  # against the hour of the week
    "high",
    "low",  # against the level of the last 2,000 readings
    "day_high",
    "day_low",  # against the half hour of the day
    "day_sum",  # a leaky mean of 24 residuals from the daily profile
    "level_shift",  # the last 8 readings against the last 500
    "residual_shift",  # the last 8 residuals from the better profile
    "rougher",
    "calmer",  # the mean step of 16 readings against its usual
    "step",  # against the reading before
    "step_16",  # against the reading 16 before
)
DAY_BINS, WEEK_BINS, HOURS = 48, 168, 24
PROFILE_RATE = 0.05
MEMORY, LEVEL_MEMORY, SHIFT_MEMORY = 1000.0, 2000.0, 500.0
OUTLIER = 6.0  # times the scale: more of an outlier is not learned ...
OUTLIER_FROM = 30  # ... after so many readings
FLOOR = 0.01  # of the range seen so far
HERE_PRIOR = 6.0  # readings' worth of the common scale in an hour's own
LARGEST, LARGEST_VALUE = np.float32(1e15), 1e30  # from the first value, and at all: beyond is cut
HUGE = np.float32(1e18)
TINY = np.float32(1e-12)

ROWS = [
    "n",
    "high",
    "low",
    "level",
    "level_scale",
    "before",
    "step_scale",
    "step16_scale",
    "day_scale",
    "day_sum",
    "day_sum_scale",
    "week_scale",
    "mean8",
    "mean500",
    "shift_scale",
    "steps16",
    "log_steps",
    "log_steps_scale",
    "better_residual",
    "better_cxy",
    "better_cxx",
    "better_scale",
    "better_mean8",
    "better_mean8_scale",
    "better_mean48",
]
TABLES = {
    "ring": ((16,), np.float32),
    "day": ((DAY_BINS,), np.float32),
    "day_n": ((DAY_BINS,), np.uint8),
    "week": ((WEEK_BINS,), np.float32),
    "week_n": ((WEEK_BINS,), np.uint8),
    "hour": ((HOURS,), np.float32),
    "hour_n": ((HOURS,), np.uint8),
}


@dataclass(slots=True)
class Clock:
    """Where readings fall in the day and the week; a holiday is a Sunday. From local seconds since 1970."""

    half_hour: I64
    hour: I64
    week_hour: I64

    @classmethod
    def of(cls, local_s: I64, holidays: frozenset[int] = frozenset()) -> "Clock":
        """`holidays` are days since 1970."""
        day, second = np.divmod(local_s, 86_400)
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
        if holidays:
            weekday = np.where(np.isin(day, np.fromiter(holidays, np.int64)), 6, weekday)
        hour = second // 3600
        return cls(second // 1800, hour, weekday * 24 + hour)


@dataclass(slots=True)
class Frame:
    """One reading of each of some lanes, on its way: what was read, what is to be learned, and what detectors found."""

    where: Where
    lanes: I64
    at_ms: I64  # local
    x: F64
    v: F32  # from the series' first value
    old: dict[str, F32]
    clock: Clock
    dt: F32
    warm: Bools  # 21 readings and more
    new: dict[str, F32] = field(default_factory=dict)
    cells: dict[str, tuple[I64, F32]] = field(default_factory=dict)
    sides: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    expected: F32 = field(default_factory=lambda: np.zeros(0, np.float32))  # like v
    scale: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    found: dict[str, F32] = field(default_factory=dict)
    kinds: dict[AnomalyKind, F32] = field(default_factory=dict)
    floor: F32 = field(default_factory=lambda: np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.v)


def measure(frame: Frame, lanes: Lanes) -> None:
    """Fill `sides` (len(SIDES), lanes), `expected`, `scale`, and `new` with what `write` will keep. Changes no state."""
    old, new, v = frame.old, frame.new, frame.v
    n, first = old["n"], old["n"] == 0
    if first.any():
        high, low = np.where(first, v, old["high"]), np.where(first, v, old["low"])
        before = np.where(first, v, old["before"])
    else:
        high, low, before = old["high"], old["low"], old["before"]
    count = n + np.float32(1)
    trusted = np.where(first, 0, old["safe_high"] - old["safe_low"])
    frame.floor = floor = (
        np.float32(FLOOR) * trusted + np.float32(1e-9) * np.abs(frame.x).astype(np.float32) + TINY
    )
    rate = 1 / np.minimum(count, np.float32(MEMORY))
    cut = np.where(n > OUTLIER_FROM, floor, HUGE)
    out = np.empty((len(SIDES), len(v)), np.float32)

    def against(side: int, size: F32, row: str, weight: F32) -> None:
        """`size` in its usual measure; the measure learns."""
        scale = old[row]
        out[side] = size / (scale + floor)
        new[row] = scale + weight * (np.minimum(size, np.float32(OUTLIER) * scale + cut) - scale)

    _level(frame, floor, cut, count, out)
    step = np.abs(v - before)
    against(12, step, "step_scale", rate * (n > 0))
    slot = frame.lanes * 16 + n.astype(np.int64) % 16
    ring = lanes.tables["ring"].reshape(-1)
    full = n >= 16
    against(13, np.abs(v - np.where(full, ring[slot], v)), "step16_scale", rate * full)
    frame.cells["ring"] = slot, v
    day_residual, _ = _profile(frame, lanes, "day", frame.clock.half_hour, DAY_BINS)
    week_residual, seen = _profile(frame, lanes, "week", frame.clock.week_hour, WEEK_BINS)
    _two_sided(frame, day_residual, "day_scale", floor, cut, rate, out[5:7], np.abs(day_residual))
    _two_sided(
        frame, week_residual, "week_scale", floor, cut, rate * seen, out[2:0:-1], np.abs(week_residual)
    )
    new["day_sum"] = total = old["day_sum"] + (day_residual - old["day_sum"]) / np.float32(24)
    size = np.abs(total)
    out[7] = size / (old["day_sum_scale"] + floor)
    new["day_sum_scale"] = old["day_sum_scale"] + rate * (size - old["day_sum_scale"])
    # short level against long level
    new["mean8"] = mean8 = old["mean8"] + (v - old["mean8"]) / np.minimum(count, np.float32(8))
    size = np.abs(mean8 - old["mean500"])
    out[8] = size / (old["shift_scale"] + floor)
    new["shift_scale"] = old["shift_scale"] + rate * (size - old["shift_scale"])
    new["mean500"] = old["mean500"] + (v - old["mean500"]) / np.minimum(count, np.float32(SHIFT_MEMORY))
    _roughness(frame, step, floor, count, rate, out)
    _better(frame, lanes, day_residual, week_residual, seen, floor, cut, rate, out)
    new["before"], new["n"] = v, count
    new["high"], new["low"] = np.maximum(high, v), np.minimum(low, v)
    frame.sides = out


def write(frame: Frame, lanes: Lanes) -> None:
    """Keep what `measure` prepared, profiles included."""
    lanes.write(frame.where, frame.new)
    for name, (cells, values) in frame.cells.items():
        lanes.tables[name].reshape(-1)[cells] = values


def _level(frame: Frame, floor: F32, cut: F32, count: F32, out: F32) -> None:
    old, new = frame.old, frame.new
    rate = 1 / np.minimum(count, np.float32(LEVEL_MEMORY))
    scale = old["level_scale"]
    residual = frame.v - old["level"]
    z = residual / (scale + floor)
    out[3], out[4] = np.maximum(z, 0), np.maximum(-z, 0)
    limit = np.float32(OUTLIER) * scale + cut
    new["level_scale"] = scale + rate * (np.minimum(np.abs(residual), limit) - scale)
    new["level"] = old["level"] + rate * np.clip(residual, -limit, limit)


def _profile(frame: Frame, lanes: Lanes, name: str, bins: I64, width: int) -> tuple[F32, Bools]:
    """The residual from this bin's usual value (0 where the bin is new), and where the bin was seen before."""
    cells = frame.lanes * width + bins
    usual = lanes.tables[name].reshape(-1)[cells]
    counts = lanes.tables[f"{name}_n"].reshape(-1)[cells]
    seen = counts > 0
    difference = frame.v - usual
    times = np.minimum(counts, np.uint8(100)) + np.uint8(1)
    frame.cells[name] = (
        cells,
        usual + difference * np.maximum(1 / times.astype(np.float32), np.float32(PROFILE_RATE)),
    )
    frame.cells[f"{name}_n"] = cells, times
    return difference * seen, seen


def _two_sided(
    frame: Frame, residual: F32, row: str, floor: F32, cut: F32, rate: F32, out: F32, size: F32
) -> None:
    """Up and down apart: one tail must not hide the other. `out` gets (high, low)."""
    scale = frame.old[row]
    z = residual / (scale + floor)
    out[0], out[1] = np.maximum(z, 0), np.maximum(-z, 0)
    frame.new[row] = scale + rate * (np.minimum(size, np.float32(OUTLIER) * scale + cut) - scale)


def _roughness(frame: Frame, step: F32, floor: F32, count: F32, rate: F32, out: F32) -> None:
    old, new = frame.old, frame.new
    new["steps16"] = steps = old["steps16"] + (step - old["steps16"]) / np.minimum(count, np.float32(16))
    change = np.log(steps + floor) - old["log_steps"]
    spread = old["log_steps_scale"] + np.float32(0.05)
    out[10], out[11] = np.maximum(change, 0) / spread, np.maximum(-change, 0) / spread
    new["log_steps_scale"] = old["log_steps_scale"] + rate * (np.abs(change) - old["log_steps_scale"])
    new["log_steps"] = old["log_steps"] + rate * change


def _better(
    frame: Frame,
    lanes: Lanes,
    day: F32,
    week: F32,
    week_seen: Bools,
    floor: F32,
    cut: F32,
    rate: F32,
    out: F32,
) -> None:
    """The profile that has been better so far; its innovation in the scale of this hour of the day."""
    old, new = frame.old, frame.new
    residual = np.where(week_seen & (old["week_scale"] < old["day_scale"]), week, day)
    past, phi = old["better_residual"], np.clip(old["better_cxy"] / (old["better_cxx"] + TINY), 0, 1)
    innovation = residual - phi * past
    size = np.abs(innovation)
    cells = frame.lanes * HOURS + frame.clock.hour
    hour, counts = lanes.tables["hour"].reshape(-1)[cells], lanes.tables["hour_n"].reshape(-1)[cells]
    weight = counts.astype(np.float32)
    usual = old["better_scale"]
    here = (hour * weight + usual * np.float32(HERE_PRIOR)) / (weight + np.float32(HERE_PRIOR))
    out[0] = size / (here + floor)
    taken = np.minimum(size, np.float32(OUTLIER) * np.maximum(here, usual) + cut)
    times = np.minimum(counts, np.uint8(19)) + np.uint8(1)
    frame.cells["hour"] = cells, hour + (taken - hour) / times.astype(np.float32)
    frame.cells["hour_n"] = cells, times
    new["better_scale"] = usual + rate * (taken - usual)
    new["better_cxy"] = old["better_cxy"] + rate * (residual * past - old["better_cxy"])
    new["better_cxx"] = old["better_cxx"] + rate * (residual * residual - old["better_cxx"])
    new["better_residual"] = residual
    new["better_mean8"] = mean = old["better_mean8"] + (residual - old["better_mean8"]) / np.float32(8)
    new["better_mean48"] = old["better_mean48"] + (residual - old["better_mean48"]) / np.float32(48)
    size = np.abs(mean)
    scale = old["better_mean8_scale"]
    out[9] = size / (scale + floor)
    new["better_mean8_scale"] = scale + rate * (np.minimum(size, np.float32(OUTLIER) * scale + cut) - scale)
    frame.expected = frame.v - innovation
    frame.scale = here + floor
