"""Whether a sensor still agrees with its neighbours as it did in its first week: its calibration drifts over weeks. Pure.

The hours of each day are compared with those of up to six neighbours of the same quantity: of the site where two measure it, else
of the city, from four sensors at three sites on. Each neighbour's first seven days say what it leads to expect (`ingest.proxy`);
the day's difference is the median over its hours and then over the neighbours, and is summed up (`ingest.cusum`). A day begins at
noon, so that a night is whole, and is looked at an hour or more after its end, when its neighbours have told all of it: what
comes late or again is in no hour. What everybody at the site has is the city's, and a step is left to those who saw it happen,
unless a neighbour at the site says that nothing did.
"""

import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ingest import cusum, proxy
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F64, I64, Block, Bools, Lanes
from ingest.proxy import Yardstick
from telemetry.times import DAY_MS, HOUR_MS

NOON_MS = 12 * HOUR_MS
WAITS_MS, SPREAD_MS = HOUR_MS, 4 * HOUR_MS  # after a day's end; not all series at once
ASKED = 6  # neighbours
LEARNS = 7  # days with a neighbour before it is believed
HOURS = 3  # both must have of a day
GONE = 14  # days without a neighbour: another is asked
SITE = 2  # neighbours of the site: they are enough
CITY, CITY_SITES = 3, 2  # else so many neighbours of the city, at so many sites beside the own
ALONE = 0.5  # of the difference from the city: so much must be seen from beside
OVER = 3  # days on which it is said that it is over
STICKS = tuple(proxy.YARDSTICKS)
TABLES: Mapping[str, Block] = {
    "quantity": ((), np.uint8),  # index into STICKS + 1; 0: not compared
    "id": ((), np.int64),
    "site": ((), np.int64),
    "marks": ((), np.uint8),  # how often it was calibrated
    "corrected": ((), np.int64),  # the newest correction that was heard of
    "day": ((2,), np.int64),  # of the hours below: this one and the one before, by turns
    "sum": ((2, 24), np.float32),
    "count": ((2, 24), np.uint8),
    "closed": ((), np.int64),  # the last day that was looked at
    "who": ((ASKED,), np.int64),
    "days": ((ASKED,), np.uint8),
    "gone": ((ASKED,), np.uint8),
    "marked": ((ASKED,), np.uint8),  # the neighbour's `marks` when it was learned
    "levels": ((2, ASKED, LEARNS), np.float32),  # the medians of the days it is learned from: mine, theirs
    "over": ((), np.uint8),
    **cusum.TABLES,
}


class Day(NamedTuple):
    """A day against the neighbours: how far off, on the scale of the yardstick, of how many, and within which spread that is
    usual. `beside`: some of them stand at the same site."""

    off: float
    spread: float
    neighbours: int
    beside: bool


