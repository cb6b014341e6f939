"""A rise or fall that is usual by now and does not come; what moves by itself is something else."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from ingest.calendar import holidays_vn
from ingest.profile import Band
from ingest.rhythm import LOOKS, OLDEST_MS, Rhythm
from ingest.survey import Survey
from telemetry.anomaly import AnomalyKind
from telemetry.times import CITY_OFFSET_MS
from tests.ingest.test_namer import A_DAY, STEP_MS, K, Values, opened, tell

EVENING, NIGHT = 4 * A_DAY + 18 * 6, 4 * A_DAY + 22 * 6  # the fifth day, in looks of ten minutes


def lights(days: int, seed: int) -> Values:
    """A cabinet's current: 3 A by day, 14 A from six in the evening to six in the morning."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * A_DAY) / 6 % 24
    return 3 + 11.0 * ((hour < 6) | (hour >= 18)) + rng.normal(0, 0.15, len(hour))


def test_lights_that_stay_off_are_a_missing_rhythm_until_they_come() -> None:
    values = lights(5, 1)
    values[EVENING:NIGHT] -= 11
    told = tell({("current-0", "a"): values}, "current")["current-0"]
    assert opened(told, EVENING) == [K.RHYTHM]
    rows = [row for row, kind, finding in told if kind is K.RHYTHM and finding.score >= 1]
    assert EVENING < rows[0] <= EVENING + 12
    assert NIGHT - 1 <= rows[-1] <= NIGHT + 6
    worst = next(finding for row, _, finding in told if row == NIGHT - 1)
    assert worst.before == pytest.approx(3, abs=0.5)
    assert worst.expected == pytest.approx(14, abs=0.5)
    assert worst.value == pytest.approx(3, abs=0.6)


def test_lights_that_stay_on_are_one_too() -> None:
    values = lights(5, 2)
    values[4 * A_DAY + 36 : 4 * A_DAY + 60] += 11
    told = tell({("current-0", "a"): values}, "current")["current-0"]
    assert opened(told, 4 * A_DAY) == [K.RHYTHM]


def test_an_evening_as_always_tells_nothing_and_a_jump_by_itself_is_no_rhythm() -> None:
    values = lights(5, 3)
    assert opened(tell({("current-0", "a"): values}, "current")["current-0"], 3 * A_DAY) == []
    values[4 * A_DAY + 60 : 4 * A_DAY + 84] += 9
    kinds = opened(tell({("current-0", "a"): values}, "current")["current-0"], 3 * A_DAY)
    assert kinds
    assert K.RHYTHM not in kinds


def test_what_the_neighbours_have_is_missing_at_the_sensor_alone() -> None:
    values = {(f"current-{number}", "a"): lights(5, number) for number in range(3)}
    values["current-0", "a"][EVENING:NIGHT] -= 11
    told = tell(values, "current")
    assert K.RHYTHM not in opened(told["current-0"], EVENING)
    assert {K.BIAS, K.DRIFT} & set(opened(told["current-0"], EVENING))
    for one in list(values.values())[1:]:
        one[EVENING:NIGHT] -= 11
    told = tell(values, "current")
    assert all(opened(one, EVENING) == [K.RHYTHM] for one in told.values())


def test_a_level_of_long_ago_says_nothing_of_this_part_of_the_day() -> None:
    def seen(pause_ms: int) -> bool:
        rhythm, lane = Rhythm(), np.zeros(1, np.int64)
        rhythm.lanes.add()
        at = 10**12
        for look in range(20):
            expected = 10.0 if look < 20 - LOOKS else 20.0
            at += pause_ms if look == 20 - LOOKS else 60_000
            band = Band(*(np.array([expected + side]) for side in (-1.0, 0.0, 1.0)))
            lean = np.array([10.0 - expected], np.float32)
            rhythm.look(lane, np.array([60.0], np.float32), np.array([at]), np.array([10.0]), band, lean)
        return rhythm.missing(0) is not None

    assert seen(60_000)
    assert not seen(OLDEST_MS + 1)


def followed(values: Sequence[float], expected: Sequence[float]) -> bool:
    """Whether a rhythm is missing after these, a look each in five minutes."""
    rhythm, lane = Rhythm(), np.zeros(1, np.int64)
    rhythm.lanes.add()
    leaning = 0.0
    for look, (value, usual) in enumerate(zip(values, expected, strict=True)):
        leaning += 0.28 * (value - usual - leaning)
        band = Band(*(np.array([usual + side]) for side in (-4.0, 0.0, 4.0)))
        lean = np.array([leaning / 4], np.float32)
        at = np.array([10**12 + look * 300_000])
        rhythm.look(lane, np.array([300.0], np.float32), at, np.array([value]), band, lean)
    return rhythm.missing(0) is not None


def test_what_jumped_and_came_back_to_where_it_was_has_moved_by_itself() -> None:
    rush = [70.0] * 12 + [70.0 - step for step in range(12)]
    assert followed([70.0] * 24, rush)
    assert not followed([70.0] * 12 + [usual + 10 for usual in rush[12:]], rush)
    assert not followed([70.0] * 10 + [80.0, 80.0] + [70.0] * 12, rush)


TET = date(2026, 2, 16)  # a Monday, the eve of the first day of the year


def mornings(first: date, days: int, rushless: Sequence[date] = ()) -> Values:
    """Noise of a street at looks of ten minutes: a rush from six to nine, but on Sundays and on these days."""
    rng = np.random.default_rng(5)
    hour = np.arange(A_DAY) / 6
    rush = 14 * np.exp(-(((hour - 7.5) / 1.2) ** 2))
    of_days = [first + timedelta(day) for day in range(days)]
    level = [53 + rush * (one.weekday() != 6 and one not in rushless) for one in of_days]
    noise: Values = np.concatenate(level) + rng.normal(0, 1.2, days * A_DAY)
    return noise


def kinds_told(survey: Survey, first: date, values: Values) -> set[AnomalyKind]:
    """What is told of these, looked at from midnight of the first day."""
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    start = round(midnight.timestamp() * 1000) - CITY_OFFSET_MS
    told = set()
    for row, value in enumerate(values.tolist()):
        at = np.array([start + row * STEP_MS])
        (found,) = survey.look(
            [("noise", "noise_level")], np.zeros(1, np.int64), at, np.array([value]), [600.0]
        ).values() or ([],)
        told |= {kind for kind, finding in found if finding.score >= 1}
    return told


def test_no_rush_on_a_morning_of_tet_is_no_event() -> None:
    """On an ordinary Monday it is, and so it would be at Tet for a hub without the calendar."""
    before = date(2026, 2, 2)
    calendar = holidays_vn([2026])
    survey = Survey(frozenset())
    days = (TET - before).days
    kinds_told(survey, before, mornings(before, days))
    learned = survey.dump()

    def told(holidays: frozenset[int], first: date, rushless: Sequence[date]) -> set[AnomalyKind]:
        one = Survey(holidays)
        assert one.load(learned) == 0
        return kinds_told(one, first, mornings(first, 1, rushless))

    assert told(calendar, TET, [TET]) == set()
    assert told(frozenset(), TET, [TET]) == {K.RHYTHM}
    later = TET + timedelta(7)
    assert told(calendar, later, []) == set()
    assert told(calendar, later, [later]) == {K.RHYTHM}
