"""Sensors of which too few readings arrive: damaged frames, a loose plug, a poor radio link. Pure.

A sensor that says nothing is silent (`ingest.silence`); here it speaks, and many of its readings are missing in between. Each
reading says how many were due since the one before. What is missing speaks for a line that loses half of them, what came for
one that loses no more than is usual: a cumulative sum (Page, 1954) of the logarithms of how likely each is. What is usual is
learned, a radio link may lose some. One hole, however long, is no such line; a sensor that is slower than it was declared has
its own pace. A reading that comes after newer ones fills its hole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest import absence
from ingest.checks import BACKLOG_MS
from ingest.detectors.bank import rounds
from ingest.detectors.lanes import I64, Block, Lanes
from ingest.telling import Known, over
from telemetry.anomaly import Anomaly, AnomalyKind

LOSSY = 0.5  # the share that a bad line loses
RARELY, OFTEN = 0.02, 0.25  # the share a good one loses: at least and at most
OPENS, CLOSES, MOST = 7.0, 3.5, 9.0  # of the sum, in nats
STEP_MS = 30_000.0  # what a fast sensor loses within counts as one reading
HOLE_MOST = 2.0  # readings (of fast sensors: steps) that one hole counts for, at most
SLOWER = 1.02  # a reading later than the pace makes the pace slower by so much at most
# What arrives so soon is no repetition, though it is not newer: the sensor's clock was set back.
FRESH_MS = 3_000
FIRST_PACE = 3.0  # periods: the first two readings may lie so far apart for that to be the pace
ROUNDING = 0.4  # of a pace: a reading so much too early or too late is in time
STEADY, MEMORY = 60.0, 300.0  # readings (or steps) over which what is usual is learned: at first, and later
GONE_PERIODS, GONE_MS = 10, 300_000  # without a reading for so long nothing is said of its line
HOLES, PARTS = 4, 64  # holes remembered of a sensor, and the bits that say what of one was filled since
TABLES: dict[str, Block] = {
    "last": ((), np.int64),  # the newest reading was observed then ...
    "arrived": ((), np.int64),  # ... and arrived then, ms
    "pace": ((), np.float64),  # ms from one to the next; 0 = unknown
    "sum": ((), np.float64),
    "usual": ((), np.float64),  # the share that is missing ...
    "seen": ((), np.float64),  # ... of so many
    "since": ((), np.int64),  # when the sum was 0 last
    "due": ((), np.int64),  # readings since then ...
    "missing": ((), np.int64),  # ... of which these are missing
    "holes": ((), np.uint8),  # how many there were so far; the last ones are a ring:
    "from": ((HOLES,), np.int64),
    "to": ((HOLES,), np.int64),
    "missed": ((HOLES,), np.int64),  # readings
    "filled": ((HOLES,), np.uint64),  # a bit each of at most PARTS parts in which something came afterwards
    "worth": ((HOLES,), np.float64),  # what each missing reading added to the sum ...
    "lost": ((HOLES,), np.float64),  # ... and how many steps it counted for
}


class Heard(NamedTuple):
    """Readings that arrived, a row each: of which of the `sensors`, observed and arrived when, in ms."""

    sensors: Sequence[str]
    of: I64
    observed_ms: I64
    arrived_ms: I64


class Counted(NamedTuple):
    """What is kept of a sensor: its lane and of what make that is, its damaged frames and when they were news."""

    make: int
    lane: bytes
    refused: int
    refused_ms: int


class Arrivals:
    """One lane a sensor, and which anomalies are open."""

    def __init__(self) -> None:
        self._lanes = Lanes((), TABLES)
        self._lane: dict[str, int] = {}
        self._free: list[int] = []
        self._open: dict[str, Anomaly] = {}
        self._bad: dict[str, tuple[int, int]] = {}  # frames that gateways refused, and when that was news

    def __len__(self) -> int:
        return len(self._lane)

    def resume(self, anomalies: Iterable[Anomaly]) -> None:
        """Go on with what an earlier process life has opened."""
        for one in anomalies:
            if one.end_ms is None and one.kind is AnomalyKind.GAP and not one.quantity:
                self._open[one.sensor] = one
                lane = self._find(one.sensor)
                if not self._lanes.tables["last"][lane]:
                    self._lanes.tables["sum"][lane] = OPENS

    def newest(self, sensor: str) -> tuple[int, int]:
        """When the newest reading of the sensor that was counted was observed, and when it arrived, ms; 0 = none."""
        lane, tables = self._lane.get(sensor), self._lanes.tables
        return (0, 0) if lane is None else (int(tables["last"][lane]), int(tables["arrived"][lane]))

    def dump(self, sensor: str) -> Counted:
        """What is remembered of the sensor."""
        lane = self._lane.get(sensor)
        state = b"" if lane is None else self._lanes.dump(lane)
        return Counted(self._lanes.make(), state, *self._bad.get(sensor, (0, 0)))

    def load(self, sensor: str, kept: Counted) -> bool:
        """Go on with what `dump` gave; False when it is of another make."""
        if self._bad.get(sensor, (0, 0))[0] in (0, kept.refused):
            self._bad[sensor] = kept.refused, kept.refused_ms  # what was heard since is no news
        if not kept.lane:
            return True
        if kept.make != self._lanes.make() or len(kept.lane) != self._lanes.dumped_bytes():
            return False
        self._lanes.load(self._find(sensor), kept.lane)
        return True

    def frames_refused(self, sensor: str, count: int, at_ms: int) -> None:
        """Damaged frames of the sensor that its gateway has dropped since it started."""
        before, when_ms = self._bad.get(sensor, (0, 0))
        self._bad[sensor] = count, at_ms if count > before else when_ms

    def fresh(self, heard: Heard) -> dict[str, int]:
        """When each sensor was heard that said something new just now; before `hear`."""
        lanes = np.array([self._find(one) for one in heard.sensors], np.int64)[heard.of]
        delay = heard.arrived_ms - heard.observed_ms
        newer = heard.observed_ms > self._lanes.tables["last"][lanes]
        (rows,) = np.nonzero((delay <= BACKLOG_MS) & (newer | (delay <= FRESH_MS)))
        when = np.zeros(len(heard.sensors), np.int64)
        np.maximum.at(when, heard.of[rows], heard.arrived_ms[rows])
        return {heard.sensors[number]: int(when[number]) for number in np.flatnonzero(when).tolist()}

    def hear(self, heard: Heard, periods_s: Sequence[float], since_ms: Sequence[int]) -> None:
        """Of each sensor the declared period (0 = it speaks when it likes) and since when it could be heard without a break."""
        if not len(heard.of):
            return
        lanes = np.array([self._find(one) for one in heard.sensors], np.int64)[heard.of]
        order = np.lexsort((heard.observed_ms, lanes))
        lane, at_ms = lanes[order], heard.observed_ms[order]
        once = np.r_[True, (np.diff(lane) != 0) | (np.diff(at_ms) != 0)]
        order, lane, at_ms = order[once], lane[once], at_ms[once]
        of, arrived_ms = heard.of[order], heard.arrived_ms[order]
        period_ms = np.array(periods_s, np.float64)[of] * 1000
        newer = (period_ms > 0) & (at_ms > self._lanes.tables["last"][lane])
        self._fill(lane[~newer], at_ms[~newer])
        (rows,) = np.nonzero(newer)
        since = np.array(since_ms, np.int64)[of]
        for which in rounds(lane[rows]):
            here = rows[which]
            self._step(lane[here], at_ms[here], arrived_ms[here], period_ms[here], since[here])

    def check(self, now_ms: int, sensors: Mapping[str, Known]) -> list[Anomaly]:
        """What opened and closed since the last check."""
        if len(self._lane) > 2 * len(sensors) + 1000:
            self._forget(self._lane.keys() - sensors.keys() - self._open.keys())
        return [*self._closed(now_ms, sensors), *self._opened(sensors)]

    def _step(self, lane: I64, at_ms: I64, arrived_ms: I64, period_ms: NDArray[Any], since_ms: I64) -> None:
        """One newer reading each of these lanes. What is backlog says nothing of what is missing before it."""
        tables = self._lanes.tables
        live = arrived_ms - at_ms <= BACKLOG_MS
        last, before = tables["last"][lane], tables["pace"][lane]
        apart = (at_ms - last).astype(np.float64)
        slowest = np.where(before > 0, before * SLOWER, FIRST_PACE * period_ms)
        pace = np.where(live | (before <= 0), np.maximum(period_ms, np.minimum(apart, slowest)), before)
        judged = live & (last > 0) & (tables["arrived"][lane] >= since_ms)
        due = np.where(judged, np.floor(apart / pace + ROUNDING), 0)
        missing = np.maximum(due - 1, 0)
        in_steps = pace / np.maximum(pace, STEP_MS)
        lost = np.minimum(missing * in_steps, HOLE_MOST)
        came = np.where(judged, np.minimum(apart, pace) / pace * in_steps, 0)
        usual = np.clip(tables["usual"][lane], RARELY, OFTEN)
        worth = lost * np.log(LOSSY / usual)
        was = tables["sum"][lane]
        total = np.maximum(np.minimum(was + worth, MOST) - came * np.log((1 - usual) / (1 - LOSSY)), 0)
        begins = (was <= 0) & (missing > 0)
        tables["since"][lane] = np.where(begins, last, tables["since"][lane])
        for name, count in (("due", due), ("missing", missing)):
            tables[name][lane] = np.where(begins, 0, tables[name][lane]) + count.astype(np.int64)
        seen = tables["seen"][lane] + lost + came
        learned = lost - tables["usual"][lane] * (lost + came)
        tables["usual"][lane] += learned / np.minimum(STEADY + seen, MEMORY)
        tables["seen"][lane], tables["sum"][lane] = seen, total
        tables["last"][lane] = at_ms
        tables["arrived"][lane] = np.where(live, arrived_ms, np.maximum(tables["arrived"][lane], at_ms))
        tables["pace"][lane] = np.where(last > 0, pace, 0)
        (holes,) = np.nonzero(missing > 0)
        place = tables["holes"][lane[holes]] % HOLES
        tables["holes"][lane[holes]] = place + 1
        for name, values in (
            ("from", last),
            ("to", at_ms),
            ("missed", missing),
            ("filled", np.zeros(len(missing))),
            ("worth", worth / np.maximum(missing, 1)),
            ("lost", lost / np.maximum(missing, 1)),
        ):
            tables[name][lane[holes], place] = values[holes]

    def _fill(self, lanes: I64, at_ms: I64) -> None:
        """Readings that come after newer ones."""
        tables = self._lanes.tables
        when = at_ms[:, None]
        inside = (tables["from"][lanes] < when) & (when < tables["to"][lanes])
        for row, place in np.argwhere(inside).tolist():
            lane = int(lanes[row])
            count = self._part(lane, place, int(at_ms[row]))
            if count:
                tables["missing"][lane] -= count
                tables["sum"][lane] = max(0.0, tables["sum"][lane] - count * tables["worth"][lane, place])
                learned = count * tables["lost"][lane, place] / min(STEADY + tables["seen"][lane], MEMORY)
                tables["usual"][lane] = max(0.0, tables["usual"][lane] - learned)

    def _part(self, lane: int, place: int, at_ms: int) -> int:
        """By how many missing readings a hole is smaller now: none when this one comes again; of a hole of more than PARTS all
        of its part."""
        tables = self._lanes.tables
        begin, end, missed = (int(tables[name][lane, place]) for name in ("from", "to", "missed"))
        parts = min(missed, PARTS)
        number = min(max(round((at_ms - begin) * (missed + 1) / (end - begin)), 1), missed)
        part = (number - 1) * parts // missed
        bit = np.uint64(1 << part)
        if tables["filled"][lane, place] & bit:
            return 0
        tables["filled"][lane, place] |= bit
        return -(-(part + 1) * missed // parts) - -(-part * missed // parts)

    def _opened(self, sensors: Mapping[str, Known]) -> Iterator[Anomaly]:
        (bad,) = np.nonzero(self._lanes.tables["sum"][: len(self._lanes)] >= OPENS)
        if not len(bad):
            return
        name = {lane: sensor for sensor, lane in self._lane.items()}
        for lane in bad.tolist():
            sensor = name[lane]
            if sensor not in self._open and sensor in sensors:
                self._open[sensor] = self._tell(sensor, lane, sensors[sensor])
                yield self._open[sensor]

    def _closed(self, now_ms: int, sensors: Mapping[str, Known]) -> Iterator[Anomaly]:
        tables = self._lanes.tables
        for sensor, opened in list(self._open.items()):
            lane = self._lane[sensor]
            if not tables["arrived"][lane]:
                tables["arrived"][lane] = now_ms  # of an earlier process life
            period_s = sensors[sensor].period_s if sensor in sensors else 0.0
            patience = max(GONE_PERIODS * period_s * 1000, GONE_MS)
            gone = sensor not in sensors or now_ms - tables["arrived"][lane] > patience
            if gone or tables["sum"][lane] < CLOSES:
                del self._open[sensor]
                tables["sum"][lane] = min(float(tables["sum"][lane]), CLOSES)
                yield over(opened, max(int(tables["last"][lane]), opened.start_ms))

    def _tell(self, sensor: str, lane: int, known: Known) -> Anomaly:
        tables = self._lanes.tables
        start_ms, last_ms = int(tables["since"][lane]), int(tables["last"][lane])
        missing, due = int(tables["missing"][lane]), int(tables["due"][lane])
        refused = self._bad.get(sensor, (0, 0))[1] >= start_ms
        score = round(float(tables["sum"][lane]) / OPENS, 2)
        return absence.lossy(sensor, known, (start_ms, last_ms), (missing, due), refused, score)

    def _find(self, sensor: str) -> int:
        lane = self._lane.get(sensor)
        if lane is None:
            lane = self._lane[sensor] = self._free.pop() if self._free else self._lanes.add()
        return lane

    def _forget(self, sensors: Iterable[str]) -> None:
        for sensor in sensors:
            lane = self._lane.pop(sensor)
            self._lanes.clear(lane)
            self._free.append(lane)
            self._bad.pop(sensor, None)
