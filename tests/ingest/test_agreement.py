"""A sensor that walks away from its neighbours over weeks is told of once; weather, a step of the place, one odd day are not."""

from collections.abc import Mapping

import numpy as np
import pytest

from ingest.agreement import LEARNS, Agreement
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F64
from telemetry.times import DAY_MS, HOUR_MS

OFFSET_MS = 7 * HOUR_MS
BEGIN_MS = 20_500 * DAY_MS - OFFSET_MS  # a midnight
A_DAY = 24 * 3  # looks
Series = tuple[str, str, str]  # sensor, quantity, site
Told = list[tuple[int, Finding]]  # day, what


def city(
    days: int, *, sites: int = 5, each: int = 1, quantity: str = "pm25", seed: int = 1
) -> dict[Series, F64]:
    """Dust or warmth of one slow weather; every sensor has its own gain or offset and noise."""
    rng = np.random.default_rng(seed)
    at = np.arange(days * A_DAY) / A_DAY
    weather = np.sin(at * 2 * np.pi / 5.3) + 0.4 * np.sin(at * 2 * np.pi)
    level = 22 + 8 * weather if quantity == "pm25" else 25 + 4 * weather
    made: dict[Series, F64] = {}
    for number in range(sites * each):
        own = rng.uniform(-1, 1)
        values = level * (1 + 0.2 * own) if quantity == "pm25" else level + own
        noise = rng.normal(0, 1.0 if quantity == "pm25" else 0.1, len(at))
        made[f"s{number}", quantity, f"site-{number % sites}"] = values + noise
    return made


def walk(days: int, begin: int, by: float) -> F64:
    """0 until the day, then to `by` in a straight line."""
    at = np.arange(days * A_DAY) / A_DAY
    return np.clip((at - begin) / (days - begin), 0, 1) * by


def placed(values: Mapping[Series, F64]) -> Agreement:
    agreement = Agreement(OFFSET_MS)
    for lane, (sensor, quantity, site) in enumerate(values):
        assert agreement.lanes.add() == lane
        agreement.place(lane, sensor, quantity, site)
    return agreement


