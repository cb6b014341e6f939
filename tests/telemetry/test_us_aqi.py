"""The US index of 2024, at the ends of its bands and between."""

import pytest

from telemetry import us_aqi
from telemetry.aqi import Pollutant
from telemetry.quantities import MOLAR_MASS, to_canonical


@pytest.mark.parametrize(
    ("concentration", "value"),
    [(0, 0), (9.0, 50), (9.05, 50), (9.1, 51), (35.4, 100), (55.4, 150), (80, 168), (125.4, 200), (225.4, 300), (325.4, 500),
     (900, 500)],
)  # fmt: skip
def test_fine_dust(concentration: float, value: int) -> None:
    assert us_aqi.index(Pollutant.PM25, concentration) == value


@pytest.mark.parametrize(("concentration", "value"), [(54, 50), (54.9, 50), (55, 51), (154, 100), (604, 500)])
def test_coarse_dust(concentration: float, value: int) -> None:
    assert us_aqi.index(Pollutant.PM10, concentration) == value


@pytest.mark.parametrize(
    ("pollutant", "gas", "ppb", "value"),
    [
        (Pollutant.NO2, "no2", 53, 50),
        (Pollutant.NO2, "no2", 100, 100),
        (Pollutant.O3_8H, "o3", 70, 100),
        (Pollutant.O3_8H, "o3", 201, None),
        (Pollutant.O3_1H, "o3", 124, None),
        (Pollutant.O3_1H, "o3", 164, 150),
        (Pollutant.SO2, "so2", 75, 100),
        (Pollutant.SO2, "so2", 400, 200),
    ],
)
def test_gases_by_their_parts_per_billion(
    pollutant: Pollutant, gas: str, ppb: float, value: int | None
) -> None:
    assert us_aqi.index(pollutant, to_canonical(gas, ppb, "ppb")) == value


def test_carbon_monoxide_is_left_out() -> None:
    assert us_aqi.index(Pollutant.CO, 10_000) is None
    assert us_aqi.largest({Pollutant.CO: 10_000}) is None
    assert us_aqi.largest({Pollutant.PM25: 9.0, Pollutant.PM10: 154}) == 100


def test_a_gas_is_converted_at_25_degrees() -> None:
    assert to_canonical("no2", 1, "ppb") == pytest.approx(1.8817, abs=1e-4)
    assert to_canonical("co", 1, "ppm") == pytest.approx(1145.6, abs=0.1)
    assert set(MOLAR_MASS) == {"no2", "so2", "o3", "co"}
