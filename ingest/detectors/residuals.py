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
    "day_high",
    "day_low",  # against the half hour of the day
    "day_sum",  # a leaky mean of 24 residuals from the daily profile
    "residual_shift",
    "residual_48",  # the last 8, and bounded 48, residuals from the better profile
    "week_high",
    "week_low",  # against the hour of the week
    "high",
    "low",  # against the level of the last 2,000 readings
    "step",  # against the reading before
    "step_16",  # against the reading 16 before
    "return",  # out and back at once: the lesser of two steps that undo each other
    "level_shift",
    "level_24",  # the last 8, and bounded 24, readings against the last 500
    "rougher",
    "calmer",  # the logarithm of the mean step of 16 readings against its usual
    "steps",  # that mean step itself
)
DAILY, DAILY_SLOW, WEEKLY, PLAIN, PLAIN_SLOW = (
    slice(0, 3),
    slice(3, 6),
    slice(6, 8),
    slice(8, 13),
    slice(13, 18),
)
DAY_BINS, WEEK_BINS, HOURS = 48, 168, 24
PROFILE_RATE = 0.05
# Times the usual size: more of a deviation does not count in the two bounded means. So a short great excursion is not taken for a
# lasting small one, which then stands out.
BOUNDED, BOUNDED_LEVEL = 0.6, 2.0
MEMORY, LEVEL_MEMORY, SHIFT_MEMORY = 1000.0, 2000.0, 500.0
OUTLIER = 6.0  # times the scale: more of an outlier is not learned ...
OUTLIER_FROM = 30  # ... after so many readings
# Times the trusted range: more of a difference a profile does not learn, from a sentinel value say.
MOST = np.float32(4)
FLOOR = 0.01  # of the range seen so far
HERE_PRIOR = 6.0  # readings' worth of the common scale in an hour's own
MEDIAN_PACE = np.float32(0.03)  # of itself: so much the median step follows a step
SETTLED, SETTLED_SLOW = 20, 120  # readings before a side has a scale; those of long means need more
DAY_S, WEEK_S = np.float32(86_400), np.float32(7 * 86_400)  # a profile says nothing before it has come round
LONGEST = 10.0  # intervals: more of a hole is not taken for this hour's way
BUSIEST = 4.0  # times as rough as the whole day: more an hour is not taken to be
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
    "age",
    "last_step",
    "return_scale",
    "step_scale",
    "median_step",
    "step16_scale",
    "day_seen",
    "week_seen",
    "day_scale",
    "day_sum",
    "day_sum_scale",
    "week_scale",
    "mean8",
    "bounded24",
    "bounded24_scale",
    "mean500",
    "shift_scale",
    "steps16",
    "steps16_scale",
    "log_steps",
    "log_steps_scale",
    "better_residual",
    "better_cxy",
    "better_cxx",
    "better_scale",
    "better_mean8",
    "better_mean8_scale",
    "better_bounded48",
    "better_bounded48_scale",
]
TABLES = {
    "ring": ((16,), np.float32),
    "day": ((DAY_BINS,), np.float32),
    "day_n": ((DAY_BINS,), np.uint8),
    "week": ((WEEK_BINS,), np.float32),
    "week_n": ((WEEK_BINS,), np.uint8),
    "hour": ((HOURS, 2), np.float32),  # the usual innovation, and the usual interval in s
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
        day = local_s // 86_400  # and not divmod, which divides slowly
        second = local_s - 86_400 * day
        weekday = day + 3 - (day + 3) // 7 * 7  # 1970-01-01 was a Thursday
        if holidays:
            weekday = np.where(np.isin(day, np.fromiter(holidays, np.int64)), 6, weekday)
        hour = second // 3600
        return cls(second // 1800, hour, weekday * 24 + hour)


def _none() -> F32:
    return np.zeros(0, np.float32)


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
    accept: int  # readings after which what is strange is the new normal
    new: dict[str, F32] = field(default_factory=dict)
    cells: dict[str, tuple[I64, F32]] = field(default_factory=dict)
    sides: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    expected: F32 = field(default_factory=_none)  # like v
    scale: F32 = field(default_factory=_none)
    found: dict[str, F32] = field(default_factory=dict)
    kinds: dict[AnomalyKind, F32] = field(default_factory=dict)
    floor: F32 = field(default_factory=_none)
    lean: F32 = field(default_factory=_none)  # the residual from the better profile, in its usual size
    usual: F32 = field(default_factory=_none)  # at this half hour of the day, like v
    here: F32 = field(default_factory=_none)  # the usual innovation of this hour ...
    busy: F32 = field(default_factory=_none)  # ... in that of the whole day

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

    frame.here = _here(frame, lanes)
    usual = old["better_scale"]
    frame.busy = busy = np.clip((frame.here + floor) / (usual + floor), 1 / BUSIEST, BUSIEST)
    _level(frame, floor, cut, count, out[8:10])
    signed = (v - before) * (n > 0)
    step = np.abs(signed) / busy
    against(10, step, "step_scale", rate * (n > 0))
    new["median_step"] = _median(old["median_step"], np.abs(signed))
    slot = frame.lanes * 16 + (n.astype(np.int64) & 15)
    ring = lanes.tables["ring"].reshape(-1)
    full = n >= 16
    against(11, np.abs(v - np.where(full, ring[slot], v)), "step16_scale", rate * full)
    frame.cells["ring"] = slot, v
    back = np.minimum(np.abs(signed), np.abs(old["last_step"])) / busy
    against(12, back * (signed * old["last_step"] < 0), "return_scale", rate * (n > 1))
    new["last_step"] = signed
    day_residual, day_seen = _profile(frame, lanes, "day", frame.clock.half_hour, DAY_BINS)
    frame.usual = v - day_residual
    week_residual, week_seen = _profile(frame, lanes, "week", frame.clock.week_hour, WEEK_BINS)
    new["day_seen"], new["week_seen"] = old["day_seen"] + day_seen, old["week_seen"] + week_seen
    day_rate = day_seen / np.clip(new["day_seen"], 1, np.float32(MEMORY))
    week_rate = week_seen / np.clip(new["week_seen"], 1, np.float32(MEMORY))
    _two_sided(frame, day_residual / busy, "day_scale", floor, cut, day_rate, out[1:3])
    _two_sided(frame, week_residual / busy, "week_scale", floor, cut, week_rate, out[6:8])
    new["day_sum"] = total = old["day_sum"] + (day_residual - old["day_sum"]) / np.float32(24)
    size = np.abs(total)
    out[3] = size / (old["day_sum_scale"] + floor)
    new["day_sum_scale"] = old["day_sum_scale"] + day_rate * (size - old["day_sum_scale"])
    _shift(frame, floor, count, rate, out)
    against(14, np.abs(new["bounded24"]), "bounded24_scale", rate)
    _roughness(frame, step, floor, count, rate, out[15:17])
    against(17, new["steps16"], "steps16_scale", rate)
    _better(frame, day_residual, week_residual, week_seen, floor, cut, day_rate, out)
    new["age"] = np.minimum(old["age"] + frame.dt, np.float32(30) * DAY_S)
    _hush(frame, out)
    new["before"], new["n"] = v, count
    new["high"], new["low"] = np.maximum(high, v), np.minimum(low, v)
    frame.sides = out


def _shift(frame: Frame, floor: F32, count: F32, rate: F32, out: F32) -> None:
    """Short means against the long one."""
    old, new, v = frame.old, frame.new, frame.v
    new["mean8"] = mean8 = old["mean8"] + (v - old["mean8"]) / np.minimum(count, np.float32(8))
    size = np.abs(mean8 - old["mean500"])
    out[13] = size / (old["shift_scale"] + floor)
    new["shift_scale"] = old["shift_scale"] + rate * (size - old["shift_scale"])
    bound = np.float32(BOUNDED_LEVEL) * old["level_scale"] + floor
    bounded = np.clip(v - old["mean500"], -bound, bound)
    new["bounded24"] = old["bounded24"] + (bounded - old["bounded24"]) / np.minimum(count, np.float32(24))
    new["mean500"] = old["mean500"] + (v - old["mean500"]) / np.minimum(count, np.float32(SHIFT_MEMORY))


def _hush(frame: Frame, out: F32) -> None:
    """A side is silent until it has a scale, and its profile has come round."""
    n, age = frame.old["n"], frame.new["age"]
    day_seen, week_seen = frame.old["day_seen"], frame.old["week_seen"]
    out[DAILY] *= (age > DAY_S) & (day_seen > SETTLED)
    out[DAILY_SLOW] *= (age > DAY_S) & (day_seen > SETTLED_SLOW)
    out[WEEKLY] *= (age > WEEK_S) & (week_seen > SETTLED)
    out[PLAIN] *= n > SETTLED
    out[PLAIN_SLOW] *= n > SETTLED_SLOW


def usual_step(old: dict[str, F32]) -> F32:
    """The mean or the median one, whichever is less: where a series bursts the mean says little of what lies between."""
    return np.minimum(old["step_scale"], old["median_step"])


def _median(median: F32, step: F32) -> F32:
    """Followed up and down by the same share, by steps that are any."""
    following = np.where(median > 0, median * (1 + MEDIAN_PACE * np.sign(step - median)), step)
    return np.where(step > 0, following, median)


def write(frame: Frame, lanes: Lanes) -> None:
    """Keep what `measure` prepared, profiles included."""
    lanes.write(frame.where, frame.new)
    for name, (cells, values) in frame.cells.items():
        table = lanes.tables[name]
        if values.ndim == 1:
            table.reshape(-1)[cells] = values
        else:
            _pairs(table)[cells] = _pairs(values)


def _pairs(table: F32) -> I64:
    """Of a table whose last axis are two numbers each two as one, flat: taken and put five times sooner."""
    return table.view(np.int64).reshape(-1)


def _level(frame: Frame, floor: F32, cut: F32, count: F32, out: F32) -> None:
    old, new = frame.old, frame.new
    rate = 1 / np.minimum(count, np.float32(LEVEL_MEMORY))
    scale = old["level_scale"]
    residual = frame.v - old["level"]
    z = residual / (scale + floor)
    out[0], out[1] = np.maximum(z, 0), np.maximum(-z, 0)
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
    learned, most = difference, MOST / np.float32(FLOOR) * frame.floor
    far = np.flatnonzero((np.abs(difference) > most) & seen & (frame.old["n"] > OUTLIER_FROM))  # seldom any
    if far.size:
        learned = difference.copy()
        learned[far] = np.clip(difference[far], -most[far], most[far])
    times = np.minimum(counts, np.uint8(100)) + np.uint8(1)
    frame.cells[name] = (
        cells,
        usual + learned * np.maximum(1 / times.astype(np.float32), np.float32(PROFILE_RATE)),
    )
    frame.cells[f"{name}_n"] = cells, times
    return difference * seen, seen


def _two_sided(frame: Frame, residual: F32, row: str, floor: F32, cut: F32, rate: F32, out: F32) -> None:
    """Up and down apart: one tail must not hide the other. `out` gets (high, low)."""
    scale = frame.old[row]
    z = residual / (scale + floor)
    out[0], out[1] = np.maximum(z, 0), np.maximum(-z, 0)
    taken = np.minimum(np.abs(residual), np.float32(OUTLIER) * scale + cut)
    frame.new[row] = scale + rate * (taken - scale)


def _roughness(frame: Frame, step: F32, floor: F32, count: F32, rate: F32, out: F32) -> None:
    old, new = frame.old, frame.new
    new["steps16"] = steps = old["steps16"] + (step - old["steps16"]) / np.minimum(count, np.float32(16))
    change = np.log(steps + floor) - old["log_steps"]
    spread = old["log_steps_scale"] + np.float32(0.05)
    out[0], out[1] = np.maximum(change, 0) / spread, np.maximum(-change, 0) / spread
    new["log_steps_scale"] = old["log_steps_scale"] + rate * (np.abs(change) - old["log_steps_scale"])
    new["log_steps"] = old["log_steps"] + rate * change


def _here(frame: Frame, lanes: Lanes) -> F32:
    """The usual innovation at this hour of the day; a new hour's is the whole day's."""
    cells = frame.lanes * HOURS + frame.clock.hour
    hour = _pairs(lanes.tables["hour"])[cells].view(np.float32).reshape(-1, 2)
    counts = lanes.tables["hour_n"].reshape(-1)[cells]
    frame.cells["hour"], frame.cells["hour_n"] = (cells, hour), (cells, counts)
    weight = counts.astype(np.float32)
    here: F32 = (hour[:, 0] * weight + frame.old["better_scale"] * np.float32(HERE_PRIOR)) / (
        weight + np.float32(HERE_PRIOR)
    )
    return here


def _better(
    frame: Frame, day: F32, week: F32, week_seen: Bools, floor: F32, cut: F32, rate: F32, out: F32
) -> None:
    """The profile that has been better so far; its innovation in the scale of this hour of the day."""
    old, new, here = frame.old, frame.new, frame.here
    weekly = week_seen & (old["week_scale"] < old["day_scale"])
    residual = np.where(weekly, week, day)
    past, phi = old["better_residual"], np.clip(old["better_cxy"] / (old["better_cxx"] + TINY), 0, 1)
    innovation = residual - phi * past
    size = np.abs(innovation)
    out[0] = size / (here + floor)
    usual = old["better_scale"]
    taken = np.minimum(size, np.float32(OUTLIER) * np.maximum(here, usual) + cut)
    (cells, hour), (_, counts) = frame.cells["hour"], frame.cells["hour_n"]
    times = np.minimum(counts, np.uint8(19)) + np.uint8(1)
    interval = np.minimum(
        frame.dt, np.float32(LONGEST) * (old["interval"] + frame.dt * (old["interval"] == 0))
    )
    now, weight = np.empty_like(hour), times.astype(np.float32)
    for column, value in enumerate((taken, interval)):
        before = hour[:, column]
        now[:, column] = before + (value - before) / weight
    frame.cells["hour"] = cells, now
    frame.cells["hour_n"] = cells, times
    new["better_scale"] = usual + rate * (taken - usual)
    new["better_cxy"] = old["better_cxy"] + rate * (residual * past - old["better_cxy"])
    new["better_cxx"] = old["better_cxx"] + rate * (residual * residual - old["better_cxx"])
    new["better_residual"] = residual
    scale = np.where(weekly, old["week_scale"], old["day_scale"])
    frame.lean = residual / (scale + floor)
    bound = np.float32(BOUNDED) * scale + floor
    bounded = np.clip(residual, -bound, bound)
    for side, row, value, readings in (
        (4, "better_mean8", residual, 8),
        (5, "better_bounded48", bounded, 48),
    ):
        new[row] = mean = old[row] + (value - old[row]) / np.float32(readings)
        size, scale = np.abs(mean), old[f"{row}_scale"]
        out[side] = size / (scale + floor)
        new[f"{row}_scale"] = scale + rate * (np.minimum(size, np.float32(OUTLIER) * scale + cut) - scale)
    frame.expected = frame.v - innovation
    frame.scale = here + floor
