"""The spike detector on its own."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.detectors.finding import Rule
from ingest.detectors.spike import FLOORS, RING, WARM_UP, Spike
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import QUANTITIES
from telemetry.reading import Flag
from tests.ingest.detectors import alone
from tests.thorough import examples


def fed(name: str, values: list[float], step_ms: int = 1000) -> alone.Alone:
    return alone.fed(Spike(), name, values, step_ms)


class Thorough(Spike):
    """Looks up the spread for every reading."""

    rule = Rule(*Spike.rule)._replace(release=0.0)


def test_every_quantity_has_a_floor():
    assert FLOORS.keys() == QUANTITIES.keys()


def test_nothing_is_said_before_the_warm_up():
    assert fed("pm25", [20.0] * (WARM_UP - 1)).score(WARM_UP * 1000, 900.0) is None
    assert fed("pm25", [20.0] * WARM_UP).score(WARM_UP * 1000, 900.0) is not None


def test_scoring_changes_nothing():
    detector = fed("pm25", [20.0] * 50)
    assert detector.score(50_000, 300.0) == detector.score(50_000, 300.0)


def test_a_flat_series_may_move_by_its_noise_floor():
    finding = fed("temperature", [25.0] * 100).score(100_000, 26.5)
    assert finding is not None
    assert finding.score < 1
    assert finding.expected == pytest.approx(25.0)


def test_north_is_next_to_north():
    rng = Random(1)
    detector = fed("wind_direction", [rng.gauss(0, 5) % 360 for _ in range(200)])
    near, far = detector.score(200_000, 358.0), detector.score(200_000, 180.0)
    assert near is not None
    assert far is not None
    assert near.score < 0.2
    assert far.score > 1


def test_a_burst_teaches_little():
    rng = Random(2)
    calm = [20 + rng.gauss(0, 2) for _ in range(300)]
    detector = fed("pm25", [*calm, *[400.0] * 60])
    finding = detector.score(360_000, 400.0)
    assert finding is not None
    assert finding.score > 3


def test_a_level_that_stays_is_accepted_and_the_old_one_stays_usual_for_a_while():
    detector = fed("temperature", [*[25.0] * 300, *[35.0] * 150])
    for value in (35.0, 25.0):
        finding = detector.score(450_000, value)
        assert finding is not None
        assert finding.score < 1
    other = detector.score(450_000, 45.0)
    assert other is not None
    assert other.score > 1


def test_a_gap_is_learned_anew():
    detector = fed("temperature", [20.0] * 300)
    later = 300_000 + 3_600_000
    assert detector.score(later, 33.0) is None
    for index in range(WARM_UP):
        detector.learn(later + index * 1000, 33.0)
    finding = detector.score(later + 60_000, 33.0)
    assert finding is not None
    assert finding.score < 0.1


def test_counters_rise_at_their_own_pace():
    detector = fed("rain", [index * 0.2 for index in range(100)], step_ms=60_000)
    usual, burst = detector.score(6_060_000, 20.0), detector.score(6_060_000, 60.0)
    assert usual is not None
    assert burst is not None
    assert usual.score < 0.1
    assert burst.score > 2
    assert detector.score(6_060_000, 0.2) is not None


def test_sentences_name_what_is_usual():
    detector = fed("noise_level", [60.0] * 100)
    finding = detector.score(100_000, 110.0)
    assert finding is not None
    assert detector.explain("Quảng trường", finding) == (
        "Quảng trường: sound level (fast) is 110.0 dB, 40.7 to 79.3 dB is usual now",
        "Quảng trường: mức âm tức thời là 110,0 dB, bình thường lúc này từ 40,7 đến 79,3 dB",
    )


@given(values=st.lists(st.floats(-1e6, 1e6), max_size=400), name=st.sampled_from(sorted(QUANTITIES)))
@examples(50)
def test_any_series_keeps_the_state_bounded_and_the_band_around_the_expected(values: list[float], name: str):
    detector = fed(name, values)
    assert detector.lanes.tables["ring"].shape[1] == RING
    assert detector.lanes.tables["rung"][0] <= len(values)
    finding = detector.score((len(values) + 1) * 1000, 1.0)
    assert finding is None or finding.score >= 0


@pytest.mark.parametrize("name", ["pm25", "wind_direction", "vehicle_speed"])
def test_what_is_told_does_not_depend_on_where_the_spread_is_looked_up(name: str):
    rng = Random(name)
    quick, thorough = alone.Alone(Spike(), name), alone.Alone(Thorough(), name)
    told = 0
    for second in range(1, 1500):
        value = abs(rng.gauss(30, rng.choice([1, 5, 40]))) + 200 * (second % 331 > 300)
        one, other = quick.score(second * 1000, value), thorough.score(second * 1000, value)
        if one is not None and other is not None and max(one.score, other.score) >= Spike.rule.release:
            assert one == other
            told += 1
        quick.learn(second * 1000, value)
        thorough.learn(second * 1000, value)
    assert told > 20


def in_units(name: str, level: float, values: list[float], flags: int = 0) -> list[float]:
    """The scores for another unit, one reading after the other, of a series that lay about the level."""
    rng = Random(4)
    one = alone.fed(Spike(), name, [level + rng.gauss(0, 0.1) for _ in range(100)], kind=AnomalyKind.UNIT)
    scores = []
    for at, value in enumerate(values, start=101):
        finding = one.score(at * 1000, value, int(flags))
        assert finding is not None
        scores.append(round(finding.score, 2))
        one.learn(at * 1000, value, int(flags))
    return scores


@pytest.mark.parametrize(
    ("name", "level", "there"),
    [
        ("temperature", 28.0, 82.4),
        ("temperature", 28.0, 2.8),
        ("humidity", 75.0, 7.5),
        ("voltage", 23.0, 230.0),
    ],
)
def test_several_in_a_row_in_another_unit_are_told_until_one_is_back(name: str, level: float, there: float):
    assert in_units(name, level, [there] * 4 + [level]) == [0.33, 0.67, 1.0, 1.33, 0.0]


def test_what_is_only_far_out_or_people_may_have_done_is_no_other_unit():
    assert in_units("temperature", 28.0, [50.0] * 4) == [0.0] * 4
    assert in_units("pm25", 20.0, [200.0] * 4) == [0.0] * 4
    assert in_units("pm25", 150.0, [1500.0] * 4, Flag.RANGE) == [0.33, 0.67, 1.0, 1.33]
    assert in_units("pm25", 150.0, [1900.0] * 4, Flag.RANGE) == [0.0] * 4


def test_the_sentence_of_another_unit_says_what_is_expected():
    one = fed("temperature", [28.0] * 100)
    finding = one.score(101_000, 82.4)
    assert finding is not None
    assert Spike().explain(AnomalyKind.UNIT, "Bãi Cháy", "temperature", finding) == (
        "Bãi Cháy: air temperature is 82.4 °C where 28.0 °C is expected: its unit or its range may have changed",
        "Bãi Cháy: nhiệt độ không khí là 82,4 °C trong khi mức dự kiến là 28,0 °C: có thể đơn vị đo hoặc thang đo đã đổi",
    )
