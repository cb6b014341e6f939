"""Publishing devices: their bytes hold what they say they hold, dated to the millisecond, one message a period."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.city import CABINET, LOOP
from firmware_sim.devices.payloads import JsonPublisher, Recording, SenmlPublisher

T = 1_700_000_000.1234
CABINET_VALUES = {"voltage": 229.87, "current": 14.216, "power": 3250.7, "energy": 1234.5678}


def cabinet() -> JsonPublisher:
    return JsonPublisher(lambda quantity, at_s: CABINET_VALUES[quantity], CABINET, start_s=T, period_s=2.0)


def test_a_cabinet_speaks_its_own_units_at_its_own_paths() -> None:
    (emission,) = cabinet().emit(T)
    assert json.loads(emission.data) == {
        "t": 1_700_000_000_123,
        "u": 229.9,
        "i": 14.22,
        "p": 3.251,
        "meter": {"wh": 1_234_568},
    }
    readings = dict(emission.readings)
    assert readings == pytest.approx({"voltage": 229.9, "current": 14.22, "power": 3251, "energy": 1234.568})


def test_a_loop_speaks_miles_and_carries_what_they_make_in_km() -> None:
    device = JsonPublisher(
        lambda quantity, at_s: {"occupancy": 6.56, "vehicle_speed": 100.0}[quantity],
        LOOP,
        start_s=T,
        period_s=1,
    )
    (emission,) = device.emit(T)
    assert json.loads(emission.data) == {"t": 1_700_000_000_123, "occ": 6.56, "v": 62.14}
    assert dict(emission.readings) == pytest.approx({"occupancy": 6.56, "vehicle_speed": 62.14 * 1.609344})


def test_a_weather_sensor_speaks_senml() -> None:
    values = {"temperature": 25.04, "humidity": 78.26, "pressure": 1012.0}
    device = SenmlPublisher(
        lambda quantity, at_s: values[quantity], "bai-chay-meteo-1", list(values), start_s=T, period_s=2
    )
    (emission,) = device.emit(T)
    assert json.loads(emission.data) == [
        {
            "bn": "urn:dev:halong:bai-chay-meteo-1:",
            "bt": 1_700_000_000.123,
            "n": "temperature",
            "u": "Cel",
            "v": 25.0,
        },
        {"n": "humidity", "u": "%RH", "v": 78.3},
        {"n": "pressure", "u": "hPa", "v": 1012.0},
    ]
    assert emission.readings == (("temperature", 25.0), ("humidity", 78.3), ("pressure", 1012.0))


def test_what_is_measured_is_measured_at_the_time_that_is_told() -> None:
    asked: list[float] = []

    def measure(quantity: str, at_s: float) -> float:
        asked.append(at_s)
        return 1.0

    JsonPublisher(measure, LOOP, start_s=T, period_s=1).emit(T)
    assert set(asked) == {1_700_000_000.123}


def test_one_message_a_period_and_no_catching_up() -> None:
    device = cabinet()
    assert device.due_s == T
    device.emit(T + 0.3)
    assert device.due_s == pytest.approx(T + 2)
    device.emit(T + 11)
    assert device.due_s == pytest.approx(T + 13)
    assert device.receive(b"anything", T) == []


@given(
    rows=st.lists(st.floats(0, 100), min_size=1, max_size=20),
    index=st.integers(0, 100),
    late_s=st.floats(-0.4, 0.4),
)
def test_a_recording_plays_row_after_row_from_the_beginning_again(
    rows: list[float], index: int, late_s: float
) -> None:
    recording = Recording({"occupancy": rows}, start_s=T, period_s=1.0)
    assert recording.measure("occupancy", T + index + late_s) == rows[index % len(rows)]
