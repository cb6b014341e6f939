"""`halong aqi`: the figures by hand, and one line for what a user can get wrong."""

import json

import pytest
from typer.testing import CliRunner

from halong.__main__ import app

HOURS = "20.6,19.6,22.4,20.3,16.5,19.0,16.5,19.5,23.5,20.5,24.7,26.9"


def test_a_day_as_json() -> None:
    done = CliRunner().invoke(
        app, ["aqi", "day", "--pm25", "80", "--no2", "120", "--o3-1h", "90", "--o3-8h", "70", "--json"]
    )
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert (answer["vn_aqi"], answer["band_vi"], answer["main"], answer["us_aqi"]) == (
        150,
        "Kém",
        "pm25",
        168,
    )
    assert answer["parts"] == {"pm25": 150, "no2": 60, "o3_1h": 28, "o3_8h": 35}


def test_an_hour_as_json_and_in_words() -> None:
    done = CliRunner().invoke(app, ["aqi", "hour", "--pm25", HOURS, "--o3", "136.1", "--json"])
    answer = json.loads(done.stdout)
    assert (answer["vn_aqi"], answer["parts"], answer["nowcast"]) == (
        43,
        {"pm25": 41, "o3_1h": 43},
        {"pm25": 20.27},
    )
    done = CliRunner().invoke(app, ["aqi", "hour", "--pm25", HOURS])
    assert done.stdout.startswith("VN_AQI 41 Tốt (Good), by pm25\n")


def test_no_index_is_said_and_is_no_success() -> None:
    done = CliRunner().invoke(app, ["aqi", "hour", "--pm25", "20,-,-", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["vn_aqi"] is None
    assert "needs PM2.5 or PM10" in CliRunner().invoke(app, ["aqi", "day", "--no2", "9"]).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["hour", "--pm25", "20,x"],
        ["hour", "--pm25", ",".join(["1"] * 13)],
        ["hour", "--pm25=-1,2"],
        ["hour", "--pm25", "nan,1"],
        ["hour", "--pm25", "1,1", "--no2", "inf"],
        ["day", "--pm25", "inf"],
        ["day", "--pm25", "nan"],
    ],
)
def test_a_mistake_is_one_line(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["aqi", *arguments])
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
