"""A series that joins others of its quantity: what it takes over, and that it is its own from then on."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest import fleet
from ingest.survey import Survey, Told
from telemetry.anomaly import AnomalyKind

T = 1_793_379_600_000  # 2026-10-31 00:00 in Hạ Long
EVERY_MS, EVERY_S = 600_000, 600.0
A_DAY = 144
WEEK = 8 * A_DAY  # and a day: a fleet that is grown
OLD = [(f"pm-{number}", "pm25") for number in range(5)]
NEW = ("new", "pm25")
State = list[tuple[str, str, bytes]]


def values(seed: int, begin: int, end: int) -> NDArray[np.float64]:
    """PM2.5 with two rush hours, a place's own level and noise."""
    rng = np.random.default_rng((seed, begin))
    hours = np.arange(begin, end) / 6 % 24
    rush = np.exp(-(((hours - 7.5) / 1.2) ** 2)) + np.exp(-(((hours - 17.5) / 1.5) ** 2))
    return (20 + seed % 5 + 14 * rush + rng.normal(0, 1.6, end - begin)).round(1)


def look(
    survey: Survey, keys: list[tuple[str, str]], columns: list[NDArray[np.float64]], begin: int
) -> dict[int, Told]:
    """All of them from step `begin` on, in one batch: a row is a step times their number."""
    many, steps = len(keys), len(columns[0])
    at = np.repeat(T + (begin + np.arange(steps, dtype=np.int64)) * EVERY_MS, many)
    of = np.tile(np.arange(many), steps)
    return survey.look(keys, of, at, np.stack(columns, 1).ravel(), [EVERY_S] * many)


@cache
def grown(quantity: str = "pm25", many: int = len(OLD), steps: int = WEEK) -> State:
    survey = Survey(frozenset())
    keys = [(sensor, quantity) for sensor, _ in OLD[:many]]
    look(survey, keys, [values(seed, 0, steps) for seed in range(many)], 0)
    return survey.dump()


def town(state: State) -> Survey:
    survey = Survey(frozenset())
    assert survey.load(state) == 0
    return survey


def newcomer(end: int = WEEK + A_DAY) -> NDArray[np.float64]:
    return values(7, WEEK, end)


def kinds(found: dict[int, Told]) -> list[tuple[int, AnomalyKind]]:
    return [(row, kind) for row, findings in sorted(found.items()) for kind, _ in findings]


def test_a_bias_three_hours_after_it_joined_is_told_and_alone_it_is_not() -> None:
    biased = newcomer()
    biased[18:42] += 40
    found = look(town(grown()), [NEW], [biased], WEEK)
    assert min(found) in range(18, 24)
    assert {kind for _, kind in kinds(found)} & {AnomalyKind.BIAS, AnomalyKind.UNUSUAL}
    assert look(Survey(frozenset()), [NEW], [biased], WEEK) == {}


def test_what_stands_still_a_few_hours_after_it_joined_is_told_and_alone_it_is_not() -> None:
    still = newcomer()
    still[18:48] = still[17]
    found = look(town(grown()), [NEW], [still], WEEK)
    assert kinds(found)[0][1] is AnomalyKind.STUCK
    assert min(found) in range(20, 36)
    assert look(Survey(frozenset()), [NEW], [still], WEEK) == {}


def test_ten_newcomers_in_which_nothing_happens_tell_nothing() -> None:
    keys = [(f"new-{seed}", "pm25") for seed in range(10)]
    columns = [values(20 + seed, WEEK, WEEK + 3 * A_DAY) for seed in range(10)]
    assert look(town(grown()), keys, columns, WEEK) == {}


def test_what_is_usual_at_its_hours_is_said_from_the_sixth_look_on() -> None:
    survey = town(grown())
    at = T + (WEEK + np.arange(A_DAY, dtype=np.int64)) * EVERY_MS
    columns = newcomer()
    look(survey, [NEW], [columns[: fleet.FEW - 1]], WEEK)
    assert np.isnan(survey.usual(*NEW, at).expected).all()  # type: ignore[union-attr]
    look(survey, [NEW], [columns[fleet.FEW - 1 : fleet.FEW]], WEEK + fleet.FEW - 1)
    band = survey.usual(*NEW, at)
    assert band is not None
    assert (np.abs(band.expected - columns) < 8).all()
    assert ((columns > band.low) & (columns < band.high)).mean() > 0.97


