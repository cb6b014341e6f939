"""What is usual for a series at this hour of this weekday, and between which values most minutes lie. Pure.

Each hour that ends is folded into its hour of the day (a mean over some ten days) and its hour of the week (some five weeks).
Expected is the mean of both, weighed by how many days stand behind them, from the middle of one hour to that of the next; a
holiday is a Sunday. How far minutes are off is folded in hour by hour, too, and so is by how much of that the band is to be
wider, so that 98 of 100 minutes were within. An hour that lies mostly outside, or that was told of, moves it little, and says
nothing of its hour of the week until the same is seen there again.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.lanes import F32, F64, I64, Bools, Lanes
from telemetry.times import DAY_MS, HOUR_MS

DAYS, WEEKS = 10.0, 5.0  # over so many is a mean taken
DAY_WEIGHT = 2.0  # days' worth of the hour of the day in what is expected of the hour of the week
LEARNED = 2  # days with this hour before anything is said
EARLY = 3.0  # how much wider the band is at first: by this over the days that were seen
OUTLIER = 3.0  # times the usual distance: more of an hour is not learned
WIDE, WIDE_LEAST = 4.0, 2.5  # the band in usual distances: at first, and at least
BEYOND, WIDE_STEP = 0.02, 0.3  # the share of minutes outside; how fast the width follows
MOSTLY, PACE = 0.5, 0.25  # an hour with so much outside is learned at this pace
ALIKE = 0.5  # of the way from one to the other: nearer to one than this it is like it
DOUBTED = 255  # weeks of an hour of the week that was there once, and was doubtful: it counts for nothing yet
# `hour` is the open one, in civil hours since 1970; `count` to `told` are of it.
ROWS = ("wide", "hour", "count", "measured", "beyond", "told")
TABLES = {
    "week": ((168,), np.float32),
    "weeks": ((168,), np.uint8),
    "day": ((24,), np.float32),
    "days": ((24,), np.uint8),
    "off": ((24,), np.float32),
    "sum": ((), np.float64),
    "sum_off": ((), np.float64),
}


class Band(NamedTuple):
    """Per series or hour: what is expected, between which values; NaN while that is not learned."""

    low: F64
    expected: F64
    high: F64


class Profile:
    """Lanes are numbered as the survey's. `holidays` are days since 1970."""

    def __init__(self, holidays: frozenset[int] = frozenset()) -> None:
        self.lanes = Lanes(ROWS, TABLES)
        self._holidays = np.fromiter(holidays, np.int64)

    def band(self, lanes: I64, local_ms: I64, least: int = LEARNED) -> Band:
        """What is usual for these lanes at these civil times, where the hour was seen on `least` days."""
        hour = local_ms % DAY_MS // HOUR_MS
        tables = self.lanes.tables
        days, off = tables["days"][lanes, hour].astype(np.float64), tables["off"][lanes]
        here = np.where(off[np.arange(len(lanes)), hour] > 0, off[np.arange(len(lanes)), hour], off.max(1))
        wide = np.maximum(self.lanes.read(lanes)["wide"], WIDE_LEAST) * (1 + EARLY / np.maximum(days, 1))
        learned = (days >= least) & (here > 0)
        expected = np.where(learned, self._expected(lanes, local_ms), np.nan)
        far = wide * here
        return Band(expected - far, expected, expected + far)

    def learn(self, lanes: I64, local_ms: I64, values: F64, told: Bools | None = None) -> None:
        """One minute each of these lanes, none twice, newer than what they have learned; of those that are `told` slowly. What
        lies further out than twice the band is taken as if it lay there."""
        usual = self.band(lanes, local_ms)
        half = usual.high - usual.expected
        values = np.where(np.isnan(half), values, np.clip(values, usual.low - half, usual.high + half))
        rows, tables = self.lanes.read(lanes), self.lanes.tables
        hour = (local_ms // HOUR_MS).astype(np.float32)
        ends = (rows["hour"] != hour) & (rows["count"] > 0)
        if ends.any():
            self._fold(lanes[ends])
        same = rows["hour"] == hour
        known = tables["days"][lanes, local_ms % DAY_MS // HOUR_MS] > 0
        size = np.where(known, np.abs(values - self._expected(lanes, local_ms)), 0)
        far = np.maximum(rows["wide"], WIDE_LEAST) * tables["off"][lanes, local_ms % DAY_MS // HOUR_MS]
        tables["sum"][lanes] = np.where(same, tables["sum"][lanes], 0) + values
        tables["sum_off"][lanes] = np.where(same, tables["sum_off"][lanes], 0) + size
        one = np.float32(1)
        self.lanes.write(
            lanes,
            {
                "hour": hour,
                "count": np.where(same, rows["count"], 0) + one,
                "measured": np.where(same, rows["measured"], 0) + known,
                "beyond": np.where(same, rows["beyond"], 0) + (known & (size > far)),
                "told": np.where(same, rows["told"], 0) + (0 if told is None else told),
            },
        )

    def shift(self, lane: int, by: float) -> None:
        """What is usual at every hour of one lane lies higher by so much from now on."""
        for table in ("day", "week"):
            self.lanes.tables[table][lane] += by

    def _expected(self, lanes: I64, local_ms: I64) -> F64:
        """From the middle of one hour to that of the next; where the next is unknown, the hour's own."""
        hour = local_ms // HOUR_MS
        before = local_ms % HOUR_MS < HOUR_MS // 2
        beside = np.where(before, hour - 1, hour + 1)
        share = np.abs(local_ms % HOUR_MS / HOUR_MS - 0.5)
        mine, theirs = self._mean(lanes, hour), self._mean(lanes, beside)
        known = self.lanes.tables["days"][lanes, beside % 24] > 0
        expected: F64 = np.where(known, mine + share * (theirs - mine), mine)
        return expected

    def _mean(self, lanes: I64, hour: I64) -> F64:
        day_hour, week_hour = self._cells(hour)
        tables = self.lanes.tables
        weeks = _counted(tables["weeks"][lanes, week_hour])
        day, week = tables["day"][lanes, day_hour], tables["week"][lanes, week_hour]
        mean: F64 = (DAY_WEIGHT * day + weeks * week) / (DAY_WEIGHT + weeks)
        return mean

    def _fold(self, lanes: I64) -> None:
        """Hours that have ended."""
        rows, tables = self.lanes.read(lanes), self.lanes.tables
        day_hour, week_hour = self._cells(rows["hour"].astype(np.int64))
        measured = rows["measured"] > 0
        share = rows["beyond"] / np.maximum(rows["measured"], 1)
        off, days = tables["off"][lanes, day_hour], tables["days"][lanes, day_hour]
        doubtful = ((share > MOSTLY) & (off > 0)) | (rows["told"] > MOSTLY * rows["count"])
        pace = np.where(doubtful & (days >= 2 * LEARNED), PACE, 1.0)
        mean_off = tables["sum_off"][lanes] / np.maximum(rows["measured"], 1)
        taken = np.where((days > LEARNED) & (off > 0), np.minimum(mean_off, OUTLIER * off), mean_off)
        moved = off + pace * (taken - off) / np.clip(days, 1, DAYS)
        tables["off"][lanes, day_hour] = np.where(measured, moved, off)
        wide = np.where(rows["wide"] > 0, rows["wide"], np.float32(WIDE))
        wider = np.maximum(wide + pace * WIDE_STEP * (share - BEYOND), WIDE_LEAST)
        self.lanes.write(lanes, {"wide": np.where(measured & (days > LEARNED), wider, wide)})
        means = tables["sum"][lanes] / rows["count"]
        self._fold_week(lanes, week_hour, means, doubtful, tables["day"][lanes, day_hour])
        seen = np.minimum(days, np.uint8(100)) + np.uint8(1)
        before = tables["day"][lanes, day_hour]
        learned = np.where(seen > 1, pace, 1.0)
        tables["day"][lanes, day_hour] = before + learned * (means - before) / np.minimum(seen, DAYS)
        tables["days"][lanes, day_hour] = seen

    def _fold_week(self, lanes: I64, cells: I64, means: F64, doubtful: Bools, day: F32) -> None:
        """A doubtful hour is kept, and counts when the next of its weekday is like it and unlike the hour of the day. One that is
        like the hour of the day instead goes back to it at the full pace."""
        week, weeks = self.lanes.tables["week"], self.lanes.tables["weeks"]
        before, seen = week[lanes, cells], weeks[lanes, cells]
        counted, from_week, from_day = _counted(seen), np.abs(means - before), np.abs(means - day)
        alike = (seen == DOUBTED) & (from_week <= ALIKE * from_day)
        times = np.where(alike & doubtful, 2, np.minimum(counted, 100) + 1)
        pace = np.where(doubtful & (counted > 0) & (from_day > ALIKE * from_week), PACE, 1.0)
        kept = doubtful & (counted == 0) & ~alike
        week[lanes, cells] = before + pace * (means - before) / np.minimum(times, WEEKS)
        week[lanes[kept], cells[kept]] = means[kept]
        weeks[lanes, cells] = np.where(kept, DOUBTED, times)

    def _cells(self, hour: I64) -> tuple[I64, I64]:
        """The hour of the day and of the week, of hours since 1970."""
        day, of_day = np.divmod(hour, 24)
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
        if len(self._holidays):
            weekday = np.where(np.isin(day, self._holidays), 6, weekday)
        return of_day, weekday * 24 + of_day


def _counted(weeks: NDArray[np.uint8]) -> F64:
    """How many of them count."""
    counted: F64 = np.where(weeks == DOUBTED, 0, weeks).astype(np.float64)
    return counted


def inside(band: Band, values: F64) -> Bools:
    """Which of the values lie in it; none where nothing is known."""
    within: Bools = (values >= band.low) & (values <= band.high)
    return within
