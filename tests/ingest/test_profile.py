"""What is usual at an hour of a weekday: learned from minutes, kept through a restart, honest before it is known."""

import numpy as np
from numpy.typing import NDArray

from ingest.profile import Profile

MONDAY = 1_767_571_200_000  # 2026-01-05 00:00, civil
DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
ONE = np.zeros(1, np.int64)


def street(days: int, seed: int = 1, every: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Minutes of a street that is busy at eight, but not on Sundays."""
    rng = np.random.default_rng(seed)
    at = MONDAY + np.arange(days * 1440 // every, dtype=np.int64) * every * MINUTE
    hour, weekday = at % DAY / HOUR, (at // DAY + 3) % 7
    busy = 30 * np.exp(-(((hour - 8.5) / 1.5) ** 2)) * (weekday != 6)
    weather = np.repeat(rng.normal(0, 2, days), 1440 // every)
    return at, 20 + busy + weather + rng.normal(0, 1.5, len(at))


def learned(profile: Profile, at: NDArray[np.int64], values: NDArray[np.float64]) -> Profile:
    if not len(profile.lanes):
        profile.lanes.add()
    for moment, value in zip(at, values, strict=True):
        profile.learn(ONE, np.array([moment]), np.array([value]))
    return profile


def test_nothing_is_said_before_the_second_day_of_an_hour() -> None:
    at, values = street(3)
    profile = Profile()
    profile.lanes.add()
    known = []
    for moment, value in zip(at, values, strict=True):
        known.append(not np.isnan(profile.band(ONE, np.array([moment])).expected[0]))
        profile.learn(ONE, np.array([moment]), np.array([value]))
    assert known.index(True) == 2 * 288  # the first hour that has been there twice
    assert all(known[2 * 288 :])


def test_a_sunday_is_expected_otherwise_than_a_monday_and_a_holiday_is_a_sunday() -> None:
    at, values = street(28)
    holiday = MONDAY // DAY + 29  # a Tuesday
    profile = learned(Profile(frozenset({holiday})), at, values)
    eight = np.array([MONDAY + day * DAY + 8 * HOUR + HOUR // 2 for day in (28, 34, 29, 30)])
    monday, sunday, free, wednesday = profile.band(np.zeros(4, np.int64), eight).expected
    assert 40 < monday < 52
    assert 40 < wednesday < 52
    assert 16 < sunday < 34
    assert free == sunday


def told_street(days: int, strange: dict[int, float]) -> Profile:
    """The street without its rush, learned at a quarter of an hour; all day long it lies so far off on the `strange` days, and
    that is told."""
    at = MONDAY + np.arange(days * 96, dtype=np.int64) * 15 * MINUTE
    rng = np.random.default_rng(1)
    values = 20 + rng.normal(0, 1.5, len(at))
    profile = Profile()
    profile.lanes.add()
    for moment, value in zip(at, values, strict=True):
        more = strange.get(int((moment - MONDAY) // DAY), 0.0)
        profile.learn(ONE, np.array([moment]), np.array([value + more]), np.array([more != 0]))
    return profile


def expected(profile: Profile, day: int) -> float:
    return float(profile.band(ONE, np.array([MONDAY + day * DAY + 8 * HOUR + HOUR // 2])).expected[0])


def test_what_was_told_once_is_not_usual_a_week_later() -> None:
    assert abs(expected(told_street(7, {4: 12.0}), 11) - 20) < 2
    assert abs(expected(told_street(14, {4: 12.0}), 18) - 20) < 2
    assert abs(expected(told_street(14, {4: 12.0, 11: -12.0}), 18) - 20) < 2
    assert abs(expected(told_street(14, {8: -12.0}), 15) - 20) < 2  # its first week was like any other


def test_a_weekday_goes_back_to_every_days_though_it_is_told() -> None:
    """Twice it was off, since then it is as on other days: which is told, for now that is strange."""
    off, back = {6: -12.0, 13: -12.0}, 1e-9
    weeks = [expected(told_street(days, one), days + 6) for days, one in ((14, off), (21, off | {20: back}))]
    later = expected(told_street(28, off | {20: back, 27: back}), 34)
    assert weeks[0] < 14.5 < weeks[1] < later < 20


def test_what_was_told_in_two_weeks_is_usual_in_the_third_on_its_weekday_alone() -> None:
    profile = told_street(14, {6: -12.0, 13: -12.0})
    assert expected(profile, 20) < 16.5
    assert abs(expected(profile, 19) - 20) < 2
    thrice = told_street(21, {6: -12.0, 13: -12.0, 20: -12.0})
    assert expected(thrice, 27) < 14.5


def test_most_minutes_lie_in_the_band() -> None:
    at, values = street(42)
    profile = learned(Profile(), at[: 28 * 288], values[: 28 * 288])
    band = profile.band(np.zeros(14 * 288, np.int64), at[28 * 288 :])
    distance = np.abs(values[28 * 288 :] - band.expected) / (band.high - band.expected)
    assert 0.5 <= np.quantile(distance, 0.98) <= 1.1
    assert (band.high - band.low).max() < 60


def test_it_goes_on_after_a_restart_as_if_there_were_none() -> None:
    at, values = street(10)
    whole = learned(Profile(), at, values)
    first = learned(Profile(), at[:1500], values[:1500])
    second = Profile()
    second.lanes.add(2)
    second.lanes.load(0, first.lanes.dump(0))
    learned(second, at[1500:], values[1500:])
    assert second.lanes.dump(0) == whole.lanes.dump(0)


def test_series_learn_side_by_side_as_each_alone() -> None:
    at, one = street(5, 1)
    _, two = street(5, 2)
    both = Profile()
    both.lanes.add(2)
    for moment, first, second in zip(at, one, two, strict=True):
        both.learn(np.array([0, 1]), np.array([moment, moment]), np.array([first, second]))
    assert both.lanes.dump(0) == learned(Profile(), at, one).lanes.dump(0)
    assert both.lanes.dump(1) == learned(Profile(), at, two).lanes.dump(0)
