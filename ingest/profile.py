"""What is usual for a series at this hour of this weekday, and between which values most minutes lie. Pure.

Each hour that ends is folded into its hour of the day (a mean over some ten days) and its hour of the week (some five weeks).
Expected is the mean of both, weighed by how many days stand behind them; a holiday is a Sunday. How far a minute may be off is
learned for each hour of the day, and by how much of that the band is to be wider, so that 98 of 100 minutes were within.
"""

from typing import NamedTuple

import numpy as np

from ingest.detectors.lanes import F64, I64, Lanes

HOUR_MS = 3_600_000
DAYS, WEEKS = 10.0, 5.0  # over so many is a mean taken
DAY_WEIGHT = 2.0  # days' worth of the hour of the day in what is expected of the hour of the week
LEARNED = 2  # days with this hour before anything is said
OFF_MINUTES = 1000.0  # over so many is the usual distance of an hour learned
OUTLIER = 6.0  # times that distance: more of an outlier is not learned
WIDE, WIDE_LEAST = 4.0, 2.5  # the band in usual distances: at first, and at least
BEYOND, WIDE_STEP = 0.02, 0.005  # the share of minutes outside; how fast the width follows
ROWS = ("wide", "hour", "count")  # `hour`: the open one, in hours since 1970, civil; 0 = none
TABLES = {
    "week": ((168,), np.float32),
    "weeks": ((168,), np.uint8),
    "day": ((24,), np.float32),
    "days": ((24,), np.uint8),
    "off": ((24,), np.float32),
    "offs": ((24,), np.uint16),
    "sum": ((), np.float64),
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

    def band(self, lanes: I64, local_ms: I64) -> Band:
        """What is usual for these lanes at these civil times."""
        hour, _ = self._cells(local_ms)
        tables = self.lanes.tables
        days, offs = tables["days"][lanes, hour].astype(np.float64), tables["offs"][lanes, hour]
        wide = np.maximum(self.lanes.read(lanes)["wide"], WIDE_LEAST) * np.sqrt(1 + 1 / np.maximum(days, 1))
        learned = (days >= LEARNED) & (offs > 0)
        expected = np.where(learned, self._expected(lanes, local_ms), np.nan)
        far = wide * tables["off"][lanes, hour]
        return Band(expected - far, expected, expected + far)

    def learn(self, lanes: I64, local_ms: I64, values: F64) -> None:
        """One minute each of these lanes, none twice, newer than what they have learned."""
        self._learn_distance(lanes, local_ms, values)
        rows, tables = self.lanes.read(lanes), self.lanes.tables
        hour = (local_ms // HOUR_MS).astype(np.float32)
        ends = (rows["hour"] != hour) & (rows["count"] > 0)
        if ends.any():
            self._fold(lanes[ends], rows["hour"][ends], tables["sum"][lanes[ends]] / rows["count"][ends])
        same = rows["hour"] == hour
        tables["sum"][lanes] = np.where(same, tables["sum"][lanes], 0) + values
        count = np.where(same, rows["count"], 0) + np.float32(1)
        self.lanes.write(lanes, {"hour": hour, "count": count})

    def _learn_distance(self, lanes: I64, local_ms: I64, values: F64) -> None:
        day_hour, _ = self._cells(local_ms)
        tables = self.lanes.tables
        known = tables["days"][lanes, day_hour] > 0
        if not known.any():
            return
        lanes, day_hour, values = lanes[known], day_hour[known], values[known]
        size = np.abs(values - self._expected(lanes, local_ms[known]))
        off, offs = tables["off"][lanes, day_hour], tables["offs"][lanes, day_hour]
        wide = self.lanes.read(lanes)["wide"]
        wide = np.where(wide > 0, wide, np.float32(WIDE))
        beyond = size > wide * off
        moved = wide + np.float32(WIDE_STEP) * (beyond - np.float32(BEYOND))
        self.lanes.write(lanes, {"wide": np.where(offs >= 60, np.maximum(moved, WIDE_LEAST), wide)})
        taken = np.where(offs >= 30, np.minimum(size, OUTLIER * off), size)
        times = np.minimum(offs, np.uint16(OFF_MINUTES)) + np.uint16(1)
        tables["off"][lanes, day_hour] = off + (taken - off) / times
        tables["offs"][lanes, day_hour] = times

    def _expected(self, lanes: I64, local_ms: I64) -> F64:
        day_hour, week_hour = self._cells(local_ms)
        tables = self.lanes.tables
        weeks = tables["weeks"][lanes, week_hour].astype(np.float64)
        day, week = tables["day"][lanes, day_hour], tables["week"][lanes, week_hour]
        expected: F64 = (DAY_WEIGHT * day + weeks * week) / (DAY_WEIGHT + weeks)
        return expected

    def _fold(self, lanes: I64, hours: F64, means: F64) -> None:
        """Hours that have ended."""
        day_hour, week_hour = self._cells(hours.astype(np.int64) * HOUR_MS)
        for table, count, cell, memory in (
            ("day", "days", day_hour, DAYS),
            ("week", "weeks", week_hour, WEEKS),
        ):
            usual, seen = self.lanes.tables[table], self.lanes.tables[count]
            times = np.minimum(seen[lanes, cell], np.uint8(100)) + np.uint8(1)
            before = usual[lanes, cell]
            usual[lanes, cell] = before + (means - before) / np.minimum(times, memory)
            seen[lanes, cell] = times

    def _cells(self, local_ms: I64) -> tuple[I64, I64]:
        """The hour of the day and of the week."""
        day, ms = np.divmod(local_ms, 86_400_000)
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
        if len(self._holidays):
            weekday = np.where(np.isin(day, self._holidays), 6, weekday)
        hour = ms // HOUR_MS
        return hour, weekday * 24 + hour
