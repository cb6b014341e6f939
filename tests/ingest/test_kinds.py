"""Which kind is told where several are found of one reading, and for how long."""

import pytest

from ingest import kinds
from ingest.detectors import Finding
from ingest.kinds import GIVE_WAY, SURVEY_RULE
from telemetry.anomaly import AnomalyKind as K


def found(*which: K, score: float = 2.0) -> dict[K, Finding]:
    return {kind: Finding(score, 20.0, 1000) for kind in which}


def scores(findings: dict[K, Finding]) -> dict[K, float]:
    return {kind: finding.score for kind, finding in findings.items()}


@pytest.mark.parametrize("held", list(GIVE_WAY))
def test_what_the_survey_names_makes_others_give_way_until_it_says_that_it_is_over(held: K) -> None:
    others = found(K.RANGE, *GIVE_WAY[held])
    assert kinds.settle(None, others, found(held)) is held
    assert all(others[kind].score == 0 for kind in GIVE_WAY[held])
    later = found(held, *GIVE_WAY[held])
    assert kinds.settle(held, later, {}) is held
    assert scores(later) == dict.fromkeys(GIVE_WAY[held], 0.0)  # a reading by itself cannot end it
    ended = found(K.SPIKE)
    assert kinds.settle(held, ended, found(held, score=SURVEY_RULE.release / 2)) is None
    assert scores(ended) == {K.SPIKE: 2.0, held: SURVEY_RULE.release / 2}


def test_a_dead_zero_that_the_reading_shows_is_told_alone_and_holds_nothing() -> None:
    findings = found(K.RANGE, K.STUCK, K.SPIKE, K.ZERO)
    assert kinds.settle(None, findings, {}) is None
    assert scores(findings) == {K.RANGE: 0.0, K.STUCK: 0.0, K.SPIKE: 0.0, K.ZERO: 2.0}


def test_another_unit_that_the_readings_show_is_told_instead_of_the_impossible_value() -> None:
    findings = found(K.RANGE, K.SPIKE, K.UNIT)
    assert kinds.settle(None, findings, {}) is None
    assert scores(findings) == {K.RANGE: 0.0, K.SPIKE: 0.0, K.UNIT: 2.0}


def test_what_gives_way_to_nothing_stays_as_it_was_found() -> None:
    findings = found(K.RANGE, K.SPIKE)
    assert kinds.settle(None, findings, found(K.BIAS)) is None
    assert scores(findings) == {K.RANGE: 2.0, K.SPIKE: 2.0, K.BIAS: 2.0}
