"""Of each kind of a series' anomalies: its flag, when its episodes open and close, and which gives way to which. Pure."""

from collections.abc import Mapping

from ingest.detectors import DETECTORS, Finding, Rule
from telemetry.anomaly import AnomalyKind
from telemetry.reading import Flag

# What the survey (ingest.survey) tells of minutes: the flag of each kind ...
SURVEYED = {
    AnomalyKind.ZERO: int(Flag.UNWELL),
    AnomalyKind.UNIT: int(Flag.UNWELL),
    AnomalyKind.RATE: int(Flag.UNWELL),
    AnomalyKind.NOISE: int(Flag.UNWELL),
    AnomalyKind.CALIBRATION: int(Flag.UNUSUAL),
    AnomalyKind.DRIFT: int(Flag.UNUSUAL),
    AnomalyKind.BIAS: int(Flag.UNUSUAL),
    AnomalyKind.UNUSUAL: int(Flag.UNUSUAL),
    AnomalyKind.REGIME: int(Flag.UNUSUAL),
    AnomalyKind.RHYTHM: int(Flag.UNUSUAL),
    AnomalyKind.SPIKE: int(Flag.SPIKE),
    AnomalyKind.STUCK: int(Flag.STUCK),
}
# ... and when its episodes open and close.
SURVEY_RULE = Rule(strong=1.0, hits=1, of=1, release=0.5, calm=3)
RULES: Mapping[AnomalyKind, Rule] = {
    AnomalyKind.RANGE: Rule(strong=1.0, hits=1, of=1, release=1.0, calm=10),
    **dict.fromkeys(SURVEYED, SURVEY_RULE),
    **{kind: detector.rule for kind, detector in DETECTORS.items()},
    AnomalyKind.ZERO: SURVEY_RULE,
    AnomalyKind.UNIT: SURVEY_RULE,
    AnomalyKind.RATE: SURVEY_RULE._replace(calm=10),
    AnomalyKind.CALIBRATION: SURVEY_RULE._replace(calm=1),  # it is told of once a day
}
# Which kinds give way while another is told of the series: one anomaly says it.
GIVE_WAY: Mapping[AnomalyKind, tuple[AnomalyKind, ...]] = {
    AnomalyKind.STUCK: (AnomalyKind.ZERO,),
    AnomalyKind.ZERO: (AnomalyKind.RANGE, AnomalyKind.STUCK, AnomalyKind.SPIKE, AnomalyKind.RATE),
    AnomalyKind.UNIT: (AnomalyKind.RANGE, AnomalyKind.SPIKE, AnomalyKind.RATE),
    AnomalyKind.NOISE: (AnomalyKind.SPIKE, AnomalyKind.RATE),
}
PLAIN = (AnomalyKind.ZERO, AnomalyKind.UNIT)  # of those, what readings show by themselves


def settle(
    held: AnomalyKind | None, findings: dict[AnomalyKind, Finding], surveyed: Mapping[AnomalyKind, Finding]
) -> AnomalyKind | None:
    """Join to the `findings` of a reading what the survey tells beside it, which goes before: what it has named is over when it
    says so. Those that give way are scored 0.

    `held` is what the survey named before, of the kinds to which others give way; what it names now is given back.
    """
    for kind in GIVE_WAY:
        if kind in surveyed:
            if surveyed[kind].score >= SURVEY_RULE.release:
                held = kind
            elif held is kind:
                held = None
    if held is not None:
        findings.pop(held, None)
    findings.update(surveyed)
    shown = [kind for kind in PLAIN if kind in findings and findings[kind].score >= 1]
    names_it = shown[0] if held is None and shown else held
    for kind in GIVE_WAY[names_it] if names_it is not None else ():
        if kind in findings:
            findings[kind] = findings[kind]._replace(score=0.0)
    return held
