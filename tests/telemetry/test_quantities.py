"""The catalogue against the definitions of its units: dimensions and factors from the SI, not from the code."""

import re
from math import pi
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.quantities import (
    _LINEAR,
    DEFAULT_AGGREGATE,
    QUANTITIES,
    Aggregate,
    Kind,
    Quantity,
    UnitMismatchError,
    UnknownQuantityError,
    quantity,
    to_canonical,
)


class Unit(NamedTuple):
    """SI value = value * factor + offset, of a dimension."""

    dimension: str
    factor: float = 1.0
    offset: float = 0.0


# International yard and pound, 1959.
FOOT_M, MILE_M, NAUTICAL_MILE_M, INCH_M = 0.3048, 1609.344, 1852.0, 0.0254
MERCURY_PA_M = 13595.1 * 9.80665  # conventional density of mercury times standard gravity
UNITS = {
    "Cel": Unit("temperature", 1, 273.15),
    "K": Unit("temperature"),
    "degF": Unit("temperature", 5 / 9, 459.67 * 5 / 9),
    "Pa": Unit("pressure"),
    "hPa": Unit("pressure", 100),
    "kPa": Unit("pressure", 1000),
    "mmHg": Unit("pressure", MERCURY_PA_M * 0.001),
    "inHg": Unit("pressure", MERCURY_PA_M * INCH_M),
    "m/s": Unit("speed"),
    "cm/s": Unit("speed", 0.01),
    "km/h": Unit("speed", 1000 / 3600),
    "mi/h": Unit("speed", MILE_M / 3600),
    "ft/s": Unit("speed", FOOT_M),
    "kn": Unit("speed", NAUTICAL_MILE_M / 3600),
    "m": Unit("length"),
    "cm": Unit("length", 0.01),
    "mm": Unit("length", 0.001),
    "ug/m3": Unit("concentration", 1e-9),
    "mg/m3": Unit("concentration", 1e-6),
    "ppm": Unit("share in a million"),
    "V": Unit("voltage"),
    "mV": Unit("voltage", 0.001),
    "A": Unit("current"),
    "mA": Unit("current", 0.001),
    "W": Unit("power"),
    "kW": Unit("power", 1000),
    "J": Unit("energy"),
    "Wh": Unit("energy", 3600),
    "kWh": Unit("energy", 3_600_000),
    "/": Unit("ratio"),
    "%": Unit("ratio", 0.01),
    "%RH": Unit("ratio", 0.01),
    "%EL": Unit("ratio", 0.01),
    "deg": Unit("angle", pi / 180),
    "rad": Unit("angle"),
    "dB": Unit("level"),
    "lx": Unit("illuminance"),
    "W/m2": Unit("irradiance"),
    "count": Unit("count"),
}
DIMENSIONS = {
    "pm1": "concentration", "pm25": "concentration", "pm4": "concentration", "pm10": "concentration",
    "co2": "share in a million", "no2": "concentration", "so2": "concentration", "o3": "concentration",
    "co": "concentration", "temperature": "temperature", "device_temperature": "temperature", "humidity": "ratio",
    "pressure": "pressure", "noise_level": "level", "noise_laeq": "level", "wind_speed": "speed",
    "wind_direction": "angle", "rain": "length", "illuminance": "illuminance", "solar_radiation": "irradiance",
    "vehicle_count": "count", "vehicle_speed": "speed",
    "vehicle_speed_p85": "speed", "occupancy": "ratio", "voltage": "voltage", "current": "current",
    "power": "power", "energy": "energy", "water_level": "length", "battery": "ratio",
}  # fmt: skip
EVERY = list(QUANTITIES.values())


def through_si(value: float, given: str, wanted: str) -> float:
    source, target = UNITS[given], UNITS[wanted]
    return (value * source.factor + source.offset - target.offset) / target.factor


