"""What a series is told under: neighbours are asked, instruments betray themselves, a new normal is taken after a day."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.detectors.finding import Finding
from ingest.survey import Survey
from telemetry.anomaly import AnomalyKind

T = 1_767_200_400_000  # 2026-01-01 00:00 in Hạ Long
STEP_MS, A_DAY = 600_000, 144
K = AnomalyKind
Values = NDArray[np.float64]
Told = list[tuple[int, AnomalyKind, Finding]]


def street(days: int, seed: int) -> Values:
    rng = np.random.default_rng(seed)
    hours = np.arange(days * A_DAY) / 6
    return 40 + 10 * np.cos((hours - 8) / 12 * np.pi) + rng.normal(0, 1.2, len(hours))


def tell(series: dict[tuple[str, str], Values], quantity: str = "pm25") -> dict[str, Told]:
    """`series` by (sensor, site), all looked at together every ten minutes; (row, kind, finding) of each sensor."""
    survey = Survey(frozenset())
    keys = [(sensor, quantity) for sensor, _ in series]
    sites = [site for _, site in series]
    columns = np.stack(list(series.values()))
    found: dict[str, Told] = {sensor: [] for sensor, _ in series}
    for step in range(columns.shape[1]):
        at = np.full(len(keys), T + step * STEP_MS) + np.arange(len(keys))
        told = survey.look(keys, np.arange(len(keys)), at, columns[:, step], [600.0] * len(keys), sites)
        for row, findings in told.items():
            found[keys[row][0]] += [(step, kind, finding) for kind, finding in findings]
    return found


def opened(told: Told, since: int = 0) -> list[AnomalyKind]:
    """The kinds in the order in which they were first told at 1 or more."""
    return list(dict.fromkeys(kind for row, kind, finding in told if row >= since and finding.score >= 1))


def test_what_the_neighbours_see_too_is_the_city() -> None:
    values = {(f"pm-{number}", "a"): street(5, number) for number in range(3)}
    for one in values.values():
        one[4 * A_DAY + 50 : 4 * A_DAY + 74] += 25
    told = tell(values)
    for sensor in told:
        assert K.UNUSUAL in opened(told[sensor], 4 * A_DAY)
        assert not {K.BIAS, K.DRIFT} & set(opened(told[sensor]))
    assert max(finding.agree for _, kind, finding in told["pm-0"] if kind is K.UNUSUAL) == 2


def test_what_the_neighbours_do_not_see_is_the_sensor() -> None:
    values = {(f"pm-{number}", "a"): street(5, number) for number in range(3)}
    values["pm-0", "a"][4 * A_DAY + 50 : 4 * A_DAY + 74] += 25
    told = tell(values)
    kinds = opened(told["pm-0"], 4 * A_DAY)
    assert K.BIAS in kinds
    assert K.UNUSUAL not in kinds
    assert max(finding.against for _, kind, finding in told["pm-0"] if kind is K.BIAS) == 2
    assert told["pm-1"] == told["pm-2"] == []


def test_a_slow_one_is_a_drift() -> None:
    values = {(f"pm-{number}", "a"): street(6, number) for number in range(2)}
    values["pm-0", "a"][4 * A_DAY : 5 * A_DAY] += np.linspace(0, 40, A_DAY)
    told = tell(values)
    assert opened(told["pm-0"], 4 * A_DAY)[:1] == [K.DRIFT]
    assert told["pm-1"] == []


def test_what_all_of_the_city_have_in_common_is_the_weather() -> None:
    """Four sites; the pressure falls everywhere, and at one of them much more."""
    fall = np.zeros(6 * A_DAY)
    fall[4 * A_DAY :] = -np.minimum(8.0, np.arange(2 * A_DAY) / 15)
    values = {(f"p-{number}", f"site-{number}"): street(6, number) / 4 + 1000 + fall for number in range(4)}
    values["p-3", "site-3"][5 * A_DAY :] -= 8
    told = tell(values, "pressure")
    assert [kind for number in range(3) for kind in opened(told[f"p-{number}"])] == []
    assert {K.BIAS, K.DRIFT} & set(opened(told["p-3"], 5 * A_DAY))


def test_what_lasts_a_day_is_the_new_normal() -> None:
    values = street(8, 1)
    values[5 * A_DAY :] += 25
    told = tell({("pm-0", "a"): values})["pm-0"]
    kinds = opened(told, 5 * A_DAY)
    assert kinds.index(K.UNUSUAL) < kinds.index(K.REGIME)
    (begins,) = {row for row, kind, finding in told if kind is K.REGIME and finding.score >= 1}
    assert 6 * A_DAY <= begins <= 6 * A_DAY + 30
    assert max(row for row, _, _ in told) < 7 * A_DAY


@pytest.mark.parametrize("values_of_its_own", [(0,), (0, 1), (-1, 0, 1)])
def test_standing_still_but_for_the_last_digit_is_stuck(values_of_its_own: tuple[int, ...]) -> None:
    values = np.round(street(4, 1), 1)
    rng = np.random.default_rng(9)
    values[3 * A_DAY : 3 * A_DAY + 60] = 33.0 + 0.1 * rng.choice(values_of_its_own, 60)
    told = tell({("pm-0", "a"): values})["pm-0"]
    assert K.STUCK in opened(told, 3 * A_DAY)
    assert min(row for row, kind, _ in told if kind is K.STUCK) <= 3 * A_DAY + 40


def test_a_jump_that_nothing_makes_is_told_where_there_is_a_limit() -> None:
    values = street(1, 1)
    values[100] += 9.0
    assert opened(tell({("t-0", "a"): values}, "temperature")["t-0"], 100)[:1] == [K.RATE]
    assert K.RATE not in opened(tell({("pm-0", "a"): values})["pm-0"])


def test_a_lone_reading_far_out_of_a_slow_sensor_is_a_spike() -> None:
    values = street(4, 1)
    values[3 * A_DAY + 25] += 60
    told = tell({("pm-0", "a"): values})["pm-0"]
    assert [(row, kind) for row, kind, finding in told if finding.score >= 2] == [(3 * A_DAY + 25, K.SPIKE)]


def test_a_restart_changes_nothing() -> None:
    values = {(f"pm-{number}", "a"): street(6, number) for number in range(2)}
    values["pm-0", "a"][4 * A_DAY + 50 :] += 25
    keys = [(sensor, "pm25") for sensor, _ in values]
    columns = np.stack(list(values.values()))
    whole, life = Survey(frozenset()), Survey(frozenset())
    for step in range(columns.shape[1]):
        at = np.full(2, T + step * STEP_MS)
        expected = whole.look(keys, np.arange(len(keys)), at, columns[:, step], [600.0] * 2, ["a", "a"])
        assert (
            life.look(keys, np.arange(len(keys)), at, columns[:, step], [600.0] * 2, ["a", "a"]) == expected
        )
        if step % 250 == 249:
            states = life.dump()
            life = Survey(frozenset())
            assert life.load(states) == 0


def test_degrees_fahrenheit_are_another_unit_and_as_warm_as_that_is_not() -> None:
    values = {(f"t-{number}", "a"): street(6, number) / 4 + 10 for number in range(2)}  # 17 to 23 °C
    hot = {key: one.copy() for key, one in values.items()}
    hour = slice(5 * A_DAY + 50, 5 * A_DAY + 62)
    values["t-0", "a"][hour] = 1.8 * values["t-0", "a"][hour] + 32
    hot["t-0", "a"][hour] += 20
    assert K.UNIT in opened(tell(values, "temperature")["t-0"], 5 * A_DAY)
    assert K.UNIT not in opened(tell(hot, "temperature")["t-0"], 5 * A_DAY)


def test_readings_that_go_out_and_back_are_noise() -> None:
    values = {(f"v-{number}", "a"): 180 + street(6, number) for number in range(3)}
    values["v-0", "a"][5 * A_DAY + 50 : 5 * A_DAY + 68] += np.random.default_rng(3).normal(0, 25, 18)
    told = tell(values, "voltage")
    assert K.NOISE in opened(told["v-0"], 5 * A_DAY)
    assert told["v-1"] == told["v-2"] == []


@pytest.mark.parametrize("kind", [K.BIAS, K.UNIT])
def test_what_is_back_where_it_usually_lies_is_over_within_the_hour(kind: AnomalyKind) -> None:
    values = {(f"pm-{number}", "a"): street(6, number) for number in range(3)}
    concerned = slice(5 * A_DAY + 50, 5 * A_DAY + 68)
    values["pm-0", "a"][concerned] *= 10 if kind is K.UNIT else 1
    values["pm-0", "a"][concerned] += 25 if kind is K.BIAS else 0
    told = [(row, found, finding) for row, found, finding in tell(values)["pm-0"] if row >= 5 * A_DAY]
    assert kind in opened(told)
    last = max(row for row, _, finding in told if finding.score >= 1)
    assert concerned.stop - 1 <= last <= concerned.stop + 6
