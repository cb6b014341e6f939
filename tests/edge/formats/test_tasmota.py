"""Tasmota: sensors of all kinds, units, local times, and what is not taken for more than it is."""

import json
from typing import Any

import pytest

from edge.driver import BadFrameError
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.tasmota import Tasmota
from edge.payloads import Dated, FieldSpec

AT = "2026-03-07T12:54:34"
AT_MS = 1_772_862_874_000  # in Asia/Ho_Chi_Minh


def heard(content: Any, topic: str = "tele/x/SENSOR", **options: Any) -> Understood:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Tasmota(Options(**options)).understand(Arrival(payload, topic))


def values(content: Any, **options: Any) -> dict[str, float]:
    return {dated.quantity: round(dated.value, 6) for dated in heard(content, **options).dated}


def test_particles_climate_and_meter() -> None:
    content = {
        "Time": AT,
        "BME280": {
            "Temperature": 20.7,
            "Humidity": 24.4,
            "DewPoint": -0.4,
            "Pressure": 1013.4,
            "SeaPressure": 1020.0,
        },
        "PMS5003": {"CF1": 1, "PM1": 22, "PM2.5": 32, "PM10": 49, "PB0.3": 4146},
        "ENERGY": {
            "Total": 12.345,
            "Today": 1.2,
            "Power": 60,
            "Voltage": 231,
            "Current": 0.26,
            "Factor": 0.9,
        },
        "MHZ19B": {"Model": "B", "CarbonDioxide": 612, "Temperature": 25.0},
        "TempUnit": "C",
        "PressureUnit": "hPa",
    }
    assert values(content) == {
        "temperature": 20.7, "humidity": 24.4, "pressure": 1013.4, "pm1": 22, "pm25": 32, "pm10": 49, "energy": 12.345,
        "power": 60, "voltage": 231, "current": 0.26, "co2": 612,
    }  # fmt: skip


def test_units_are_said_by_the_message() -> None:
    content = {"BME280": {"Temperature": 68.0, "Pressure": 750.0}, "TempUnit": "F", "PressureUnit": "mmHg"}
    assert values(content) == {"temperature": 20.0, "pressure": 999.917906}
    assert values({"BME280": {"Temperature": 1}, "TempUnit": "R"}) == {}


def test_what_is_no_measurement_of_the_street() -> None:
    content = {
        "ESP32": {"Temperature": 53.3},
        "SGP30": {"eCO2": 400, "TVOC": 1},
        "DS18B20-1": {"Id": "0113", "Temperature": None},
        "ENERGY": {"Power": [10, 20], "Voltage": 230},
        "Switch1": "OFF",
    }
    assert values(content) == {"device_temperature": 53.3, "voltage": 230}
    assert heard(content).decoded["others"] == {"Switch1": "OFF"}


def test_names_and_fields_choose_of_several() -> None:
    content = {
        "DS18B20-1": {"Temperature": 40.0},
        "DS18B20-2": {"Temperature": 21.0},
        "ENERGY": {"Power": [10, 20]},
    }
    assert values(content, names={"DS18B20-2.Temperature": "temperature"}) == {"temperature": 21.0}
    assert values(content, fields={"power": FieldSpec("sum(ENERGY.Power)")}) == {
        "power": 30,
        "temperature": 40.0,
    }


@pytest.mark.parametrize(
    ("time", "zone", "time_ms"),
    [
        (AT, "", None),
        (AT, "Asia/Ho_Chi_Minh", AT_MS),
        (AT + "+07:00", "", AT_MS),
        ("1970-01-01T00:00:12", "Asia/Ho_Chi_Minh", None),
        ("2020-01-01T00:03:00", "Asia/Ho_Chi_Minh", None),
    ],
)
def test_a_local_time_counts_when_its_zone_is_known_and_its_clock_is_set(
    time: str, zone: str, time_ms: int | None
) -> None:
    content = {"Time": time, "AM2301": {"Temperature": 4.7}, "TempUnit": "C"}
    assert heard(content, zone=zone).dated == (Dated("temperature", 4.7, time_ms),)


def test_state_last_will_and_status_answer() -> None:
    state = {"Time": AT, "Uptime": "1T", "POWER": "ON", "Wifi": {"RSSI": 82, "Temperature": 3}}
    for topic in ("tele/x/STATE", ""):
        understood = heard(state, topic)
        assert understood.dated == ()
        assert understood.decoded["state"]["POWER"] == "ON"
    assert heard(b"Offline", "tele/x/LWT").decoded == {"online": False}
    answer = {"StatusSNS": {"Time": AT, "AM2301": {"Humidity": 93.7}}}
    assert heard(answer, "stat/x/STATUS8").dated == (Dated("humidity", 93.7, None),)


@pytest.mark.parametrize("content", [b"", b"Onlin", b"[]", {"Time": "noon"}, {"Time": 5}, {"TempUnit": 1}])
def test_what_is_refused(content: Any) -> None:
    with pytest.raises(BadFrameError):
        heard(content)


def test_an_unknown_zone_is_one_line() -> None:
    for zone in ("Asia/Halong", "../etc", "\0"):
        with pytest.raises(ValueError, match="unknown time zone"):
            Tasmota(Options(zone=zone))
