"""VN_AQI: the table, NowCast, the Decision's worked example, the rules about absent hours."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import aqi
from telemetry.aqi import BREAKPOINTS, Pollutant

EXAMPLE = [26.9, 24.7, 20.5, 23.5, 19.5, 16.5, 19.0, 16.5, 20.3, 22.4, 19.6, 20.6]  # 09:00 … 20:00


def test_the_worked_example_of_the_decision() -> None:
    cast = aqi.nowcast(EXAMPLE[::-1])
    assert cast is not None
    assert round(cast, 1) == 20.3
    found = aqi.hourly(pm25=EXAMPLE[::-1], gases={Pollutant.O3_1H: 136.1, Pollutant.NO2: 118.7})
    assert found.parts == {Pollutant.PM25: 41, Pollutant.O3_1H: 43, Pollutant.NO2: 59}
    assert (found.value, found.main) == (59, Pollutant.NO2)


@pytest.mark.parametrize("pollutant", list(Pollutant))
def test_every_breakpoint_has_its_index(pollutant: Pollutant) -> None:
    steps = [0, 50, 100, 150, 200, 300, 400, 500][: len(BREAKPOINTS[pollutant])]
    assert [aqi.index(pollutant, point) for point in BREAKPOINTS[pollutant]] == steps


@pytest.mark.parametrize(
    ("pollutant", "concentration", "value"),
    [
        (Pollutant.PM25, 65.0, 125),
        (Pollutant.PM25, 425.0, 450),
        (Pollutant.PM25, 501.0, 500),
        (Pollutant.PM10, 460.0, 350),
        (Pollutant.O3_8H, 305.0, 250),
        (Pollutant.CO, 5_000.0, 25),
        (Pollutant.SO2, 1_200.0, 250),
        (Pollutant.NO2, 150.0, 75),
        (Pollutant.NO2, 1.0, 1),  # 0.5 goes up
    ],
)
def test_between_breakpoints_it_is_a_straight_line(
    pollutant: Pollutant, concentration: float, value: int
) -> None:
    assert aqi.index(pollutant, concentration) == value


def test_long_ozone_ends_at_400() -> None:
    assert aqi.index(Pollutant.O3_8H, 400.1) is None


@pytest.mark.parametrize("nothing", [-0.1, math.nan, math.inf])
def test_what_is_no_concentration_is_refused(nothing: float) -> None:
    with pytest.raises(ValueError, match="no concentration"):
        aqi.index(Pollutant.PM25, nothing)


@given(st.sampled_from(list(Pollutant)), st.floats(0, 1e6), st.floats(0, 1e6))
def test_more_is_never_better(pollutant: Pollutant, one: float, other: float) -> None:
    indices = [aqi.index(pollutant, amount) for amount in sorted((one, other))]
    low, high = (index if index is not None else 501 for index in indices)
    assert 0 <= low <= high <= 501


@pytest.mark.parametrize(
    ("means", "cast"),
    [
        ([10.0, None, None], None),
        ([None, None, 10.0, *[10.0] * 9], None),
        ([], None),
        ([None, 10.0, 10.0], 10.0),
        ([0.0, 0.0], 0.0),
        ([40.0, 10.0], (40 + 10 / 2) / 1.5),  # w* = 1/4 is raised to 1/2
        ([20.0, None, 10.0], (20 + 10 / 4) / 1.25),  # the weight of an absent hour is 0
    ],
)
def test_nowcast_of_the_hours_that_are_there(means: list[float | None], cast: float | None) -> None:
    assert aqi.nowcast(means) == pytest.approx(cast)


@given(st.lists(st.none() | st.floats(0, 1000), max_size=14))
def test_nowcast_lies_between_its_hours(means: list[float | None]) -> None:
    cast = aqi.nowcast(means)
    present = [mean for mean in means[:12] if mean is not None]
    if cast is not None:
        assert min(present) - 1e-6 <= cast <= max(present) + 1e-6


def test_without_dust_there_is_no_index() -> None:
    found = aqi.hourly(pm25=[10.0], gases={Pollutant.NO2: 120.0})
    assert (found.value, found.main, found.parts) == (None, None, {Pollutant.NO2: 60})
    assert aqi.daily({Pollutant.NO2: 120.0}).value is None


def test_a_day() -> None:
    found = aqi.daily({Pollutant.PM25: 80, Pollutant.NO2: 120, Pollutant.O3_1H: 90, Pollutant.O3_8H: 70})
    assert found.parts == {
        Pollutant.PM25: 150,
        Pollutant.NO2: 60,
        Pollutant.O3_1H: 28,
        Pollutant.O3_8H: 35,
    }
    assert (found.value, found.main) == (150, Pollutant.PM25)


def test_a_days_means_from_its_hours() -> None:
    day = aqi.day_means(
        {
            "pm25": [10.0] * 12 + [30.0] * 6 + [None] * 6,
            "no2": [1.0, 99.0, *[None] * 22],
            "o3": [float(hour) for hour in range(24)],
        }
    )
    assert day.hours == 18
    assert day.complete
    assert day.means[Pollutant.PM25] == pytest.approx((120 + 180) / 18)
    assert day.means[Pollutant.NO2] == 99.0
    assert day.means[Pollutant.O3_1H] == 23.0
    assert day.means[Pollutant.O3_8H] == pytest.approx(sum(range(16, 24)) / 8)
    assert Pollutant.CO not in day.means


def test_a_long_mean_of_ozone_needs_six_of_its_hours() -> None:
    assert Pollutant.O3_8H not in aqi.day_means({"o3": [50.0] * 5 + [None] * 19}).means
    assert aqi.day_means({"o3": [50.0] * 6 + [None] * 18}).means[Pollutant.O3_8H] == 50.0
    assert not aqi.day_means({"pm25": [5.0] * 17 + [None] * 7}).complete


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (0, "Tốt"),
        (50, "Tốt"),
        (51, "Trung bình"),
        (150, "Kém"),
        (200, "Xấu"),
        (201, "Rất xấu"),
        (500, "Nguy hại"),
    ],
)
def test_bands(value: int, name: str) -> None:
    assert aqi.band(value).name_vi == name
