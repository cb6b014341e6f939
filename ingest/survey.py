"""The city's live readings, one number a minute of each series, against what each has shown so far. Pure.

Fast sensors are looked at by their minute's mean, told when the next minute begins; slow ones reading by reading. A series learns
only what is newer than what it has seen. What is told is told of the row at which it was seen, under one kind until it is over
(`ingest.namer`). Jumps that nothing makes are looked for from reading to reading (`ingest.rates`), calibrations that drift day by
day (`ingest.agreement`).
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest import rates
from ingest.agreement import Agreement
from ingest.detectors.bank import Bank, rounds
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F64, I64, Bools, Lanes
from ingest.fleet import FEW, Fleet
from ingest.lean import Lean
from ingest.namer import TOLD, Looks, Namer
from ingest.peers import Peers
from ingest.profile import Band, Profile, inside
from ingest.rhythm import Rhythm
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.quantities import QUANTITIES, Kind
from telemetry.times import CITY_OFFSET_MS, MINUTE_MS

__all__ = ["TOLD", "Survey", "Told"]

MAX_SERIES = 50_000
ACCEPT = 150  # looks: what is strange for longer is the bank's new normal
SLOW_S = 60.0  # with a declared period from here on every reading counts by itself
# What the bank can judge: directions go round and counters only rise.
FLAT = (Kind.GAUGE, Kind.LEVEL_DB, Kind.COUNT, Kind.RATE)
# What a calibration that drifts makes of what is usual: it is told already. What is open is still told to be over.
EXPLAINED, CALM = (AnomalyKind.DRIFT, AnomalyKind.RHYTHM), 0.5
TABLES = {
    "minute": ((), np.int64),  # the open one
    "sum": ((), np.float64),
    "count": ((), np.int64),
    "last": ((), np.int64),  # the newest reading ...
    "value": ((), np.float64),  # ... and its value
    "jumped": ((), np.uint8),
}
_HEAD = 4  # bytes: of what make the rest is
Told = list[tuple[AnomalyKind, Finding]]


class Survey:
    """`holidays` are days since 1970, `offset_ms` is the civil time's distance from UTC. With `priors` a new series begins with
    what others of its quantity have shown."""

    def __init__(
        self,
        holidays: frozenset[int],
        *,
        offset_ms: int = CITY_OFFSET_MS,
        max_series: int = MAX_SERIES,
        priors: bool = True,
    ) -> None:
        self._bank, self._profile, self._lean = Bank(holidays, accept=ACCEPT), Profile(holidays), Lean()
        self._open = Lanes((), TABLES)
        self._rhythm = Rhythm()
        self._agreement = Agreement(offset_ms)
        self._fleet = Fleet(self._bank.lanes, self._profile.lanes) if priors else None
        self._peers = Peers(self._lean)
        self._namer = Namer(self._bank, self._profile, self._lean, self._rhythm, self._peers)
        self._parts = (
            self._open,
            self._bank.lanes,
            self._profile.lanes,
            self._lean.lanes,
            self._rhythm.lanes,
            self._peers.lanes,
            self._namer.lanes,
            self._agreement.lanes,
        )
        self._offset_ms, self._max_series = offset_ms, max_series
        self._lane: dict[tuple[str, str], int] = {}
        self._period: list[float] = []
        self._limit: list[float] = []
        self._changed: set[int] = set()
        makes = b"".join(part.make().to_bytes(_HEAD, "big") for part in self._parts)
        self._make = zlib.crc32(makes).to_bytes(_HEAD, "big")

    def __len__(self) -> int:
        return len(self._lane)

    def changed(self) -> set[tuple[str, str]]:
        """Every series that was looked at since the last `dumped`."""
        return {key for key, lane in self._lane.items() if lane in self._changed}

    def dump(self, series: Iterable[tuple[str, str]] | None = None) -> list[tuple[str, str, bytes]]:
        """Of those that are known, else of all that have changed: (sensor, quantity, state)."""
        return [
            (*key, self._make + b"".join(part.dump(lane) for part in self._parts))
            for key in (sorted(self.changed()) if series is None else series)
            if (lane := self._lane.get(key)) is not None
        ]

    def dumped(self) -> None:
        """The last dump is safe: what has not changed since need not be dumped again."""
        self._changed.clear()

    def load(self, states: Iterable[tuple[str, str, bytes]]) -> int:
        """Go on with what `dump` gave; how many were of another make and are left out."""
        strange = 0
        size = _HEAD + sum(part.dumped_bytes() for part in self._parts)
        for sensor, quantity, state in states:
            if quantity not in QUANTITIES or (sensor, quantity) in self._lane:
                continue
            if len(state) != size or state[:_HEAD] != self._make:
                strange += 1
                continue
            lane = self._find((sensor, quantity), "", 0.0)
            begin = _HEAD
            for part in self._parts if lane >= 0 else ():
                ends = begin + part.dumped_bytes()
                part.load(lane, state[begin:ends])
                begin = ends
        return strange

    def locate(self, sites: Mapping[str, str]) -> None:
        """Where sensors stand: after `load` neighbours are asked before they have said anything again."""
        for (sensor, quantity), lane in self._lane.items():
            if site := sites.get(sensor):
                self._peers.place(lane, (site, quantity))
                self._agreement.place(lane, sensor, quantity, site)

    def resume(self, anomalies: Iterable[Anomaly]) -> None:
        """Go on with the calibrations that drift, of what an earlier process life has opened; after `load`."""
        for one in anomalies:
            if one.end_ms is not None or one.kind is not AnomalyKind.CALIBRATION:
                continue
            if one.quantity not in QUANTITIES:
                continue
            key = one.sensor, one.quantity
            lane = self._lane[key] if key in self._lane else self._find(key, "", 0.0)
            value, expected = one.value or 0.0, one.expected or 0.0
            if lane >= 0 and self._agreement.resume(lane, value, expected, one.start_ms):
                self._changed.add(lane)

    def usual(self, sensor: str, quantity: str, at_ms: NDArray[np.int64]) -> Band | None:
        """What is usual for a minute of this series at these times; None for one that is not surveyed."""
        lane = self._lane.get((sensor, quantity))
        if lane is None:
            return None
        return self._profile.band(np.full(len(at_ms), lane, np.int64), at_ms + self._offset_ms)

    def as_usual(self, series: Sequence[tuple[str, str]], of: I64, observed_ms: I64, values: F64) -> Bools:
        """Which readings (of `series[of[i]]`) lie where their series usually does at that hour; of an hour of which nothing is
        known, those at a time that is strange to most of the city."""
        lanes = np.array([self._lane.get(series[number], -1) for number in of.tolist()], np.int64)
        (rows,) = np.nonzero(lanes >= 0)
        usual = np.zeros(len(of), bool)
        if len(rows):
            band = self._profile.band(lanes[rows], observed_ms[rows] + self._offset_ms, least=1)
            usual[rows] = inside(band, values[rows])
            for row in rows[np.isnan(band.expected)].tolist():
                usual[row] = self._peers.is_shared(int(lanes[row]), int(observed_ms[row]))
        return usual

    def calibrated(self, series: Sequence[tuple[str, str]], of: I64, observed_ms: I64) -> None:
        """Somebody says that these readings (of `series[of[i]]`) are of a calibration: what comes after them is compared with the
        neighbours anew."""
        for number, at_ms in zip(of.tolist(), observed_ms.tolist(), strict=True):
            lane = self._lane.get(series[number])
            if lane is not None and at_ms > self._open.tables["last"][lane]:
                self._changed.add(lane)
                self._agreement.calibrated(lane)

    def corrected(self, corrections: Mapping[tuple[str, str], int]) -> None:
        """The newest correction in force of each series that has one: a new one is as good as a calibration."""
        for key, number in corrections.items():
            lane = self._lane.get(key)
            if lane is not None and self._agreement.corrected(lane, number):
                self._changed.add(lane)

    def look(
        self,
        series: Sequence[tuple[str, str]],
        of: I64,
        observed_ms: I64,
        values: F64,
        periods_s: Sequence[float],
        sites: Sequence[str] = (),
    ) -> dict[int, Told]:
        """What is said at which row. Rows of live readings nobody doubts, in the order of observation; row i is of
        `series[of[i]]`, whose period is `periods_s[of[i]]`. Sensors of one of the `sites` are asked about each other, where they
        are given."""
        places = sites or [""] * len(series)
        used, place = np.unique(of, return_inverse=True)
        found = [self._find(series[number], places[number], periods_s[number]) for number in used.tolist()]
        lanes = np.array(found, np.int64)[place]
        rows = np.flatnonzero(lanes >= 0)
        rows = rows[np.lexsort((rows, lanes[rows]))]
        rows = rows[observed_ms[rows] > self._open.tables["last"][lanes[rows]]]
        if not len(rows):
            return {}
        repeated = (np.diff(lanes[rows]) == 0) & (np.diff(observed_ms[rows]) == 0)
        rows = rows[np.r_[True, ~repeated]]
        self._changed.update(lanes[rows].tolist())
        told: dict[int, Told] = {}
        for row, finding in self._step(rows, lanes, observed_ms, values).items():
            told.setdefault(row, []).append((AnomalyKind.RATE, finding))
        at_lane, at_row, at_ms, at_value = self._gather(rows, lanes, observed_ms, values)
        for which in rounds(at_lane):
            self._judge(at_lane[which], at_row[which], at_ms[which], at_value[which], told)
        return told

    def _find(self, key: tuple[str, str], site: str, period_s: float) -> int:
        lane = self._lane.get(key)
        if lane is None:
            if QUANTITIES[key[1]].kind not in FLAT or len(self._lane) >= self._max_series:
                return -1
            lane = self._lane[key] = self._bank.lanes.add()
            for part in self._parts:
                if part is not self._bank.lanes:
                    part.add()
            if self._fleet is not None:
                self._fleet.add(lane, *key)
            self._period.append(0.0)
            self._limit.append(rates.limit(key[1]))
        self._period[lane] = period_s
        self._peers.place(lane, (site, key[1]) if site else None)
        self._agreement.place(lane, *key, site)
        return lane

    def _step(self, rows: I64, lanes: I64, observed_ms: I64, values: F64) -> dict[int, Finding]:
        """From reading to reading; the newest stay."""
        lane, at, value = lanes[rows], observed_ms[rows], values[rows]
        last, was = self._open.tables["last"], self._open.tables["value"]
        first = np.r_[True, np.diff(lane) != 0]
        steps = rates.Steps(
            lane,
            rows,
            at,
            value,
            np.where(first, last[lane], np.r_[0, at[:-1]]),
            np.where(first, was[lane], np.r_[0.0, value[:-1]]),
            np.array([self._limit[one] for one in lane.tolist()]),
        )
        found = rates.look(steps, self._open.tables["jumped"])
        last[lane], was[lane] = at, value  # ascending per lane: the newest stays
        return found

    def _gather(self, rows: I64, lanes: I64, observed_ms: I64, values: F64) -> tuple[I64, I64, I64, F64]:
        """(lane, row it is told of, time, value) of everything that is complete now; the rest goes into the open minutes."""
        lane, at, value = lanes[rows], observed_ms[rows], values[rows]
        slow = np.array([self._period[one] for one in lane.tolist()]) >= SLOW_S
        out = [(lane[slow], rows[slow], at[slow], value[slow])]
        lane, at, value, rows = lane[~slow], at[~slow], value[~slow], rows[~slow]
        if len(lane):
            out += self._minutes(lane, at // MINUTE_MS, value, rows)
        joined = tuple(np.concatenate(parts) for parts in zip(*out, strict=True))
        order = np.argsort(joined[2], kind="stable")
        return joined[0][order], joined[1][order], joined[2][order], joined[3][order]

    def _minutes(self, lane: I64, minute: I64, value: F64, rows: I64) -> list[tuple[I64, I64, I64, F64]]:
        open_minute, open_sum, open_count = (self._open.tables[name] for name in ("minute", "sum", "count"))
        first = np.flatnonzero(np.r_[True, (np.diff(lane) != 0) | (np.diff(minute) != 0)])
        counts, sums = np.diff(np.r_[first, len(lane)]), np.add.reduceat(value, first)
        of, when, row = lane[first], minute[first], rows[first]
        opens = np.r_[True, np.diff(of) != 0]  # a lane's first group may go on with its open minute
        same = opens & (open_minute[of] == when) & (open_count[of] > 0)
        closed = opens & ~same & (open_count[of] > 0)
        sums = sums + np.where(same, open_sum[of], 0)
        counts = counts + np.where(same, open_count[of], 0)
        before = of[closed]
        out = [(before, row[closed], open_minute[before] * MINUTE_MS, open_sum[before] / open_count[before])]
        last = np.r_[np.diff(of) != 0, True]
        done = np.flatnonzero(~last)  # the next group of the lane closes it
        out.append((of[done], row[done + 1], when[done] * MINUTE_MS, sums[done] / counts[done]))
        open_minute[of[last]], open_sum[of[last]], open_count[of[last]] = when[last], sums[last], counts[last]
        return out

    def _judge(self, lanes: I64, rows: I64, at_ms: I64, values: F64, told: dict[int, Told]) -> None:
        local_ms = at_ms + self._offset_ms
        frame = self._bank.score(lanes, local_ms, values)
        usual = self._profile.band(lanes, local_ms)
        self._lean.look(lanes, frame.dt, values, usual)
        self._rhythm.look(lanes, frame.dt, at_ms, values, usual, self._lean.lanes.read(lanes)["lean"])
        slow = np.array([self._period[lane] for lane in lanes.tolist()]) >= SLOW_S
        for column, found in self._namer.tell(frame, Looks(values, at_ms, slow, usual)):
            if self._agreement.drifts(int(lanes[column])):
                found = [one for one in found if one[0] not in EXPLAINED or one[1].score < CALM]
            if found:
                told.setdefault(int(rows[column]), []).extend(found)
        for column, finding in self._agreement.look(lanes, at_ms, values):
            told.setdefault(int(rows[column]), []).append((AnomalyKind.CALIBRATION, finding))
        self._bank.learn(frame)
        self._profile.learn(lanes, local_ms, values, ~self._namer.calm(lanes))
        new = frame.new["n"] == FEW
        if self._fleet is not None and new.any():
            self._fleet.begin(lanes[new], local_ms[new])
