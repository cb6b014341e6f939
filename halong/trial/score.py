"""What was told against what was done: recall and delay of each kind that was done, precision of each kind that was told. Pure.

Found = an anomaly of the sensor (of the fault's quantity, where it has one; of any sensor of the site for what happens in the
city and for an outage) that is open at some time between the beginning and half an hour, or a tenth of its length, after the
end. Right name = one of those has a kind that stands for what was done. An anomaly is true when something was being done where
it was told, else false. Ageing lasts for weeks, in which much else is told: only its own name speaks of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from firmware_sim.faults import FaultKind
from firmware_sim.happenings import HappeningKind
from halong.trial.plan import GATEWAY, Done
from telemetry.alarm import Alarm
from telemetry.anomaly import Anomaly, AnomalyKind

AFTER_S, AFTER_SHARE = 1800.0, 0.1
K = AnomalyKind
NAMES: Mapping[str, frozenset[AnomalyKind]] = {
    FaultKind.SPIKE: frozenset({K.SPIKE}),
    FaultKind.STUCK: frozenset({K.STUCK}),
    FaultKind.JITTER: frozenset({K.STUCK}),
    FaultKind.RANGE: frozenset({K.RANGE}),
    FaultKind.RATE: frozenset({K.RATE}),
    FaultKind.NOISE: frozenset({K.NOISE}),
    FaultKind.DRIFT: frozenset({K.DRIFT}),
    FaultKind.AGEING: frozenset({K.CALIBRATION, K.DRIFT}),
    FaultKind.BIAS: frozenset({K.BIAS}),
    FaultKind.ZERO: frozenset({K.ZERO, K.RANGE}),  # of the air pressure
    FaultKind.UNIT: frozenset({K.UNIT, K.RANGE}),
    FaultKind.SILENCE: frozenset({K.SILENCE}),
    FaultKind.GAP: frozenset({K.SILENCE, K.GAP}),
    FaultKind.GARBAGE: frozenset({K.SILENCE, K.GAP}),
    FaultKind.CLOCK: frozenset({K.CLOCK}),
    GATEWAY: frozenset({K.GATEWAY}),
    HappeningKind.BURST: frozenset({K.SPIKE, K.UNUSUAL}),
    HappeningKind.LEVEL: frozenset({K.UNUSUAL, K.SPIKE, K.LIMIT}),
    HappeningKind.REGIME: frozenset({K.REGIME, K.UNUSUAL}),
    HappeningKind.RHYTHM: frozenset({K.RHYTHM}),
}


class Recall(NamedTuple):
    """Of one kind that was put in. `delay_s` is the median from its beginning to when it was told."""

    done: int
    found: int
    named: int
    delay_s: float | None
    alarms: float | None  # of those found, on average


class Precision(NamedTuple):
    """Of one kind that was told: how many, and how many where something was being done."""

    told: int
    true: int


class Score(NamedTuple):
    """`recall` by what was done, `precision` by what was told, `false_per_sensor_week` of all anomalies together."""

    recall: dict[str, Recall]
    precision: dict[str, Precision]
    false_per_sensor_week: float
    false_alarms_per_day: float


class Told(NamedTuple):
    """An anomaly and when it was told first, in ms."""

    anomaly: Anomaly
    told_ms: int


def score(
    done: Iterable[Done],
    told: Iterable[Told],
    alarms: Iterable[Alarm],
    *,
    start_s: float,
    days: float,
    sensors: int,
) -> Score:
    """`start_s` is when the trial began, in seconds since 1970."""
    everything, every_told, every_alarm = list(done), list(told), list(alarms)
    hits = {one: [t for t in every_told if meets(one, t.anomaly, start_s)] for one in everything}
    recall = {
        kind: recalled([(one, hits[one]) for one in everything if one.kind == kind], every_alarm, start_s)
        for kind in NAMES
        if any(one.kind == kind for one in everything)
    }
    true = {t.anomaly.id for found in hits.values() for t in found}
    kinds = sorted({t.anomaly.kind for t in every_told})
    precision = {
        str(kind): Precision(
            sum(t.anomaly.kind == kind for t in every_told),
            sum(t.anomaly.kind == kind and t.anomaly.id in true for t in every_told),
        )
        for kind in kinds
    }
    false = len(every_told) - len(true)
    false_alarms = sum(not true & set(alarm.anomalies) for alarm in every_alarm)
    return Score(recall, precision, false * 7 / days / sensors, false_alarms / days)


def _span(one: Done, start_s: float) -> tuple[float, float]:
    after = max(AFTER_S, AFTER_SHARE * (one.end_s - one.start_s))
    return (start_s + one.start_s) * 1000, (start_s + one.end_s + after) * 1000


def meets(one: Done, anomaly: Anomaly, start_s: float) -> bool:
    """Whether this was told of that, or as good as."""
    begin, end = _span(one, start_s)
    if anomaly.start_ms > end or (anomaly.end_ms or end) < begin:
        return False
    if one.kind == GATEWAY:
        return anomaly.sensor == one.gateway or (anomaly.site == one.site and anomaly.kind is K.SILENCE)
    if one.kind == FaultKind.AGEING and anomaly.kind not in NAMES[one.kind]:
        return False
    place = anomaly.sensor == one.sensor if one.sensor else anomaly.site == one.site
    return place and (not one.quantities or anomaly.quantity in ("", *one.quantities))


def recalled(pairs: Sequence[tuple[Done, list[Told]]], alarms: Sequence[Alarm], start_s: float) -> Recall:
    """Of what was done, each with what was told of it."""
    found = [(one, told) for one, told in pairs if told]
    named = sum(any(t.anomaly.kind in NAMES[one.kind] for t in told) for one, told in found)
    delays = [min(t.told_ms for t in told) / 1000 - start_s - one.start_s for one, told in found]
    per_event = [
        sum(bool({t.anomaly.id for t in told} & set(alarm.anomalies)) for alarm in alarms)
        for _, told in found
    ]
    return Recall(
        len(pairs),
        len(found),
        named,
        max(0.0, median(delays)) if delays else None,
        sum(per_event) / len(per_event) if per_event else None,
    )