def test_from_its_birth_on_it_does_not_matter_what_the_others_do() -> None:
    columns = newcomer(WEEK + 2 * A_DAY)
    columns[60:66] += 60
    apart, among = town(grown()), town(grown())
    expected = look(apart, [NEW], [columns], WEEK)
    wild = [values(seed, WEEK, WEEK + 2 * A_DAY) * 3 for seed in range(len(OLD))]
    few = fleet.FEW
    first = look(among, [NEW], [columns[:few]], WEEK)
    told = look(among, [*OLD, NEW], [*(one[few:] for one in wild), columns[few:]], WEEK + few)
    many = len(OLD) + 1
    own = {few + row // many: findings for row, findings in told.items() if row % many == many - 1}
    assert first | own == expected
    assert any(row >= 60 for row in expected)


@pytest.mark.parametrize("stops", [(3,), (fleet.FEW,), (2, 5, 61, 100)])
def test_a_restart_changes_nothing_before_its_birth_or_after(stops: tuple[int, ...]) -> None:
    columns = newcomer()
    columns[60:70] += 60
    expected = look(town(grown()), [NEW], [columns], WEEK)
    assert expected
    survey, state = town(grown()), {one[:2]: one for one in grown()}
    found: dict[int, Told] = {}
    begin = 0
    for end in (*stops, len(columns)):
        told = look(survey, [NEW], [columns[begin:end]], WEEK + begin)
        found |= {begin + row: findings for row, findings in told.items()}
        state |= {one[:2]: one for one in survey.dump()}
        survey = town([state[key] for key in sorted(state)])
        begin = end
    assert found == expected


def test_the_order_in_which_others_were_heard_first_does_not_matter() -> None:
    columns = newcomer()
    columns[30:36] += 60
    there, back = (
        look(town(grown()), [NEW], [columns], WEEK),
        look(town(grown()[::-1]), [NEW], [columns], WEEK),
    )
    assert there == back != {}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(lambda: grown(many=fleet.LEAST - 1), id="too few"),
        pytest.param(lambda: grown(steps=6 * A_DAY), id="too young"),
        pytest.param(lambda: grown(quantity="pm10"), id="of another quantity"),
    ],
)
def test_who_is_no_example_lends_nothing(state: Callable[[], State]) -> None:
    assert look(town(state()), [NEW], [four_days()], WEEK) == alone() != {}


def four_days() -> NDArray[np.float64]:
    columns = newcomer(WEEK + 4 * A_DAY)
    columns[450:470] += 60
    return columns


@cache
def alone() -> dict[int, Told]:
    return look(Survey(frozenset()), [NEW], [four_days()], WEEK)


def test_who_lies_far_from_all_others_is_taken_at_its_word() -> None:
    assert look(town(grown()), [NEW], [newcomer() + 200], WEEK) == {}


def test_where_the_others_differ_the_first_bands_are_wide() -> None:
    """At half of the places the rush is four times as strong."""
    survey = Survey(frozenset())
    columns = [values(seed, 0, WEEK) for seed in range(len(OLD))]
    mixed = [one if seed % 2 else 20 + (one - 20) * 4 for seed, one in enumerate(columns)]
    look(survey, OLD, mixed, 0)
    rush = np.array([T + WEEK * EVERY_MS + 8 * 3_600_000], np.int64)
    widths = []
    for one in (survey, town(grown())):
        look(one, [NEW], [newcomer()[: fleet.FEW]], WEEK)
        band = one.usual(*NEW, rush)
        assert band is not None
        widths.append(float((band.high - band.low)[0]))
    assert widths[0] > 3 * widths[1]


def test_of_many_a_few_are_asked() -> None:
    many = fleet.MOST + 20
    one = next(state for state in grown() if state[0] == "pm-1")[2]
    survey = town([(f"pm-{number:03}", "pm25", one) for number in range(many)])
    biased = newcomer()
    biased[18:42] += 40
    assert min(look(survey, [NEW], [biased], WEEK)) in range(18, 24)
