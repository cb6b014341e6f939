"""Judging readings: flags, and anomalies that open, worsen and close. Pure: state and a batch of readings in, values out.

A series learns only readings newer than its last learned time, so a redelivery teaches nothing and opens nothing. What one
reading is told depends only on its series' readings before it, not on how they were cut into batches.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from ingest import checks, kinds
from ingest.detectors import Finding
from ingest.detectors.lanes import F64, I64, Bools
from ingest.episodes import Episode, EpisodeState, Step
from ingest.kinds import RULES, SURVEYED
from ingest.recent import Recent, Seen
from ingest.rows import Rows
from ingest.telling import Known, recall, tell
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.quantities import QUANTITIES
from telemetry.reading import NOT_MEASURING, Flag, Reading
from telemetry.times import DAY_MS

DEVICE = int(Flag.DEVICE)  # plain integers: an IntFlag's operators cost more than a detector
RANGE = int(Flag.RANGE)
MAX_SERIES = 50_000
REMEMBERED_FLAGS = 64  # of one series: what was flagged keeps its flags when it comes again
QUIET_MS = 300_000  # an open episode of a series that says nothing for so long ...
PERIODS = 3  # ... and for so many of its periods is closed
DAILY_MS = 14 * DAY_MS  # what is told of once a day outlives a silence of so long
Told = Sequence[tuple[AnomalyKind, Finding]]


class Verdict(NamedTuple):
    """Flags for the store, a row each (None: the old ones stay), and anomalies that opened, changed or closed."""

    flags: list[int | None]
    changes: list[Anomaly]


class _Remembered(msgspec.Struct, array_like=True):
    """Of one series."""

    make: int
    lane: bytes
    flagged: dict[int, int]
    episodes: dict[AnomalyKind, EpisodeState]
    known: Known | None
    resumed_ms: int | None
    held: AnomalyKind | None


_REMEMBERED = msgspec.msgpack.Decoder(_Remembered)


class Judge:
    """State of every series, bounded: above `max_series` the tenth that was silent longest is forgotten."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._recent = Recent()
        self._lane: dict[tuple[str, str], int] = {}
        self._series: list[tuple[str, str]] = []  # of each lane
        self._free: list[int] = []
        self._flagged: dict[int, dict[int, int]] = {}  # lane → ms → flags
        self._episodes: dict[int, dict[AnomalyKind, Episode]] = {}  # of lanes where something is going on
        self._known: dict[int, Known] = {}  # of lanes where something is open
        self._resumed_ms: dict[int, int] = {}
        self._changed: set[int] = set()
        self._held: dict[int, AnomalyKind] = {}  # what the survey tells of a lane, and others give way to

    def __len__(self) -> int:
        return len(self._lane)

    def bytes_per_series(self) -> int:
        """What one quiet series costs, but for its name."""
        return self._recent.bytes_per_series()

    def resume(self, anomalies: Iterable[Anomaly], now_ms: int) -> None:
        """Go on with the open anomalies of an earlier process life, so that none is opened twice or forgotten."""
        for anomaly in anomalies:
            if anomaly.end_ms is not None or anomaly.quantity not in QUANTITIES or anomaly.kind not in RULES:
                continue
            (lane,) = self._lanes([(anomaly.sensor, anomaly.quantity)]).tolist()
            episode = self._episodes.setdefault(lane, {}).setdefault(
                anomaly.kind, Episode(RULES[anomaly.kind])
            )
            if episode.is_open and episode.start_ms == anomaly.start_ms:
                continue  # it is remembered better than the book has it
            episode.resume(anomaly.start_ms, recall(anomaly))
            self._known[lane] = Known(anomaly.sensor, anomaly.site, "", 0.0)
            self._resumed_ms[lane] = now_ms
            self._recent.heard[lane] = max(self._recent.heard[lane], self._recent.newest[lane])

    def newest_ms(self, series: tuple[str, str]) -> int:
        """When the newest reading of the series was observed that was learned; 0 = none."""
        lane = self._lane.get(series)
        return 0 if lane is None else int(self._recent.newest[lane])

    def changed(self) -> set[tuple[str, str]]:
        """Every series that was judged since the last `dumped`."""
        return {self._series[lane] for lane in self._changed}

    def dump(self, series: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """What is remembered of those that are known."""
        make = self._recent.lanes.make()
        lanes = [self._lane[one] for one in series if one in self._lane]
        return {
            self._series[lane]: msgspec.msgpack.encode(
                _Remembered(
                    make,
                    self._recent.lanes.dump(lane),
                    self._flagged.get(lane, {}),
                    {kind: one.state() for kind, one in self._episodes.get(lane, {}).items()},
                    self._known.get(lane),
                    self._resumed_ms.get(lane),
                    self._held.get(lane),
                )
            )
            for lane in lanes
        }

    def dumped(self) -> None:
        """The last dump is safe."""
        self._changed.clear()

    def load(self, states: Mapping[tuple[str, str], bytes]) -> int:
        """Go on with what `dump` gave; how many were of another make and are left out."""
        strange = 0
        for series, state in states.items():
            try:
                kept = _REMEMBERED.decode(state)
            except msgspec.DecodeError:
                kept = None
            if kept is None or kept.make != self._recent.lanes.make() or series[1] not in QUANTITIES:
                strange += 1
                continue
            (lane,) = self._lanes([series]).tolist()
            self._recent.lanes.load(lane, kept.lane)
            if kept.flagged:
                self._flagged[lane] = kept.flagged
            if kept.episodes:
                self._episodes[lane] = {
                    kind: Episode.of(RULES[kind], one) for kind, one in kept.episodes.items() if kind in RULES
                }
            if kept.known is not None:
                self._known[lane] = kept.known
            if kept.resumed_ms is not None:
                self._resumed_ms[lane] = kept.resumed_ms
            if kept.held is not None:
                self._held[lane] = kept.held
        return strange

    def learn(self, readings: Sequence[Reading]) -> None:
        """Take stored readings into the past without a word; those of one series in time order."""
        rows = Rows.of_readings(readings, 0)
        lanes = self._lanes(rows.series)[rows.of]
        before = _newest_before(lanes, rows.observed_ms, np.ones(len(readings), bool), self._recent.newest)
        newer, flags = rows.observed_ms > before, rows.given.copy()
        self._look(rows, lanes, newer, flags)
        for row in np.flatnonzero(newer & (rows.given != 0)).tolist():
            self._remember(int(lanes[row]), int(rows.observed_ms[row]), int(rows.given[row]))

    def judge(
        self,
        rows: Rows,
        known: Callable[[int], Known],
        *,
        now_ms: int,
        surveyed: Mapping[int, Told] = {},
        as_usual: Callable[[I64], Bools] | None = None,
    ) -> Verdict:
        """Of rows in the order of observation, series by series. `now_ms` is the hub's clock, `known` gives the sensor of a row,
        `surveyed` what the survey tells at which row, `as_usual` which of some rows lie where they usually do at their hour."""
        of_series = self._lanes(rows.series)
        lanes, at = of_series[rows.of], rows.observed_ms
        self._changed.update(of_series.tolist())
        outside = rows.outside()
        flags = rows.given | np.where(outside > 0, RANGE, 0)
        measuring = flags & NOT_MEASURING == 0  # else it is stored as it is, and nobody is called for it
        live = measuring & (rows.arrived_ms - at <= checks.BACKLOG_MS)
        newest = _newest_before(lanes, at, live, self._recent.newest)
        newer = at > newest
        learned = live & newer
        stale = measuring & ~newer
        seen = self._look(rows, lanes, learned, flags, as_usual)
        told = {row: found for row, found in surveyed.items() if learned[row]}
        for row, found in told.items():
            for kind, finding in found:
                flags[row] |= SURVEYED[kind] if finding.score >= 1 else 0
        stored = self._settle_flags(lanes, at, flags, learned, stale)
        recent = measuring & newer & (now_ms - at <= checks.ALARM_MS)
        moves = recent & (at > _newest_before(lanes, at, recent, self._recent.heard))
        np.maximum.at(self._recent.heard, lanes[moves], at[moves])
        changes = list(self._changes(rows, lanes, moves, outside, seen, told, known))
        return Verdict(stored, changes)

    def expire(self, now_ms: int) -> list[Anomaly]:
        """Close what is open on series that say nothing any more: their silence is told by others."""
        closed = []
        for lane, episodes in list(self._episodes.items()):
            self._changed.add(lane)
            patience = max(
                QUIET_MS, PERIODS * self._known[lane].period_s * 1000 if lane in self._known else 0
            )
            quiet = now_ms - max(self._recent.heard[lane], self._resumed_ms.get(lane, 0))
            if quiet <= patience:
                continue
            for kind, episode in episodes.items():
                if episode.is_open and (kind is not AnomalyKind.CALIBRATION or quiet > DAILY_MS):
                    episode.close()
                    end_ms = max(episode.start_ms, episode.last_ms)
                    closed.append(tell(self._series[lane], self._known[lane], kind, episode, end_ms))
            self._tidy(lane)
        return closed

    def _look(
        self,
        rows: Rows,
        lanes: I64,
        learned: Bools,
        flags: I64,
        as_usual: Callable[[I64], Bools] | None = None,
    ) -> Seen:
        """What is impossible or stands still, and what the device doubts, is not learned by all or by any."""
        np.maximum.at(self._recent.newest, lanes[learned], rows.observed_ms[learned])
        (looked_at,) = np.nonzero(learned & (flags & (DEVICE | NOT_MEASURING) == 0))
        return self._recent.look(
            looked_at, lanes, rows.quantity(), rows.observed_ms, rows.value, flags, as_usual
        )

    def _settle_flags(
        self, lanes: I64, at_ms: I64, flags: I64, learned: Bools, stale: Bools
    ) -> list[int | None]:
        """Remember those of what was learned; what is told again has those that are remembered, or says nothing."""
        stored: list[int | None] = flags.tolist()
        for row in np.flatnonzero(stale | (learned & (flags != 0))).tolist():
            lane, at = int(lanes[row]), int(at_ms[row])
            if stale[row]:
                stored[row] = self._flagged.get(lane, {}).get(at, stored[row]) or None
            else:
                self._remember(lane, at, int(flags[row]))
        return stored

    def _remember(self, lane: int, at_ms: int, flags: int) -> None:
        flagged = self._flagged.setdefault(lane, {})
        flagged[at_ms] = flags
        if len(flagged) > REMEMBERED_FLAGS:
            del flagged[next(iter(flagged))]

    def _changes(
        self,
        rows: Rows,
        lanes: I64,
        moves: Bools,
        outside: F64,
        seen: Seen,
        told: Mapping[int, Told],
        known: Callable[[int], Known],
    ) -> Iterator[Anomaly]:
        """Episodes only of series where something is going on: elsewhere a reading below the threshold changes nothing."""
        wakes = outside > 0
        for score in seen.scores.values():
            wakes |= score >= 1
        wakes[list(told)] = True
        waking = moves & (wakes | np.isin(lanes, list(self._episodes)))
        some = moves & np.isin(lanes, lanes[waking])
        for row in np.flatnonzero(some).tolist():
            lane = int(lanes[row])
            if not wakes[row] and lane not in self._episodes:
                continue
            findings = {AnomalyKind.RANGE: _range_finding(rows, row, float(outside[row]))}
            findings |= dict(seen.findings(row))
            held = kinds.settle(self._held.get(lane), findings, dict(told.get(row, ())))
            if held is not None:
                self._held[lane] = held
            else:
                self._held.pop(lane, None)
            self._known[lane] = known(row)
            yield from self._step(lane, int(rows.observed_ms[row]), findings)
            self._tidy(lane)

    def _step(self, lane: int, at_ms: int, findings: Mapping[AnomalyKind, Finding]) -> Iterator[Anomaly]:
        episodes = self._episodes.setdefault(lane, {})
        jumps = findings.get(AnomalyKind.RATE)
        impossible = findings[AnomalyKind.RANGE].score > 0 or (jumps is not None and jumps.score >= 1)
        for kind, finding in findings.items():
            episode = episodes.get(kind)
            if impossible and kind is AnomalyKind.SPIKE and not (episode and episode.is_open):
                continue  # one anomaly says it: the value is impossible
            if episode is None:
                episode = episodes[kind] = Episode(RULES[kind])
            step = episode.step(at_ms, finding)
            if step is not Step.NOTHING:
                end_ms = episode.calm_ms if step is Step.CLOSED else None
                yield tell(self._series[lane], self._known[lane], kind, episode, end_ms)

    def _tidy(self, lane: int) -> None:
        """Forget episodes that are as if they had never been."""
        episodes = self._episodes[lane]
        for kind in [kind for kind, episode in episodes.items() if episode.is_idle]:
            del episodes[kind]
        if not episodes:
            self._drop(lane)

    def _drop(self, lane: int) -> None:
        self._episodes.pop(lane, None)
        self._known.pop(lane, None)
        self._resumed_ms.pop(lane, None)
        self._held.pop(lane, None)

    def _lanes(self, series: Sequence[tuple[str, str]]) -> I64:
        """Of each series, each of which comes once."""
        lanes = [self._lane.get(key, -1) for key in series]
        if -1 in lanes:
            new = [key for key, lane in zip(series, lanes, strict=True) if lane < 0]
            over = len(self._lane) + len(new) - self._max_series
            if over > 0:
                self._forget(max(over, self._max_series // 10), set(lanes))
            for key in new:
                self._add(key)
            lanes = [self._lane[key] for key in series]
        return np.array(lanes, np.int64)

    def _add(self, key: tuple[str, str]) -> None:
        if self._free:
            lane = self._free.pop()
            self._series[lane] = key
        else:
            lane = self._recent.add()
            self._series.append(key)
        self._lane[key] = lane

    def _forget(self, number: int, kept: set[int]) -> None:
        """Those that were silent longest, but none of the batch at hand."""
        others = [lane for lane in self._lane.values() if lane not in kept]
        newest = self._recent.newest
        for lane in sorted(others, key=lambda lane: int(newest[lane]))[:number]:
            del self._lane[self._series[lane]]
            self._drop(lane)
            self._flagged.pop(lane, None)
            self._recent.clear(lane)
            self._free.append(lane)


def _newest_before(lanes: I64, at_ms: I64, which: Bools, start_ms: I64) -> I64:
    """Per row the newest time of its lane so far: `start_ms[lane]`, or of rows before it among `which`."""
    if not len(lanes):
        return at_ms
    times, rank = np.unique(at_ms, return_inverse=True)
    order = np.argsort(lanes, kind="stable")
    opens = np.r_[True, np.diff(lanes[order]) != 0]
    floor = np.cumsum(opens) * (len(times) + 1)  # ranks of one lane lie between its floor and the next
    highest = np.maximum.accumulate(floor + np.where(which, rank + 1, 0)[order]) - floor
    before = np.where(opens, 0, np.r_[0, highest[:-1]])
    newest = start_ms[lanes]
    newest[order] = np.maximum(newest[order], np.r_[-1, times][before])
    return newest


def _range_finding(rows: Rows, row: int, outside: float) -> Finding:
    quantity = QUANTITIES[rows.series[rows.of[row]][1]]
    score = 1.0 + outside / (quantity.high - quantity.low) if outside > 0 else 0.0
    at_ms, value = int(rows.observed_ms[row]), float(rows.value[row])
    return Finding(score, value, at_ms, None, quantity.low, quantity.high)
