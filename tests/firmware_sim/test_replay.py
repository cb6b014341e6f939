"""Recorded series: whole, in canonical units, and what is none is told."""

from importlib.resources import files
from pathlib import Path

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


def test_a_users_file_is_read_in_its_unit(tmp_path: Path) -> None:
    file = tmp_path / "office.csv"
    file.write_text("timestamp,value\n2013-07-04 00:00:00,68\n2013-07-04 01:00:00,32\n", encoding="utf-8")
    assert replay.read([f"{file}:temperature:degF"])["temperature"] == pytest.approx([20.0, 0.0])
    assert replay.read([f"{file}:occupancy"]) == {"occupancy": [68.0, 32.0]}
    assert set(replay.read([])) == set(replay.SERIES)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{file}", "must look like"),
        ("{file}:tempature", "unknown quantity"),
        ("{file}:temperature:kg", "cannot be converted"),
        ("{file}:temperature:Cel:x", "must look like"),
        ("{file}:temperature", "no rows"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_line(tmp_path: Path, source: str, words: str) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("timestamp,value\n" + ("1,2\n" if "no rows" not in words else ""), encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        replay.read([source.format(file=file)])
