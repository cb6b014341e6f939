"""The bank of detectors over the city's live readings: one number a minute of each series. Pure.

Fast sensors are looked at by their minute's mean, told when the next minute begins; slow ones reading by reading. A series learns
only what is newer than what it has seen. What is told is told of the row at which it was seen, under one kind until it is over.
"""

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.bank import Bank, band, rounds
from ingest.detectors.finding import Finding
from ingest.detectors.residuals import Frame
from ingest.detectors.unusual import NAMED, OPEN
from ingest.profile import Band, Profile
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import QUANTITIES, Kind

MINUTE_MS = 60_000
VIET_NAM_MS = 7 * 3_600_000  # all year
MAX_SERIES = 50_000
SLOW_S = 60.0  # with a declared period from here on every reading counts by itself
SURE = 1.4  # of the threshold: so much it takes before the city is told
LEAVE = 0.5  # below this share of the threshold it is calm ...
CALM = 3  # ... and over after so many
SETTLED = 3  # looks until a kind has its name
FLAT = (
    Kind.GAUGE,
    Kind.LEVEL_DB,
    Kind.COUNT,
    Kind.RATE,
)  # directions go round and counters only rise: not for the bank
TOLD = (
    AnomalyKind.ZERO,
    AnomalyKind.UNIT,
    AnomalyKind.NOISE,
    AnomalyKind.DRIFT,
    AnomalyKind.BIAS,
    AnomalyKind.UNUSUAL,
)
_HEAD = struct.Struct("<IqqdqII")
Told = list[tuple[AnomalyKind, Finding]]


