"""Is the sensor well? Runs that stand still or lie at zero, and holes in time: each against what this series has shown so far."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ingest.detectors import phrases
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F32, I64, Block, Bools, Lanes
from ingest.detectors.residuals import HOURS, SETTLED, Frame, usual_step
from telemetry.anomaly import AnomalyKind

FROM = 300  # readings before anything is said: a day at five minutes
MEMORY = 3000.0  # readings
SELDOM = 1 / 400  # runs or gaps that come more often than this are this series' way
RUN_DECADES = 6.0  # how improbable a run has to be
BESIDE_DECADES = 8.0  # ... one of three neighbouring values, as where slow weather turns
ZERO_DECADES = 4.0
STILL = 0.05  # of the usual step: nearer than this is standing still
BIT = 1.01  # ... or within the smallest step ever seen
RESTING = 0.02  # of the range: nearer than this to zero a half hour's usual value is at rest
LONGEST_TIMES, LONGEST_MORE = 1.5, 2  # a run has to be so much longer than the longest that passed
LONGEST_FADES = 0.999  # per run
GAP_TIMES, GAP_TIMES_DECLARED = 5.0, 3.0
GAP_BINS, GAP_OCTAVE = 48, 4  # quarters of octaves of the typical interval
GAP_SELDOM = 1 / 400  # a gap is news when gaps as long, or nearly, come more seldom


def _rate(n: F32) -> F32:
    rate: F32 = 1 / np.minimum(n + 1, np.float32(MEMORY))
    return rate


def _missing(frame: Frame, lanes: Lanes, at: I64, usual: F32) -> F32:
    """How many readings a hole has cost, by what comes at those hours of the day: nights of a road are sparse by themselves."""
    hour_s = lanes.tables["hour"][frame.lanes[at], :, 1]
    pace = np.maximum(hour_s, usual[:, None])
    length = frame.dt[at].astype(np.float64)
    end = (frame.at_ms[at] // 1000 % 86_400).astype(np.float64)
    days, part = np.divmod(length, 86_400.0)
    begins = np.arange(HOURS) * 3600.0
    spent = np.zeros(hour_s.shape)
    for shift in (0.0, -86_400.0):
        first = np.maximum(begins + shift, (end - part)[:, None])
        spent += np.maximum(np.minimum(begins + shift + 3600.0, end[:, None]) - first, 0)
    missing: F32 = ((spent + 3600.0 * days[:, None]) / np.maximum(pace, 1e-3)).sum(1).astype(np.float32)
    return np.maximum(missing, 1)


def _gap_bin(times: F32) -> I64:
    place: I64 = np.clip(GAP_OCTAVE * np.log2(times), 0, GAP_BINS - 1).astype(np.int64)
    return place


class _Runs:
    """Runs of readings that satisfy a condition, with the chance of each learned; found when a run is improbable and rare."""

    def __init__(self, name: str, decades: float, each: float) -> None:
        self.rows = tuple(f"{name}_{row}" for row in ("run", "share", "often", "on", "longest"))
        self._run, self._share, self._often, self._on, self._longest = self.rows
        self._decades, self._each = np.float32(decades), np.float32(each)

    def score(self, frame: Frame, holds: Bools) -> F32:
        """Above 1 from the reading on at which the run became improbable, until it ends."""
        old, new, rate = frame.old, frame.new, _rate(frame.old["n"])
        for row in (self._share, self._often):
            new[row] = old[row] + rate * (0 - old[row])
        for row in (self._run, self._on):
            new[row] = np.zeros(len(frame), np.float32)
        new[self._longest] = old[self._longest]
        told = np.zeros(len(frame), np.float32)
        at = np.flatnonzero(holds | (old[self._run] > 0))  # for most there is no run
        if at.size:
            new[self._longest] = old[self._longest].copy()
            told[at] = self._go_on(frame, at, holds[at], rate[at])
        return told

    def _go_on(self, frame: Frame, at: I64, holds: Bools, rate: F32) -> F32:
        new, n = frame.new, frame.old["n"][at]
        was, share, often, on, longest = (frame.old[row][at] for row in self.rows)
        run = (was + 1) * holds
        chance = np.clip(np.maximum(share, 1 / (n + 2)), 1e-6, 0.999)
        score = run * np.minimum(self._each, -np.log10(chance)) / self._decades
        enough = np.float32(LONGEST_TIMES) * longest + np.float32(LONGEST_MORE)
        before = np.where(n > FROM, np.minimum(was, enough), was)
        passed = np.maximum(longest * np.float32(LONGEST_FADES), before)
        improbable = (score >= 1) & (run > enough)
        was_on = on * holds
        begun = improbable & (was_on == 0)
        now_on = np.where(improbable, np.maximum(was_on, 1 + (begun & (often < SELDOM) & (n > FROM))), was_on)
        new[self._run][at], new[self._on][at] = run, now_on
        new[self._longest][at] = np.where((was > 0) & ~holds, passed, longest)
        new[self._often][at] = often + rate * (begun - often)
        new[self._share][at] = np.where(improbable, share, share + rate * (holds - share))
        told: F32 = np.where(now_on > 1, np.maximum(score, 1), np.minimum(score, np.float32(0.99)))
        return told


class Stuck:
    """The same value again and again, or as good as: exact repeats, and repeats but for the last bit or a hair: two neighbouring
    values, or the first of a run and those beside it."""

    kinds = (AnomalyKind.STUCK, AnomalyKind.ZERO)
    tables: Mapping[str, Block] = MappingProxyType({})

    def __init__(self) -> None:
        self._exact = _Runs("exact", RUN_DECADES, 1.0)
        self._near = _Runs("near", RUN_DECADES, 1.0)
        self._beside = _Runs("beside", BESIDE_DECADES, 1.0)
        self._zero = _Runs("zero", ZERO_DECADES, 2.0)
        runs = (self._exact, self._near, self._beside, self._zero)
        self.rows = (*(row for one in runs for row in one.rows), "low_end", "high_end", "anchor", "bit")

    def score(self, frame: Frame, lanes: Lanes) -> dict[AnomalyKind, F32]:
        """See Detector. A dead zero is a run at exactly 0 of a series that is seldom there."""
        old, new, v = frame.old, frame.new, frame.v
        later = old["n"] > 0
        step = np.abs(v - old["before"])
        bit = np.where(old["bit"] > 0, old["bit"], np.float32(3e38))
        new["bit"] = np.where((step > 0) & later, np.minimum(bit, step), old["bit"])
        still = np.maximum(np.float32(BIT) * old["bit"], np.float32(STILL) * usual_step(old))
        low, high = np.minimum(old["low_end"], v), np.maximum(old["high_end"], v)
        near = later & (high - low <= still)
        new["low_end"], new["high_end"] = np.where(near, low, v), np.where(near, high, v)
        beside = later & (np.abs(v - old["anchor"]) <= still)
        new["anchor"] = np.where(beside, old["anchor"], v)
        at_zero = frame.x == 0
        resting = _resting(frame, at_zero) | (frame.found["known"] > 0)
        zero = self._zero.score(frame, at_zero & ~resting)
        exact = self._exact.score(frame, later & (step == 0) & ~resting)
        but_a_bit = np.maximum(
            self._near.score(frame, near & ~resting), self._beside.score(frame, beside & ~resting)
        )
        stuck = np.maximum(exact, but_a_bit)
        return {AnomalyKind.STUCK: np.where(zero >= 1, 0, stuck), AnomalyKind.ZERO: zero}

    def learn(self, frame: Frame, lanes: Lanes) -> None:
        """See Detector."""

    def explain(self, kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
        """See Detector."""
        return phrases.say(kind, name, quantity, finding)


def _resting(frame: Frame, at_zero: Bools) -> Bools:
    """At zero at a time of day when that is where the series lies: a dark night, an empty road."""
    if not at_zero.any():
        return at_zero
    old = frame.old
    usual = np.abs(frame.usual + frame.found["start"])
    resting: Bools = at_zero & (old["day_seen"] > SETTLED) & (usual <= RESTING * (old["high"] - old["low"]))
    return resting


class Gap:
    """A hole before this reading: longer than this series' intervals are, and than its usual holes."""

    kinds = (AnomalyKind.GAP,)
    rows = ("interval", "period")  # `period` is the declared one, 0 = none
    tables: Mapping[str, Block] = MappingProxyType({"gaps": ((GAP_BINS,), np.uint8)})

    def score(self, frame: Frame, lanes: Lanes) -> dict[AnomalyKind, F32]:
        """See Detector."""
        old, new, n = frame.old, frame.new, frame.old["n"]
        declared = old["period"] > 0
        usual = np.where(declared, old["period"], old["interval"])
        times = frame.dt / np.maximum(usual, np.float32(1e-3))
        large = np.where(declared, np.float32(GAP_TIMES_DECLARED), np.float32(GAP_TIMES))
        score = np.zeros(len(frame), np.float32)
        learn_rate = 1 / np.minimum(np.maximum(n, 1), np.float32(300))
        learnt = old["interval"] + (frame.dt - old["interval"]) * learn_rate
        new["interval"] = np.where(((times > large) & (n > 30)) | (n == 0), old["interval"], learnt)
        (long,) = np.nonzero((times > large) & (n > np.where(declared, np.float32(10), np.float32(FROM))))
        if long.size:
            missing = _missing(frame, lanes, long, usual[long])
            counts = lanes.tables["gaps"][frame.lanes[long]]
            alike = (counts * (np.arange(GAP_BINS) >= _gap_bin(missing)[:, None])).sum(1)
            seldom = (alike + 1) / (n[long] + 400) < GAP_SELDOM
            score[long] = np.where(seldom, missing / large[long], 0)
        return {AnomalyKind.GAP: score}

    def learn(self, frame: Frame, lanes: Lanes) -> None:
        """See Detector."""
        old = frame.old
        usual = np.where(old["period"] > 0, old["period"], old["interval"])
        (long,) = np.nonzero((frame.dt > 2 * usual) & (old["n"] > 10))
        if long.size:
            table, lane = lanes.tables["gaps"], frame.lanes[long]
            place = _gap_bin(_missing(frame, lanes, long, usual[long]))
            table[lane, place] = np.minimum(table[lane, place], np.uint8(254)) + np.uint8(1)

    def explain(self, kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
        """See Detector."""
        return phrases.say(kind, name, quantity, finding)