@pytest.mark.parametrize("pair", _LINEAR, ids=" to ".join)
def test_a_conversion_keeps_the_dimension_and_agrees_with_the_si(pair: tuple[str, str]) -> None:
    given_unit, canonical = pair
    assert UNITS[given_unit].dimension == UNITS[canonical].dimension
    factor, offset = _LINEAR[pair]
    for value in (-40.0, 0.0, 1.0, 1234.5):
        assert value * factor + offset == pytest.approx(through_si(value, *pair), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("pair", [pair for pair in _LINEAR if pair[::-1] in _LINEAR], ids=" to ".join)
@given(value=st.floats(-1e6, 1e6))
def test_there_and_back_is_the_same_value(pair: tuple[str, str], value: float) -> None:
    (there, base), (back, rest) = _LINEAR[pair], _LINEAR[pair[::-1]]
    assert (value * there + base) * back + rest == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_a_unit_converts_only_into_canonical_ones() -> None:
    canonical = {one.unit for one in EVERY}
    assert {target for _, target in _LINEAR} <= canonical
    assert all(source != target for source, target in _LINEAR)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_an_entry_is_whole(one: Quantity) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,62}", one.name)
    assert one.low < one.high
    assert 0 <= one.decimals <= 3
    assert one.title
    assert one.title_vi
    assert UNITS[one.unit].dimension == DIMENSIONS[one.name]
    assert quantity(one.name) is one


def test_each_name_stands_once_and_is_known_here() -> None:
    assert QUANTITIES.keys() == DIMENSIONS.keys()


def test_kinds_decide_what_a_mean_is() -> None:
    assert DEFAULT_AGGREGATE.keys() == set(Kind)
    expected = {
        "temperature": Aggregate.MEAN,
        "noise_laeq": Aggregate.ENERGY_MEAN,
        "noise_level": Aggregate.ENERGY_MEAN,
        "wind_direction": Aggregate.VECTOR_MEAN,
        "rain": Aggregate.INCREASE,
        "energy": Aggregate.INCREASE,
        "vehicle_count": Aggregate.SUM,
    }
    assert {name: QUANTITIES[name].aggregate for name in expected} == expected
    assert [one.name for one in EVERY if (one.unit == "dB") != (one.kind is Kind.LEVEL_DB)] == []
    assert [one.name for one in EVERY if (one.unit == "deg") != (one.kind is Kind.DIRECTION)] == []


@pytest.mark.parametrize(
    ("name", "value", "unit", "canonical"),
    [
        ("temperature", 68, "degF", 20),
        ("temperature", -40, "degF", -40),
        ("pressure", 760, "mmHg", 1013.25),
        ("pressure", 29.92, "inHg", 1013.2),
        ("pressure", 101.9, "kPa", 1019),
        ("vehicle_speed", 10, "m/s", 36),
        ("wind_speed", 10, "kn", 5.144),
        ("water_level", 150, "cm", 1.5),
        ("rain", 0.001, "m", 1),
        ("humidity", 0.55, "/", 55),
        ("humidity", 55, "%RH", 55),
        ("energy", 3_600_000, "J", 1),
        ("wind_direction", pi, "rad", 180),
    ],
)
def test_examples(name: str, value: float, unit: str, canonical: float) -> None:
    assert to_canonical(name, value, unit) == pytest.approx(canonical, rel=1e-4)


def test_what_cannot_be_converted_is_told() -> None:
    with pytest.raises(UnitMismatchError, match=r"pm25 is kept in ug/m3; 'Cel' cannot"):
        to_canonical("pm25", 1.0, "Cel")
    with pytest.raises(UnitMismatchError, match="temperature"):
        to_canonical("temperature", 1.0, "")
    for ask in (lambda: quantity("pm26"), lambda: to_canonical("pm26", 1.0, "ug/m3")):
        with pytest.raises(UnknownQuantityError, match="unknown quantity 'pm26'"):
            ask()
