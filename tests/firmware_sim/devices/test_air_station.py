"""The RS-485 station against frames captured from a real one, and the register map of its makers."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.devices.air_station import AirStation, crc16

T = 1_700_000_000.0
WEATHER = {
    "wind_speed": 1.4, "wind_direction": 110.0, "humidity": 45.1, "temperature": 24.6, "noise_level": 51.8,
    "pm25": 5.0, "pm10": 15.0, "pressure": 1019.0, "illuminance": 70_123.0, "rain": 12.3,
}  # fmt: skip


def station(unit: int = 1, changed: Mapping[str, float] = MappingProxyType({})) -> AirStation:
    values = WEATHER | dict(changed)
    return AirStation(lambda quantity, at_s: values[quantity], unit=unit)


def request(start: int, count: int, *, unit: int = 1, function: int = 3) -> bytes:
    body = bytes((unit, function)) + start.to_bytes(2, "big") + count.to_bytes(2, "big")
    return body + crc16(body)


def registers(found: AirStation, start: int, count: int) -> list[int]:
    (answer,) = found.receive(request(start, count), T)
    assert answer.data[2] == 2 * count
    assert crc16(answer.data[:-2]) == answer.data[-2:]
    return [int.from_bytes(answer.data[i : i + 2], "big") for i in range(3, 3 + 2 * count, 2)]


@pytest.mark.parametrize(
    ("asked", "changed", "answered"),
    [
        ("010301f400040407", {}, "010308000e00010002006e67fb"),
        ("010301f8000385c6", {}, "01030601c300f6020605e5"),
        ("010301fb000375c6", {}, "0103060005000f03fb9c05"),
        ("010301f800024406", {"humidity": 65.8, "temperature": -10.1}, "0103040292ff9b5a3d"),
    ],
)
def test_it_answers_as_a_real_one_was_captured(asked: str, changed: dict[str, float], answered: str) -> None:
    (answer,) = station(changed=changed).receive(bytes.fromhex(asked), T)
    assert answer.data.hex() == answered


def test_function_4_reads_the_same_registers() -> None:
    (answer,) = station().receive(request(504, 2, function=4), T)
    assert answer.data[:3] == b"\x01\x04\x04"
    assert answer.data[3:7] == bytes.fromhex("01c300f6")


def test_the_whole_map() -> None:
    found = registers(station(), 500, 14)
    assert found == [14, 1, 2, 110, 451, 246, 518, 5, 15, 1019, 70_123 >> 16, 70_123 & 0xFFFF, 701, 123]


def test_readings_are_those_whose_registers_were_asked_whole() -> None:
    (answer,) = station().receive(request(500, 14), T)
    assert dict(answer.readings) == WEATHER
    (answer,) = station().receive(request(509, 2), T)
    assert dict(answer.readings) == {"pressure": 1019.0}  # half of the illuminance is none
    (answer,) = station().receive(request(501, 2), T)
    assert answer.readings == ()


@pytest.mark.parametrize(
    ("speed", "force"),
    [
        (0.0, 0),
        (0.2, 0),
        (0.3, 1),
        (1.5, 1),
        (1.6, 2),
        (5.4, 3),
        (8.0, 5),
        (17.2, 8),
        (24.4, 9),
        (32.7, 12),
        (60.0, 12),
    ],
)
def test_the_force_is_beauforts(speed: float, force: int) -> None:
    """Lower limits in m/s of the WMO Beaufort scale."""
    assert registers(station(changed={"wind_speed": speed}), 501, 1) == [force]


@pytest.mark.parametrize(
    ("direction", "register", "sector"),
    [
        (0, 0, 0),
        (22, 22, 0),
        (23, 23, 1),
        (90, 90, 2),
        (180, 180, 4),
        (338, 338, 0),
        (359.4, 359, 0),
        (359.7, 0, 0),
    ],
)
def test_direction_is_0_to_359_and_the_sector_eighths_from_north(
    direction: float, register: int, sector: int
) -> None:
    found = station(changed={"wind_direction": direction})
    assert registers(found, 502, 2) == [sector, register]
    (answer,) = found.receive(request(503, 1), T)
    assert answer.readings == (("wind_direction", register),)


@pytest.mark.parametrize(
    ("start", "count", "function", "code"),
    [
        (500, 0, 3, 3),
        (500, 126, 3, 3),
        (499, 1, 3, 2),
        (514, 1, 3, 2),
        (500, 15, 3, 2),
        (0, 1, 4, 2),
        (500, 1, 6, 1),
        (500, 1, 1, 1),
    ],
)
def test_what_it_cannot_do_is_an_exception(start: int, count: int, function: int, code: int) -> None:
    (answer,) = station().receive(request(start, count, function=function), T)
    body = bytes((1, function | 0x80, code))
    assert (answer.data, answer.readings) == (body + crc16(body), ())


def test_others_units_and_broken_requests_are_not_answered() -> None:
    assert station(unit=2).receive(request(500, 1), T) == []
    assert station().receive(request(500, 1, unit=0), T) == []
    asked = bytearray(request(500, 1))
    for index in range(8):
        asked[index] ^= 0x04
        assert station().receive(bytes(asked), T) == [], index
        asked[index] ^= 0x04


@given(cut=st.integers(0, 8), gap_s=st.floats(0, 0.05))
def test_a_request_in_two_pieces_is_answered_when_they_come_close_together(cut: int, gap_s: float) -> None:
    found, asked = station(), request(500, 14)
    assert len(found.receive(asked[:cut], T) + found.receive(asked[cut:], T + gap_s)) == 1


def test_half_a_request_is_forgotten_after_a_silence() -> None:
    found, asked = station(), request(500, 14)
    assert found.receive(asked[:4], T) == []
    assert found.receive(asked[4:], T + 0.2) == []
    assert len(found.receive(asked, T + 0.4)) == 1


def test_it_never_speaks_unasked() -> None:
    assert station().due_s == math.inf
    assert station().emit(T) == []


def test_the_crc_is_the_one_of_the_standard() -> None:
    """Check value of CRC-16/MODBUS over "123456789": 4B37, low byte first on the wire."""
    assert crc16(b"123456789") == bytes((0x37, 0x4B))
