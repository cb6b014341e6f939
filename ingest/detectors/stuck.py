"""Stuck: a run of exact repeats longer than this series shows when it is healthy.

What is unlikely depends on the series: integers in calm air repeat for minutes. So the run needed is the longest of a
minimum, what the learned chance of a repeat makes unlikely to 1 in 10^EVIDENCE, and a multiple of the longest healthy run.
Values at rest (no wind, night, saturated air) and counters do not count; a series that never changed is not judged.

A run at exactly 0 into which the series fell at once, from farther than its quantity's noise floor, is a dead zero: it takes
MIN_RUN readings in MIN_MS, and LONGEST_TIMES the longest such run that passed.
"""

from collections.abc import Mapping
from math import ceil
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import words
from ingest.detectors import phrases
from ingest.detectors.finding import Finding, Rule
from ingest.detectors.glance import COUNTER, DIRECTION, Glance
from ingest.detectors.lanes import F64, I64, Block, Bools, Lanes
from ingest.detectors.spike import FLOORS
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import QUANTITIES
from telemetry.reading import Flag

WARM_UP = 30  # readings before anything is said ...
CHANGES = 10  # ... and changes of value seen among them
MIN_RUN = 20
MIN_MS = 60_000
EVIDENCE = 12.0
LONGEST_TIMES = 3
MEMORY = 1000.0  # readings over which the chance of a repeat is learned
LONGEST_FADES = 0.999  # per completed run

# Quantities that rightly stand still for longer than a minute, in ms.
SLOW_MS: dict[str, int] = {
    "temperature": 600_000,
    "device_temperature": 900_000,
    "humidity": 600_000,
    "pressure": 1_200_000,
    "co2": 300_000,
    "wind_direction": 1_800_000,
    "water_level": 3_600_000,
    "voltage": 600_000,
    "battery": 86_400_000,
}
# (at most, at least): a value there is at rest, not stuck.
RESTING: dict[str, tuple[float, float]] = {
    "wind_speed": (0.3, 1e9),
    "illuminance": (10.0, 1e9),
    "solar_radiation": (5.0, 1e9),
    "vehicle_count": (0.0, 1e9),
    "vehicle_speed": (0.0, 1e9),
    "vehicle_speed_p85": (0.0, 1e9),
    "occupancy": (0.0, 100.0),
    "humidity": (-1.0, 99.0),
    "current": (0.0, 1e9),
    "power": (0.0, 1e9),
    "battery": (-1.0, 100.0),
}


_REST = np.array([RESTING.get(name, (-np.inf, np.inf)) for name in QUANTITIES])
# A 0 is a reading like any other of what counts, points, or may rest there.
_NEVER_DEAD = COUNTER | DIRECTION | ~((_REST[:, 0] < 0) & (_REST[:, 1] > 0))