class Agreement:
    """Lanes are numbered as the survey's; `offset_ms` is the civil time's distance from UTC."""

    def __init__(self, offset_ms: int) -> None:
        self.lanes = Lanes((), TABLES)
        self._offset_ms = offset_ms
        self._place: dict[int, tuple[str, str]] = {}
        self._lane: dict[str, dict[int, int]] = {one: {} for one in STICKS}  # quantity → id → lane
        self._lanes: dict[str, I64] = {}

    def place(self, lane: int, sensor: str, quantity: str, site: str) -> None:
        """What the series is, and where; at a new place it is compared anew. `site` "" = not known yet."""
        if self._place.get(lane) == (quantity, site) or quantity not in proxy.YARDSTICKS:
            return
        tables, place = self.lanes.tables, _number(site) if site else 0
        if place and tables["site"][lane] not in (0, place):
            self.calibrated(lane)
        self._place[lane] = quantity, site
        tables["quantity"][lane], tables["id"][lane] = STICKS.index(quantity) + 1, _number(sensor)
        tables["site"][lane] = place or tables["site"][lane]
        self._lane[quantity][_number(sensor)] = lane

    def calibrated(self, lane: int) -> None:
        """What it said before is no measure any more, neither to itself nor to those who ask it."""
        tables = self.lanes.tables
        if not tables["count"][lane].any() and not tables["walks"][lane]:
            return  # nothing was said since the last time
        if tables["walks"][lane]:
            tables["over"][lane] = OVER
        for name in (*cusum.TABLES, "who", "days", "gone", "marked", "levels", "count", "day"):
            tables[name][lane] = 0
        tables["marks"][lane] = (int(tables["marks"][lane]) + 1) % 256

    def corrected(self, lane: int, correction: int) -> bool:
        """A correction, by its number, is in force; False when that is no news. It is as good as a calibration, but not where
        nothing was heard without it."""
        if correction <= self.lanes.tables["corrected"][lane]:
            return False
        self.lanes.tables["corrected"][lane] = correction
        if self.lanes.tables["count"][lane].any():
            self.calibrated(lane)
        return True

    def resume(self, lane: int, value: float, expected: float, since_ms: int) -> bool:
        """An earlier process life has told that the lane drifts, and not that it is over; False when that is known. Where it is
        remembered otherwise it is over. Where nothing is, it goes on, so far off: without that the neighbours are learned."""
        tables = self.lanes.tables
        if tables["walks"][lane] or not tables["quantity"][lane]:
            return False
        stick = proxy.YARDSTICKS[STICKS[tables["quantity"][lane] - 1]]
        mine, theirs = proxy.measured(stick, np.array([value, expected]))
        if tables["closed"][lane] or mine == theirs:
            tables["over"][lane] = OVER
        else:
            row = {name: tables[name][lane, ...] for name in cusum.TABLES}
            cusum.resume(row, (since_ms + self._offset_ms) // DAY_MS - 1, mine - theirs)
        return True

    def drifts(self, lane: int) -> bool:
        """Whether it is being told of."""
        return bool(self.lanes.tables["walks"][lane])

    def look(self, lanes: I64, at_ms: I64, values: F64) -> Iterator[tuple[int, Finding]]:
        """A look each of these lanes, none twice: (place in `lanes`, what is found of the day before), once a day each."""
        tables = self.lanes.tables
        since_noon = at_ms + self._offset_ms - NOON_MS
        day, hour = since_noon // DAY_MS, (since_noon + NOON_MS) % DAY_MS // HOUR_MS
        waits = WAITS_MS + tables["id"][lanes] % SPREAD_MS
        compared = tables["quantity"][lanes] > 0
        due = compared & (tables["closed"][lanes] < day - 1) & (since_noon % DAY_MS >= waits)
        for place in np.flatnonzero(due).tolist():
            found = self._close(int(lanes[place]), int(day[place]) - 1)
            if found is not None:
                yield place, found
        self._add(lanes[compared], day[compared], hour[compared], values[compared])

    def _add(self, lanes: I64, day: I64, hour: I64, values: F64) -> None:
        tables, turn = self.lanes.tables, day % 2
        new = tables["day"][lanes, turn] != day
        if new.any():
            tables["count"][lanes[new], turn[new]] = 0
            tables["day"][lanes[new], turn[new]] = day[new]
        count = tables["count"][lanes, turn, hour]
        total = np.where(count > 0, tables["sum"][lanes, turn, hour], 0)
        takes = count < np.iinfo(np.uint8).max
        tables["sum"][lanes, turn, hour] = total + np.where(takes, values, 0)
        tables["count"][lanes, turn, hour] = count + takes

    def _close(self, lane: int, day: int) -> Finding | None:
        """A day is over: what is told of the series, if anything."""
        tables = self.lanes.tables
        tables["closed"][lane] = day
        row = {name: tables[name][lane, ...] for name in cusum.TABLES}
        stick = proxy.YARDSTICKS[STICKS[tables["quantity"][lane] - 1]]
        mine = self._hours(np.array([lane]), day, stick)[0]
        off: float | None = None
        if not np.isnan(mine).all():
            walked = bool(row["walks"][()])
            compared = self._compare(lane, day, mine, stick)
            if compared is not None:
                off = compared.off
                cusum.take(row, day, off, compared.spread, stick.matters, suddenly=compared.beside)
            if walked and not row["walks"][()]:
                tables["over"][lane] = OVER
            if compared is not None and row["walks"][()]:
                return self._finding(row, stick, mine, compared)
        if tables["over"][lane]:
            tables["over"][lane] -= 1
            middle = 0.0 if np.isnan(mine).all() else proxy.unmeasured(stick, float(np.nanmedian(mine)))
            return Finding(0.0, middle, self._midnight(day))
        return None

    def _finding(self, row: cusum.Row, stick: Yardstick, mine: F64, compared: Day) -> Finding:
        middle, off = float(np.nanmedian(mine)), cusum.difference(row) or 0.0
        return Finding(
            abs(off) / stick.matters,
            proxy.unmeasured(stick, middle),
            self._midnight(cusum.began(row)),
            proxy.unmeasured(stick, middle - off),
            against=compared.neighbours,
        )

    def _midnight(self, day: int) -> int:
        """In the middle of a day from noon to noon, since 1970."""
        return (day + 1) * DAY_MS - self._offset_ms

    def _hours(self, lanes: I64, day: int, stick: Yardstick) -> F64:
        """(lanes, hours) of the yardstick's hours; NaN where there is nothing."""
        tables, turn, hours = self.lanes.tables, day % 2, np.array(stick.hours)
        count = tables["count"][lanes, turn][:, hours]
        there = (count > 0) & (tables["day"][lanes, turn] == day)[:, None]
        means = tables["sum"][lanes, turn][:, hours].astype(np.float64) / np.maximum(count, 1)
        return np.where(there, proxy.measured(stick, means), np.nan)

    def _compare(self, lane: int, day: int, mine: F64, stick: Yardstick) -> Day | None:
        """The day against the neighbours that are believed; the others are learned."""
        tables = self.lanes.tables
        self._seek(lane, day, stick)
        of = self._lane[STICKS[tables["quantity"][lane] - 1]]
        lanes = np.array([of.get(one, -1) for one in tables["who"][lane].tolist()], np.int64)
        tables["gone"][lane] += (tables["who"][lane] != 0) & (lanes < 0)  # not known in this process life
        (slots,) = np.nonzero(lanes >= 0)
        others = lanes[slots]
        if not len(others):
            return None
        self._renew(lane, slots, others)
        theirs = self._hours(others, day, stick)
        both = ~np.isnan(theirs) & ~np.isnan(mine)
        there = both.sum(1) >= HOURS
        tables["gone"][lane][slots] = np.where(there, 0, tables["gone"][lane][slots] + 1)
        believed = there & (tables["days"][lane][slots] >= LEARNS)
        found = self._day(lane, others[believed], mine, theirs[believed], slots[believed], stick)
        shifted = mine - (found.off if found is not None else self._walked(lane))
        for place in np.flatnonzero(there & ~believed).tolist():
            slot, hours = slots[place], both[place]
            level = np.median(shifted[hours]), np.median(theirs[place, hours])
            tables["levels"][lane][:, slot, tables["days"][lane][slot]] = level
            tables["days"][lane][slot] += 1
        return found

    def _walked(self, lane: int) -> float:
        """How far off it was on the last days of which that is known; 0 while it is not told of."""
        row = {name: self.lanes.tables[name][lane, ...] for name in cusum.TABLES}
        return (cusum.difference(row) or 0.0) if row["walks"][()] else 0.0

    def _day(
        self, lane: int, others: I64, mine: F64, theirs: F64, slots: I64, stick: Yardstick
    ) -> Day | None:
        if not len(others):
            return None
        levels = self.lanes.tables["levels"][lane][:, slots].astype(np.float64)
        known = proxy.match(levels[0], levels[1], stick.least)
        off = np.nanmedian(mine - proxy.expected(known, theirs), axis=1)
        sites = self.lanes.tables["site"][others]
        beside: Bools = sites == self.lanes.tables["site"][lane]

        def of(which: Bools, far: float) -> Day:
            spread = max(float(np.median(known.spread[which])), stick.least)
            return Day(far, spread, int(which.sum()), bool(beside.any()))

        if beside.sum() >= SITE:
            return of(beside, proxy.median_nearest(off[beside]))
        city = ~beside
        if not stick.widely or city.sum() < CITY or len(np.unique(sites[city])) < CITY_SITES:
            return None
        far = proxy.median_nearest(off[city])
        if beside.any():
            near = float(off[beside][0])
            alone = far * near > 0 and abs(near) >= ALONE * abs(far)
            # Else who is beside it has it, too: it is the place.
            far = min(far, near, key=abs) if alone else 0.0
        return of(np.ones(len(others), bool), far)

    def _renew(self, lane: int, slots: I64, others: I64) -> None:
        """Neighbours that were calibrated are learned anew."""
        tables = self.lanes.tables
        marks = tables["marks"][others]
        new = slots[tables["marked"][lane][slots] != marks]
        tables["days"][lane][new] = 0
        tables["marked"][lane][slots] = marks

    def _seek(self, lane: int, day: int, stick: Yardstick) -> None:
        """Ask others where a neighbour is missing: those of the site first, also in the place of others; then by number."""
        tables = self.lanes.tables
        who = tables["who"][lane]
        who[tables["gone"][lane] >= GONE] = 0
        all_of = self._members(STICKS[tables["quantity"][lane] - 1])
        beside = tables["site"][all_of] == tables["site"][lane]
        asked = np.isin(tables["id"][all_of], who) | (all_of == lane)
        alive = tables["day"][all_of, day % 2] == day
        near = all_of[beside & ~asked & alive]
        here = tables["id"][all_of[beside]]
        (free,) = np.nonzero(who == 0)
        if len(near) > len(free):
            (city,) = np.nonzero((who != 0) & ~np.isin(who, here))
            free = np.r_[free, city[::-1]][: max(len(free), len(near))]
        if not len(free):
            return
        far = all_of[~beside & ~asked & alive] if stick.widely else near[:0]
        turn = (tables["id"][far] - tables["id"][lane]) % (1 << 33)
        chosen = np.r_[near[np.argsort(tables["id"][near])], far[np.argsort(turn)]][: len(free)]
        free = free[: len(chosen)]
        who[free], tables["marked"][lane][free] = tables["id"][chosen], tables["marks"][chosen]
        tables["days"][lane][free], tables["gone"][lane][free] = 0, 0

    def _members(self, quantity: str) -> I64:
        """Lanes of all that measure it."""
        of = self._lane[quantity]
        if len(self._lanes.get(quantity, ())) != len(of):
            self._lanes[quantity] = np.fromiter(of.values(), np.int64)
        return self._lanes[quantity]


def _number(name: str) -> int:
    """The same in every process life, never 0."""
    return zlib.crc32(name.encode()) + 1
