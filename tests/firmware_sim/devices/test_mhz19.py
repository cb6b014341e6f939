"""The MH-Z19B against its manual (V1.6) and frames captured from real ones."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.devices.mhz19 import MhZ19

T = 1_700_000_000.0
READ = bytes.fromhex("ff0186000000000079")


def device(co2: float = 636, board: float = 26) -> MhZ19:
    values = {"co2": co2, "device_temperature": board}
    return MhZ19(lambda quantity, at_s: values[quantity])


@pytest.mark.parametrize(
    ("co2", "frame"),
    [(636, "ff86027c42000000ba"), (633, "ff86027942000000bd"), (633.4, "ff86027942000000bd")],
)
def test_it_answers_as_a_real_one_was_captured(co2: float, frame: str) -> None:
    (answer,) = device(co2).receive(READ, T)
    assert answer.data.hex() == frame
    assert answer.readings == (("co2", float(round(co2))), ("device_temperature", 26.0))


def test_it_never_speaks_unasked() -> None:
    assert device().due_s == math.inf
    assert device().emit(T) == []


@pytest.mark.parametrize(
    ("request_hex", "answer_hex"),
    [
        ("ff0179a000000000e6", "ff7901000000000086"),  # self-calibration on
        ("ff0179000000000086", "ff7901000000000086"),  # and off
        ("ff019900000007d08f", "ff9901000000000066"),  # range 2000
    ],
)
def test_settings_are_acknowledged(request_hex: str, answer_hex: str) -> None:
    (answer,) = device().receive(bytes.fromhex(request_hex), T)
    assert (answer.data.hex(), answer.readings) == (answer_hex, ())


@pytest.mark.parametrize("request_hex", ["ff0187000000000078", "ff018807d0000000a0"])
def test_calibrations_have_no_answer(request_hex: str) -> None:
    assert device().receive(bytes.fromhex(request_hex), T) == []


def test_the_value_is_clamped_to_the_range_that_was_set() -> None:
    found = device(4200)
    assert found.receive(READ, T)[0].readings[0] == ("co2", 4200.0)
    found.receive(bytes.fromhex("ff019900000007d08f"), T)
    (answer,) = found.receive(READ, T)
    assert answer.readings[0] == ("co2", 2000.0)
    assert answer.data[2:4] == (2000).to_bytes(2, "big")


@given(co2=st.floats(-100, 20_000), board=st.integers(-20, 80))
def test_every_answer_sums_up(co2: float, board: int) -> None:
    """The sum of bytes 1 to 8 is 0 modulo 256; the checksum byte may itself be 0."""
    (answer,) = device(co2, board).receive(READ, T)
    assert len(answer.data) == 9
    assert answer.data[:2] == b"\xff\x86"
    assert sum(answer.data[1:]) % 256 == 0
    ppm = int.from_bytes(answer.data[2:4], "big")
    assert dict(answer.readings) == {"co2": ppm, "device_temperature": answer.data[4] - 40}
    assert ppm <= 5000


@given(noise=st.binary(max_size=20).filter(lambda data: b"\xff" not in data), cut=st.integers(0, 30))
def test_a_request_is_found_behind_noise_and_in_any_pieces(noise: bytes, cut: int) -> None:
    found, stream = device(), noise + READ
    answers = found.receive(stream[:cut], T) + found.receive(stream[cut:], T)
    assert [e.data.hex() for e in answers] == ["ff86027c42000000ba"]


def test_half_a_request_does_not_swallow_the_next() -> None:
    found = device()
    assert found.receive(READ[:5], T) == []
    assert len(found.receive(READ, T + 1)) == 1


@pytest.mark.parametrize("index", range(9))
def test_a_request_with_a_wrong_byte_is_not_answered(index: int) -> None:
    broken = bytearray(READ)
    broken[index] ^= 0x10
    assert device().receive(bytes(broken), T) == []


def test_requests_one_after_the_other_are_all_answered() -> None:
    assert len(device().receive(READ * 3, T)) == 3