class Stuck:
    """The score is the run over the run needed, in readings or in time, whichever is less."""

    kinds: tuple[AnomalyKind, ...] = (AnomalyKind.STUCK, AnomalyKind.ZERO)
    flags: Mapping[AnomalyKind, Flag] = MappingProxyType(
        {AnomalyKind.STUCK: Flag.STUCK, AnomalyKind.ZERO: Flag.UNWELL}
    )
    rule = Rule(strong=1.0, hits=1, of=1, release=0.3, calm=3)
    rows: tuple[str, ...] = ()
    tables: Mapping[str, Block] = MappingProxyType(
        {
            "stood_at": ((), np.float64),
            "run": ((), np.int64),
            "since": ((), np.int64),
            "read": ((), np.int64),
            "changes": ((), np.int64),
            "repeats": ((), np.float64),  # the share of readings that repeat the one before
            "longest": ((), np.float64),  # healthy run; below 1 is 1
            "fell_from": ((), np.float64),  # the value before the run
            "zeros": ((), np.float64),  # the longest run at 0 that passed
        }
    )
    constants: Mapping[str, NDArray[Any]] = MappingProxyType(
        {
            "least_ms": np.array([SLOW_MS.get(name, MIN_MS) for name in QUANTITIES]),
            "rest_low": np.where(COUNTER, np.inf, _REST[:, 0]),
            "rest_high": _REST[:, 1],
            "fall": np.where(_NEVER_DEAD, np.inf, [FLOORS[name][0] for name in QUANTITIES]),
        }
    )

    def score(self, frame: Glance, lanes: Lanes) -> dict[AnomalyKind, F64]:
        """See Detector."""
        past, x = frame.past, frame.x
        repeat = (past["read"] > 0) & (x == past["stood_at"])
        run = past["run"] + 1
        score = run / MIN_RUN
        (unsure,) = np.nonzero(repeat & (score >= self.rule.release))
        if unsure.size:
            lasted = (frame.at_ms[unsure] - past["since"][unsure]) / frame.constants["least_ms"][unsure]
            score[unsure] = np.minimum(run[unsure] / _needed(past, unsure), lasted)
        frame.found |= {"run": run, "since": past["since"].copy(), "usual": past["longest"].copy()}
        frame.found["fell"] = past["fell_from"].copy()
        frame.found |= {"repeat": repeat, "stood": score}
        known = (past["read"] >= WARM_UP) & (past["changes"] >= CHANGES)
        dead = np.where(known & np.isfinite(frame.constants["fall"]), 0.0, np.nan)
        (fallen,) = np.nonzero(repeat & (x == 0) & (dead == 0))
        if fallen.size:
            zero = _dead(frame, run, frame.at_ms, fallen)
            dead[fallen] = zero
            score[fallen[zero > 0]] = 0.0
        frame.found["dead"] = dead
        stuck = np.where(known & _counts(frame, x), score * repeat, np.nan)
        return {AnomalyKind.STUCK: stuck, AnomalyKind.ZERO: dead}

    def find(self, frame: Glance, kind: AnomalyKind, column: int) -> Finding:
        """See ReadingDetector."""
        found, x = frame.found, float(frame.x[column])
        if not found["repeat"][column]:
            return Finding(0.0, x, int(frame.at_ms[column]))
        if kind is AnomalyKind.ZERO:
            since, run = int(found["since"][column]), int(found["run"][column])
            return Finding(float(found["dead"][column]), x, since, float(found["fell"][column]), readings=run)
        score, since = float(found["stood"][column]), int(found["since"][column])
        usual = ceil(max(1.0, float(found["usual"][column])))
        return Finding(score, x, since, readings=int(found["run"][column]), usual=usual)

    def learn(self, frame: Glance, lanes: Lanes) -> None:
        """See Detector. A run that was found stuck teaches nothing."""
        past, x, repeat = frame.past, frame.x, frame.found["repeat"]
        run = past["run"] + repeat
        healthy = run < MIN_RUN
        (unsure,) = np.nonzero(~healthy)
        if unsure.size:
            healthy[unsure] = run[unsure] < _needed(past, unsure)
        changed = ~repeat & (past["read"] > 0)
        (left,) = np.nonzero(changed & (past["stood_at"] == 0))
        if left.size:
            dead = _dead(frame, past["run"], frame.at_ms, left) >= 1
            healthy[left[dead]] = False
            passed = left[~dead]
            past["zeros"][passed] = np.maximum(past["zeros"][passed] * LONGEST_FADES, past["run"][passed])
        passed = changed & healthy & _counts(frame, past["stood_at"])
        longest = np.maximum(1.0, np.maximum(past["longest"] * LONGEST_FADES, run))
        np.copyto(past["longest"], longest, where=passed)
        past["read"] += 1
        past["changes"] += changed
        past["run"][:] = np.where(repeat, run, 1)
        np.copyto(past["since"], frame.at_ms, where=~repeat)
        before = past["stood_at"].copy()
        np.copyto(past["stood_at"], x, where=~repeat)
        np.copyto(past["fell_from"], before, where=changed)
        teaches = _counts(frame, x) & (healthy | ~repeat) & ~(frame.found["dead"] >= 1)
        past["repeats"] += teaches * (repeat - past["repeats"]) / np.minimum(past["read"], MEMORY)

    def explain(self, kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
        """See Detector."""
        if kind is AnomalyKind.ZERO:
            return _dead_in_words(name, quantity, finding)
        times, usual = finding.readings, finding.usual
        if times < 2:  # found by another, which does not count them
            return phrases.say(kind, name, quantity, finding)
        alike, alike_vi = (
            (f"at most {usual} in a row are usual", f"bình thường nhiều nhất {usual} lần liên tiếp")
            if usual > 1
            else ("it usually changes with every one", "bình thường mỗi lần đo đều thay đổi")
        )
        text = (
            f"{name}: {words.title(quantity)} has stood at exactly {words.amount(quantity, finding.value)}"
            f" for {times} readings, {alike}"
        )
        text_vi = (
            f"{name}: {words.title_vi(quantity)} đứng yên ở đúng {words.amount_vi(quantity, finding.value)}"
            f" trong {times} lần đo liên tiếp, {alike_vi}"
        )
        return text, text_vi


def _dead(frame: Glance, run: I64, at_ms: I64, columns: I64) -> F64:
    """Of runs at 0 the share of what a dead zero takes; 0 where the series did not fall there at once."""
    past = frame.past
    needed = np.maximum(MIN_RUN, LONGEST_TIMES * past["zeros"][columns])
    lasted = (at_ms[columns] - past["since"][columns]) / MIN_MS
    fell = np.abs(past["fell_from"][columns]) > frame.constants["fall"][columns]
    share: F64 = np.where(fell, np.minimum(run[columns] / needed, lasted), 0.0)
    return share


def _dead_in_words(name: str, quantity: str, finding: Finding) -> tuple[str, str]:
    times, before = finding.readings, finding.expected
    if times < 2 or before is None:  # found by another, which does not count them
        return phrases.say(AnomalyKind.ZERO, name, quantity, finding)
    text = (
        f"{name}: {words.title(quantity)} fell from {words.amount(quantity, before)} to exactly 0"
        f" and has stood there for {times} readings"
    )
    text_vi = (
        f"{name}: {words.title_vi(quantity)} tụt từ {words.amount_vi(quantity, before)} xuống đúng 0"
        f" và đứng yên ở đó trong {times} lần đo liên tiếp"
    )
    return text, text_vi


def _counts(frame: Glance, value: F64) -> Bools:
    """Whether the value says anything: at rest, and of counters, it does not."""
    counts: Bools = (frame.constants["rest_low"] < value) & (value < frame.constants["rest_high"])
    return counts


def _needed(past: Mapping[str, NDArray[Any]], columns: I64) -> F64:
    """Readings in a run that is no accident."""
    chance = np.minimum(0.999, np.maximum(0.01, past["repeats"][columns]))
    longest = LONGEST_TIMES * np.maximum(1.0, past["longest"][columns])
    needed: F64 = np.maximum(MIN_RUN, np.maximum(EVIDENCE / -np.log10(chance), longest))
    return needed