def live(agreement: Agreement, values: Mapping[Series, F64], looks: range) -> dict[str, Told]:
    """NaN: says nothing."""
    told: dict[str, Told] = {sensor: [] for sensor, _, _ in values}
    names = list(told)
    table = np.array(list(values.values()))
    for look in looks:
        (lanes,) = np.nonzero(~np.isnan(table[:, look]))
        at_ms = np.full(len(lanes), BEGIN_MS + look * (DAY_MS // A_DAY), np.int64)
        for place, finding in agreement.look(lanes, at_ms, table[lanes, look]):
            told[names[lanes[place]]].append((look // A_DAY, finding))
    return told


def tell(values: Mapping[Series, F64]) -> dict[str, Told]:
    return live(placed(values), values, range(len(next(iter(values.values())))))


def open_days(told: Told) -> list[int]:
    return [day for day, finding in told if finding.score >= 1]


def test_a_sensor_that_loses_its_gain_is_told_with_how_much_since_when_and_against_how_many() -> None:
    values = city(30)
    values["s2", "pm25", "site-2"] *= 1 - walk(30, 12, 0.4)
    told = tell(values)
    assert [name for name in told if open_days(told[name])] == ["s2"]
    first, finding = next(one for one in told["s2"] if one[1].score >= 1)
    assert 18 <= first <= 24
    assert finding.expected is not None
    assert 0.7 <= finding.value / finding.expected <= 0.85
    assert finding.against == 4
    assert abs(finding.since_ms - (BEGIN_MS + 12 * DAY_MS)) <= 4 * DAY_MS
    assert open_days(told["s2"]) == list(range(first, 30))
    last = told["s2"][-1][1]
    assert last.expected is not None
    assert last.value / last.expected == pytest.approx(0.63, abs=0.05)


def test_warmth_is_compared_in_degrees_and_it_is_over_when_the_sensor_is_back() -> None:
    values = city(30, quantity="temperature")
    values["s0", "temperature", "site-0"] += np.where(np.arange(30 * A_DAY) < 24 * A_DAY, walk(30, 9, 4.2), 0)
    told = tell(values)
    assert [name for name in told if told[name]] == ["s0"]
    opened = open_days(told["s0"])
    assert 12 <= opened[0] <= 18
    assert 24 <= opened[-1] <= 26
    assert [finding.score for day, finding in told["s0"] if day > opened[-1]] == [0.0] * 3


@pytest.mark.parametrize("seed", range(8))
def test_weather_and_own_gains_tell_nothing(seed: int) -> None:
    for quantity in ("pm25", "temperature"):
        assert not any(tell(city(40, quantity=quantity, seed=seed)).values())


def test_another_level_of_a_place_is_not_its_sensors() -> None:
    """A road is dug up: both of the site see it; where nobody is beside, it came in one day."""
    values = city(40, sites=6, each=2)
    for sensor in ("s0", "s6"):
        values[sensor, "pm25", "site-0"][15 * A_DAY :] += 20
    assert not any(tell(values).values())
    values = city(40)
    values["s0", "pm25", "site-0"][15 * A_DAY :] += 20
    assert not any(tell(values).values())


def test_of_two_at_a_site_the_one_that_walks_off_is_told() -> None:
    values = city(30, sites=5, each=2)
    values["s5", "pm25", "site-0"] *= 1 + walk(30, 10, 0.6)
    told = tell(values)
    assert [name for name in told if told[name]] == ["s5"]


def test_three_at_a_site_are_enough_also_for_what_is_each_sites_own() -> None:
    rng = np.random.default_rng(3)
    values: dict[Series, F64] = {
        (f"n{number}", "noise_level", "a"): 55 + rng.normal(0, 2, 30 * A_DAY) for number in range(3)
    }
    values["n1", "noise_level", "a"] += walk(30, 10, 8)
    told = tell(values)
    assert [name for name in told if told[name]] == ["n1"]
    assert told["n1"][0][1].against == 2


def test_too_few_tell_nothing() -> None:
    for sites, each in ((3, 1), (2, 2), (1, 2)):
        values = city(30, sites=sites, each=each)
        values["s0", "pm25", "site-0"] *= 1 - walk(30, 10, 0.5)
        assert not any(tell(values).values()), (sites, each)


def test_one_odd_day_and_a_neighbour_that_dies_change_nothing() -> None:
    values = city(40)
    values["s0", "pm25", "site-0"][15 * A_DAY : 16 * A_DAY] *= 3
    values["s1", "pm25", "site-1"][20 * A_DAY :] = np.nan
    assert not any(tell(values).values())


def test_restarts_change_nothing_in_whatever_order_the_series_come_back() -> None:
    values = city(26)
    values["s2", "pm25", "site-2"] *= 1 - walk(26, 10, 0.5)
    whole = tell(values)
    assert open_days(whole["s2"])
    agreement, told = placed(values), {sensor: [] for sensor, _, _ in values}
    names = list(values)
    for part in range(26 * 2):
        looks = range(part * A_DAY // 2 + part % 7, (part + 1) * A_DAY // 2 + (part + 1) % 7)
        for sensor, found in live(agreement, values, range(looks.start, min(looks.stop, 26 * A_DAY))).items():
            told[sensor] += found
        kept = [agreement.lanes.dump(lane) for lane in range(len(names))]
        agreement = Agreement(OFFSET_MS)
        for lane, (sensor, quantity, _) in enumerate(names):
            agreement.lanes.add()
            agreement.place(lane, sensor, quantity, "")
            agreement.lanes.load(lane, kept[lane])
    assert told == whole


def test_a_calibration_begins_anew_for_the_sensor_and_for_those_that_ask_it() -> None:
    values = city(40)
    values["s0", "pm25", "site-0"] *= 1 - walk(40, 9, 0.7)
    values["s0", "pm25", "site-0"][22 * A_DAY :] = values["s1", "pm25", "site-1"][22 * A_DAY :] * 1.5
    agreement = placed(values)
    before = live(agreement, values, range(22 * A_DAY))
    assert open_days(before["s0"])
    agreement.calibrated(0)
    agreement.calibrated(0)
    after = live(agreement, values, range(22 * A_DAY, 40 * A_DAY))
    assert [finding.score for _, finding in after.pop("s0")] == [0.0] * 3
    assert not any(after.values())
    assert agreement.lanes.tables["days"][1].tolist()[:4] == [LEARNS] * 4


def test_the_state_of_a_series_is_bounded_and_small() -> None:
    values = city(30)
    agreement = placed(values)
    before = agreement.lanes.dumped_bytes()
    live(agreement, values, range(30 * A_DAY))
    assert agreement.lanes.dumped_bytes() == before <= 900
