"""Recorded series: whole, in canonical units, and what is none is told."""

from importlib.resources import files

import pytest

from firmware_sim import replay
from telemetry.quantities import QUANTITIES


@pytest.mark.parametrize("quantity", replay.SERIES)
def test_a_packaged_series_is_plausible(quantity: str) -> None:
    values = replay.load(quantity)
    assert len(values) == 500
    assert len(set(values)) > 40
    assert all(QUANTITIES[quantity].low <= value <= QUANTITIES[quantity].high for value in values)


def test_speeds_are_turned_from_miles_into_kilometres_an_hour() -> None:
    first = (files("firmware_sim") / "series" / "speed_6005.csv").read_text(encoding="utf-8").splitlines()[1]
    assert replay.load("vehicle_speed")[0] == pytest.approx(float(first.split(",")[1]) * 1.609344)


def test_the_column_value_is_read() -> None:
    assert replay.parse(["timestamp,value", "2015-08-31 18:22:00,3.06", "x,7"]) == [3.06, 7.0]
    assert replay.parse(["value"]) == []


@pytest.mark.parametrize("lines", [["time,v", "1,2"], ["timestamp,value", "1,x"], ["timestamp,value", "1"]])
def test_what_is_no_series_is_told(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        replay.parse(lines)
