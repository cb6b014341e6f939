"""The model of the city: the same for a seed, plausible at every hour, busy in the rush hours, dusty in the morning."""

import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.city import plan
from firmware_sim.model import Model, episode, hour_of, rush
from telemetry.quantities import QUANTITIES, Kind

MIDNIGHT = 1_700_000_000 // 86_400 * 86_400 - 7 * 3600  # in Hạ Long
KINDS = sorted({gateway.site.kind for gateway in plan(1).gateways})
MEASURED = sorted(
    {
        q
        for gateway in plan(1).gateways
        for device in gateway.devices
        if not device.replay
        for q in device.quantities
    }
    - {"vehicle_speed"}  # passes
)
TIMES = st.floats(1_650_000_000, 1_950_000_000)


def at(hour: float) -> float:
    return MIDNIGHT + hour * 3600


def mean(quantity: str, kind: str, hour: float, *, days: int = 20) -> float:
    model = Model(3)
    return fmean(
        model.value("s", kind, quantity, at(hour) + day * 86_400 + i) for day in range(days) for i in range(5)
    )


@given(seed=st.integers(), quantity=st.sampled_from(MEASURED), kind=st.sampled_from(KINDS), at_s=TIMES)
def test_the_same_seed_gives_the_same_city(seed: int, quantity: str, kind: str, at_s: float) -> None:
    assert Model(seed).value("s", kind, quantity, at_s) == Model(seed).value("s", kind, quantity, at_s)
    assert Model(seed).passes("s", kind, int(at_s)) == Model(seed).passes("s", kind, int(at_s))


def test_another_seed_or_sensor_gives_another() -> None:
    values = {
        Model(seed).value(sensor, "homes", "temperature", MIDNIGHT)
        for seed in range(5)
        for sensor in ("a", "b", "c")
    }
    assert len(values) == 15


@given(seed=st.integers(0, 99), quantity=st.sampled_from(MEASURED), kind=st.sampled_from(KINDS), at_s=TIMES)
def test_a_healthy_sensor_stays_inside_the_physical_range(
    seed: int, quantity: str, kind: str, at_s: float
) -> None:
    value = Model(seed).value("s", kind, quantity, at_s)
    assert math.isfinite(value)
    assert QUANTITIES[quantity].low <= value <= QUANTITIES[quantity].high


@pytest.mark.parametrize("quantity", [q for q in MEASURED if QUANTITIES[q].kind is not Kind.COUNTER])
def test_no_healthy_gauge_repeats_itself_for_long(quantity: str) -> None:
    """By day: a lux meter in the dark does."""
    values = [Model(1).value("s", "homes", quantity, at(12) + i) for i in range(60)]
    assert len(set(values)) > 50


@pytest.mark.parametrize(("hour", "expected"), [(7.5, 1.25), (17.5, 1.25), (3.0, 0.0), (12.5, 0.25)])
def test_rush_hours_are_half_past_seven_and_half_past_five_in_the_citys_zone(
    hour: float, expected: float
) -> None:
    assert hour_of(at(hour)) == pytest.approx(hour)
    assert rush(at(hour)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("quantity", ["pm25", "co2", "noise_level"])
def test_the_rush_hour_is_dustier_and_louder_than_the_night(quantity: str) -> None:
    assert mean(quantity, "centre", 7.5) > 1.1 * mean(quantity, "centre", 3)


def test_there_is_more_and_slower_traffic_in_the_rush_hour() -> None:
    model = Model(1)
    busy, quiet = (
        [one for second in range(1800) for one in model.passes("s", "roads", int(at(hour)) + second)]
        for hour in (7.5, 3)
    )
    assert len(busy) > 1.5 * len(quiet) > 0
    assert fmean(abs(one.speed_kmh) for one in busy) < fmean(abs(one.speed_kmh) for one in quiet)
    assert {one.speed_kmh > 0 for one in quiet} == {True, False}  # both directions


@given(second=st.integers(1_650_000_000, 1_950_000_000), seed=st.integers(0, 50))
def test_vehicles_pass_in_their_second_at_a_vehicles_speed(second: int, seed: int) -> None:
    for one in Model(seed).passes("s", "bridge", second):
        assert second <= one.at_s < second + 1
        assert 8 <= abs(one.speed_kmh) < 100


def test_the_morning_episode_is_an_industrial_one() -> None:
    assert episode(at(9.5)) == pytest.approx(1)
    assert episode(at(21)) < 0.01
    assert mean("pm25", "industry", 9.5) - mean("pm25", "homes", 9.5) > 15
    assert mean("pm25", "mining", 21) - mean("pm25", "homes", 21) < 12


def test_day_and_night() -> None:
    assert mean("temperature", "homes", 15) > mean("temperature", "homes", 4) + 4
    assert mean("illuminance", "homes", 12) > 50_000
    assert mean("illuminance", "homes", 0) < 300
    assert mean("current", "homes", 22) > 2 * mean("current", "homes", 12)  # street lights
    assert mean("humidity", "homes", 4) > mean("humidity", "homes", 15)


@given(at_s=TIMES, later_s=st.floats(0, 1e6), quantity=st.sampled_from(["energy", "rain"]))
def test_counters_only_rise(at_s: float, later_s: float, quantity: str) -> None:
    model = Model(1)
    before, after = (model.value("s", "homes", quantity, t) for t in (at_s, at_s + later_s))
    assert after >= before - 1e-6 or (quantity == "rain" and after < 1000)  # a gauge wraps at 6 m of rain


@pytest.mark.parametrize("hour", [1.0, 5.5, 12.0, 17.5, 23.0])
def test_energy_is_what_the_power_makes_of_an_hour(hour: float) -> None:
    model = Model(1)
    used = model.value("s", "homes", "energy", at(hour) + 3600) - model.value(
        "s", "homes", "energy", at(hour)
    )
    power = fmean(model.value("s", "homes", "power", at(hour) + i * 20) for i in range(180))
    assert used == pytest.approx(power / 1000, rel=0.02)


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_power_is_voltage_times_current(hour: int) -> None:
    found = {q: mean(q, "homes", hour) for q in ("voltage", "current", "power")}
    assert found["power"] == pytest.approx(found["voltage"] * found["current"], rel=0.03)


def test_what_the_city_does_not_have_is_told() -> None:
    with pytest.raises(ValueError, match="no 'so2'"):
        Model(1).value("s", "homes", "so2", MIDNIGHT)


@pytest.mark.parametrize("quantity", MEASURED)
def test_many_moments_at_once_are_of_the_same_city(quantity: str) -> None:
    times = [MIDNIGHT + 600.0 * step for step in range(144)]
    many = Model(2).values("s", "homes", quantity, times)
    each = [Model(2).value("s", "homes", quantity, at_s) for at_s in times]
    spread = max(each) - min(each)
    assert max(abs(a - b) for a, b in zip(many, each, strict=True)) <= 0.6 * spread
    assert fmean(many) == pytest.approx(fmean(each), abs=max(0.05 * spread, 1e-9))
    assert Model(2).values("s", "homes", quantity, times) == many
