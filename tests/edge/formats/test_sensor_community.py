"""sensor.community pushes: whose, which sensor, which quantity, in which unit."""

import json
from typing import Any

import pytest

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.sensor_community import SensorCommunity
from telemetry.reading import Flag

HEADERS = {"X-Sensor": "esp8266-1234567", "X-Pin": "1"}


def heard(
    values: dict[str, Any], headers: dict[str, str] | None = None, names: dict[str, str] | None = None
) -> Understood:
    pairs = [{"value_type": name, "value": value} for name, value in values.items()]
    payload = json.dumps({"software_version": "NRZ-2020-133", "sensordatavalues": pairs}).encode()
    arrival = Arrival(payload, headers=HEADERS if headers is None else headers)
    return SensorCommunity(Options(names=names or {})).understand(arrival)


def published(*args: Any, **kwargs: Any) -> dict[str, float]:
    return {dated.quantity: round(dated.value, 6) for dated in heard(*args, **kwargs).dated}


def test_the_order_of_the_particle_sizes() -> None:
    values = {"P0": "3.10", "P1": "14.20", "P2": "8.10", "P4": "9.0"}
    assert published(values) == {"pm1": 3.1, "pm10": 14.2, "pm25": 8.1, "pm4": 9.0}


def test_all_sensors_of_a_node_at_once() -> None:
    values = {
        "SDS_P1": "1.10", "SDS_P2": "1.00", "BME280_temperature": "25.20", "BME280_pressure": "101081.06",
        "BME280_humidity": "47.67", "DNMS_noise_LAeq": "55.1", "DNMS_noise_LA_max": "70.2", "samples": "5032003",
        "signal": "-68 dBm", "GPS_date": "06/01/2024",
    }  # fmt: skip
    assert published(values) == {
        "pm10": 1.1, "pm25": 1.0, "temperature": 25.2, "pressure": 1010.8106, "humidity": 47.67, "noise_laeq": 55.1,
    }  # fmt: skip
    decoded = heard(values).decoded
    assert (decoded["signal_dbm"], decoded["samples"], decoded["pressure_pa"]) == (-68, 5032003, 101081.06)
    assert decoded["GPS_date"] == "06/01/2024"


def test_names_choose_of_several() -> None:
    values = {"temperature": "30.0", "BME280_temperature": "25.0"}
    assert published(values) == {"temperature": 30.0}
    assert published(values, names={"BME280_temperature": "temperature"}) == {"temperature": 25.0}


def test_a_fault_of_the_particle_sensor_is_flagged() -> None:
    understood = heard({"P1": "1999.90", "P2": "999.90"})
    assert understood.verdict is Verdict.FLAG
    assert [dated.flags for dated in understood.dated] == [int(Flag.DEVICE), 0]


@pytest.mark.parametrize("value", ["nan", "", "NaN", None, [1]])
def test_no_value_is_absent(value: Any) -> None:
    assert published({"temperature": value, "humidity": "50"}) == {"humidity": 50.0}


def test_the_node_is_in_the_header_or_in_the_body() -> None:
    assert heard({}).decoded["node"] == "esp8266-1234567"
    assert heard({}, {"x-sensor": "raspi-00a1", "X-PIN": "11"}).decoded == {
        "node": "raspi-00a1",
        "pin": 11,
        "software_version": "NRZ-2020-133",
    }
    body = b'{"esp8266id":16659171,"sensordatavalues":[]}'
    assert SensorCommunity(Options()).understand(Arrival(body)).decoded["node"] == "esp8266-16659171"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", HEADERS),
        (b"{}", HEADERS),
        (b'{"sensordatavalues":[1]}', HEADERS),
        (b'{"sensordatavalues":[{"value":"1"}]}', HEADERS),
        (b'{"sensordatavalues":[{"value_type":"P1","value":"much"}]}', HEADERS),
        (b'{"sensordatavalues":%s}' % json.dumps([{"value_type": "x"}] * 257).encode(), HEADERS),
        (b'{"sensordatavalues":[]}', {}),
        (b'{"esp8266id":true,"sensordatavalues":[]}', {}),
        (b'{"sensordatavalues":[]}', {"X-Sensor": "esp8266 1"}),
        (b'{"sensordatavalues":[]}', HEADERS | {"X-Pin": "-1"}),
        (b'{"sensordatavalues":[]}', HEADERS | {"X-Pin": "²"}),
    ],
)
def test_what_is_refused(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(BadFrameError):
        SensorCommunity(Options()).understand(Arrival(body, headers=headers))