class Survey:
    """`holidays` are days since 1970, `offset_ms` is the civil time's distance from UTC."""

    def __init__(
        self, holidays: frozenset[int], *, offset_ms: int = VIET_NAM_MS, max_series: int = MAX_SERIES
    ) -> None:
        self._bank, self._profile = Bank(holidays), Profile(holidays)
        self._offset_ms, self._max_series = offset_ms, max_series
        self._lane: dict[tuple[str, str], int] = {}
        self._kind: list[int] = []  # index into TOLD + 1 of what is being told, 0 = nothing
        self._calm: list[int] = []
        self._minute = np.zeros(0, np.int64)  # the open one of each lane
        self._last = np.zeros(0, np.int64)  # the newest reading
        self._sum = np.zeros(0)
        self._count = np.zeros(0, np.int64)
        self._period = np.zeros(0)
        self._changed: set[int] = set()
        self._make = self._bank.lanes.make() ^ self._profile.lanes.make()  # what a state has to be of

    def __len__(self) -> int:
        return len(self._lane)

    def dump(self) -> list[tuple[str, str, bytes]]:
        """Every series that was looked at since the last dump: (sensor, quantity, state)."""
        states = []
        for (sensor, quantity), lane in self._lane.items():
            if lane in self._changed:
                head = _HEAD.pack(
                    self._make,
                    self._minute[lane],
                    self._last[lane],
                    self._sum[lane],
                    self._count[lane],
                    self._kind[lane],
                    self._calm[lane],
                )
                states.append(
                    (sensor, quantity, head + self._bank.lanes.dump(lane) + self._profile.lanes.dump(lane))
                )
        return states

    def dumped(self) -> None:
        """The last dump is safe: what has not changed since need not be dumped again."""
        self._changed.clear()

    def load(self, states: Iterable[tuple[str, str, bytes]]) -> int:
        """Go on with what `dump` gave; how many were of another make and are left out."""
        strange = 0
        for sensor, quantity, state in states:
            if quantity not in QUANTITIES or (sensor, quantity) in self._lane:
                continue
            if len(state) < _HEAD.size or _HEAD.unpack_from(state)[0] != self._make:
                strange += 1
                continue
            lane = self._find((sensor, quantity), 0.0)
            if lane >= 0:
                _, minute, last, total, count, self._kind[lane], self._calm[lane] = _HEAD.unpack_from(state)
                self._minute[lane], self._last[lane] = minute, last
                self._sum[lane], self._count[lane] = total, count
                ends = _HEAD.size + self._bank.lanes.dumped_bytes()
                self._bank.lanes.load(lane, state[_HEAD.size : ends])
                self._profile.lanes.load(lane, state[ends:])
        return strange

    def usual(self, sensor: str, quantity: str, at_ms: NDArray[np.int64]) -> Band | None:
        """What is usual for a minute of this series at these times; None for one that is not surveyed."""
        lane = self._lane.get((sensor, quantity))
        if lane is None:
            return None
        return self._profile.band(np.full(len(at_ms), lane, np.int64), at_ms + self._offset_ms)

    def look(
        self,
        series: Sequence[tuple[str, str]],
        observed_ms: NDArray[np.int64],
        values: NDArray[np.float64],
        periods_s: Sequence[float],
    ) -> dict[int, Told]:
        """What is said at which row. Rows of live readings nobody doubts, in the order of observation."""
        lanes = np.array(
            [self._find(key, period) for key, period in zip(series, periods_s, strict=True)], np.int64
        )
        rows = np.flatnonzero(lanes >= 0)
        rows = rows[np.lexsort((rows, lanes[rows]))]
        newer = observed_ms[rows] > self._last[lanes[rows]]
        rows = rows[newer]
        if not len(rows):
            return {}
        repeated = (np.diff(lanes[rows]) == 0) & (np.diff(observed_ms[rows]) == 0)
        rows = rows[np.r_[True, ~repeated]]
        self._changed.update(lanes[rows].tolist())
        told: dict[int, Told] = {}
        at_lane, at_row, at_ms, at_value = self._gather(rows, lanes, observed_ms, values)
        for which in rounds(at_lane):
            self._judge(at_lane[which], at_row[which], at_ms[which], at_value[which], told)
        return told

    def _find(self, key: tuple[str, str], period_s: float) -> int:
        lane = self._lane.get(key)
        if lane is not None:
            self._period[lane] = period_s
            return lane
        if QUANTITIES[key[1]].kind not in FLAT or len(self._lane) >= self._max_series:
            return -1
        lane = self._lane[key] = self._bank.lanes.add()
        self._profile.lanes.add()
        self._kind.append(0)
        self._calm.append(0)
        if lane >= len(self._last):
            room = max(64, 2 * lane)
            self._minute, self._last, self._count = (
                np.r_[array, np.full(room - len(array), start, np.int64)]
                for array, start in ((self._minute, -1), (self._last, 0), (self._count, 0))
            )
            self._sum, self._period = (
                np.r_[array, np.zeros(room - len(array))] for array in (self._sum, self._period)
            )
        self._period[lane] = period_s
        return lane

    def _gather(
        self,
        rows: NDArray[np.int64],
        lanes: NDArray[np.int64],
        observed_ms: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """(lane, row it is told of, time, value) of everything that is complete now; the rest goes into the open minutes."""
        lane, at, value = lanes[rows], observed_ms[rows], values[rows]
        self._last[lane] = at  # ascending per lane: the newest stays
        slow = self._period[lane] >= SLOW_S
        out = [(lane[slow], rows[slow], at[slow], value[slow])]
        lane, at, value, rows = lane[~slow], at[~slow], value[~slow], rows[~slow]
        if len(lane):
            minute = at // MINUTE_MS
            begins = np.r_[True, (np.diff(lane) != 0) | (np.diff(minute) != 0)]
            first = np.flatnonzero(begins)
            counts, sums = np.diff(np.r_[first, len(lane)]), np.add.reduceat(value, first)
            of, when, row = lane[first], minute[first], rows[first]
            opens = np.r_[True, np.diff(of) != 0]  # a lane's first group may go on with its open minute
            same = opens & (self._minute[of] == when)
            closed = opens & ~same & (self._count[of] > 0)
            sums = sums + np.where(same, self._sum[of], 0)
            counts = counts + np.where(same, self._count[of], 0)
            before = of[closed]
            out.append(
                (
                    before,
                    row[closed],
                    self._minute[before] * MINUTE_MS,
                    self._sum[before] / self._count[before],
                )
            )
            last = np.r_[np.diff(of) != 0, True]
            done = np.flatnonzero(~last)  # the next group of the lane closes it
            out.append((of[done], row[done + 1], when[done] * MINUTE_MS, sums[done] / counts[done]))
            self._minute[of[last]], self._sum[of[last]], self._count[of[last]] = (
                when[last],
                sums[last],
                counts[last],
            )
        joined = tuple(np.concatenate(parts) for parts in zip(*out, strict=True))
        order = np.argsort(joined[2], kind="stable")
        return joined[0][order], joined[1][order], joined[2][order], joined[3][order]

    def _judge(
        self,
        lanes: NDArray[np.int64],
        rows: NDArray[np.int64],
        at_ms: NDArray[np.int64],
        values: NDArray[np.float64],
        told: dict[int, Told],
    ) -> None:
        frame = self._bank.score(lanes, at_ms + self._offset_ms, values)
        (near,) = np.nonzero(
            (frame.new.get("open", frame.old["open"]) > 0)
            | (frame.kinds[AnomalyKind.ZERO] >= 1)
            | np.array([self._kind[lane] > 0 for lane in lanes.tolist()], bool)
        )
        if len(near):
            edges = band(frame, self._bank.lanes)
            for column in near.tolist():
                finding = self._tell(frame, column, int(at_ms[column]))
                if finding is not None:
                    kind, score = finding
                    expected, low, high = (float(edge[column]) for edge in edges)
                    low, high = (low, high) if np.isfinite(high) else (None, None)  # type: ignore[assignment]
                    one = Finding(score, float(values[column]), int(at_ms[column]), expected, low, high)
                    told.setdefault(int(rows[column]), []).append((kind, one))
        self._bank.learn(frame)
        calm = np.array([not self._kind[lane] for lane in lanes.tolist()], bool)
        self._profile.learn(lanes[calm], at_ms[calm] + self._offset_ms, values[calm])

    def _tell(self, frame: Frame, column: int, at_ms: int) -> tuple[AnomalyKind, float] | None:
        """The kind being told and how far from usual it is now: at least 1 while it lasts."""
        lane = int(frame.lanes[column])
        zero = float(frame.kinds[AnomalyKind.ZERO][column])
        score = max(zero if zero >= 1 else 0.0, float(frame.found["strange_safe"][column]) / OPEN)
        if not self._kind[lane]:
            kind = AnomalyKind.ZERO if zero >= 1 else _named(frame, column)
            if kind not in TOLD or (kind is not AnomalyKind.ZERO and score < SURE):
                return None
            self._kind[lane], self._calm[lane] = TOLD.index(kind) + 1, 0
        kind = TOLD[self._kind[lane] - 1]
        self._calm[lane] = 0 if score >= LEAVE else self._calm[lane] + 1
        if self._calm[lane] >= CALM:
            self._kind[lane] = 0
        return kind, max(score, 1.0) if not self._calm[lane] else score


def _named(frame: Frame, column: int) -> AnomalyKind | None:
    if "kind" not in frame.new or frame.new["open"][column] < SETTLED:
        return None
    return NAMED[int(frame.new["kind"][column]) - 1]
