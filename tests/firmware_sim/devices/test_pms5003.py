"""The PMS5003 against its manual (V2.3): frame layout, checksum, commands and their answers, warm-up."""

import math
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.devices.pms5003 import Pms5003

T = 1_700_000_000.0
PASSIVE, ACTIVE, READ = (bytes.fromhex(h) for h in ("424de100000170", "424de100010171", "424de200000171"))
SLEEP, WAKE = (bytes.fromhex(h) for h in ("424de400000173", "424de400010174"))
WARMING_UP = bytes.fromhex("424d001c" + "00" * 26 + "00ab")
MASSES = {"pm1": 12.4, "pm25": 31.0, "pm10": 55.5}


def device(measure: Callable[[str, float], float] = lambda quantity, at_s: MASSES[quantity]) -> Pms5003:
    return Pms5003(measure, start_s=T)


def warm(measure: Callable[[str, float], float] = lambda quantity, at_s: MASSES[quantity]) -> Pms5003:
    found = device(measure)
    for second in range(2):
        found.emit(T + second)
    return found


def test_a_frame_is_what_the_manual_draws() -> None:
    (emission,) = warm().emit(T + 2)
    frame = emission.data
    assert len(frame) == 32
    assert frame[:4] == bytes.fromhex("424d001c")
    assert sum(frame[:30]) % 65536 == int.from_bytes(frame[30:], "big")
    *masses, n03, n05, n10, n25, n50, n100 = struct.unpack(">12H", frame[4:28])
    assert masses[3:] == [12, 31, 56]
    assert n03 >= n05 >= n10 >= n25 >= n50 >= n100 > 0  # each class counts the larger particles too
    assert frame[28:30] == b"\x97\0"
    assert emission.readings == (("pm1", 12.0), ("pm25", 31.0), ("pm10", 56.0))


def test_the_factory_values_run_ahead_in_heavy_dust_only() -> None:
    (clean,) = warm(lambda quantity, at_s: 10.0).emit(T + 2)
    assert clean.data[4:10] == clean.data[10:16]
    (heavy,) = warm(lambda quantity, at_s: 300.0).emit(T + 2)
    factory, outdoor = struct.unpack(">3H3H", heavy.data[4:16])[1::3]
    assert 1.2 <= factory / outdoor <= 1.5


@given(values=st.tuples(*[st.floats(-50, 5000)] * 3))
def test_any_measurement_fits_the_frame_and_a_class_holds_the_smaller_ones(
    values: tuple[float, float, float],
) -> None:
    masses = dict(zip(("pm1", "pm25", "pm10"), values, strict=True))
    (emission,) = warm(lambda quantity, at_s: masses[quantity]).emit(T + 2)
    assert len(emission.data) == 32
    reported = [value for _, value in emission.readings]
    assert 0 <= reported[0] <= reported[1] <= reported[2] <= 1000
    assert [struct.unpack(">H", emission.data[i : i + 2])[0] for i in (10, 12, 14)] == reported


def test_it_warms_up_with_frames_of_zeros_that_carry_no_readings() -> None:
    found = device()
    assert [e.data for e in found.emit(T) + found.emit(T + 1)] == [WARMING_UP, WARMING_UP]
    assert [e.readings for e in device().emit(T)] == [()]


def test_it_speaks_once_a_second_and_does_not_catch_up_after_a_stall() -> None:
    found = device()
    assert found.due_s == T
    found.emit(T + 0.004)
    assert found.due_s == T + 1
    found.emit(T + 7.5)
    assert found.due_s == T + 8.5


def test_passive_mode_is_acknowledged_and_answers_only_when_asked() -> None:
    found = warm()
    assert [e.data.hex() for e in found.receive(PASSIVE, T)] == ["424d0004e1000174"]
    assert found.due_s == math.inf
    assert found.emit(T + 5) == []
    (answer,) = found.receive(READ, T + 6)
    assert len(answer.data) == 32
    assert answer.readings
    assert [e.data.hex() for e in found.receive(ACTIVE, T + 7)] == ["424d0004e1010175"]
    assert found.due_s == T + 8
    assert len(found.emit(T + 8)) == 1


def test_a_read_in_active_mode_is_not_answered() -> None:
    assert warm().receive(READ, T) == []


def test_asleep_it_says_nothing_and_wakes_without_an_answer_into_warm_up() -> None:
    found = warm()
    assert [e.data.hex() for e in found.receive(SLEEP, T)] == ["424d0004e4000177"]
    assert (found.due_s, found.emit(T + 1)) == (math.inf, [])
    assert found.receive(PASSIVE + READ + ACTIVE, T + 2) == []
    assert found.due_s == math.inf
    assert found.receive(WAKE, T + 3) == []
    assert found.due_s == T + 4
    assert [e.data for e in found.emit(T + 4) + found.emit(T + 5)] == [WARMING_UP, WARMING_UP]
    assert found.emit(T + 6)[0].readings


@given(noise=st.binary(max_size=20).filter(lambda data: b"B" not in data), cut=st.integers(0, 30))
def test_a_command_is_found_behind_noise_and_in_any_pieces(noise: bytes, cut: int) -> None:
    found, stream = warm(), noise + PASSIVE
    answers = found.receive(stream[:cut], T) + found.receive(stream[cut:], T)
    assert [e.data.hex() for e in answers] == ["424d0004e1000174"]


@pytest.mark.parametrize("index", range(7))
def test_a_command_with_a_wrong_byte_is_not_obeyed(index: int) -> None:
    broken = bytearray(PASSIVE)
    broken[index] ^= 0x10
    found = warm()
    assert found.receive(bytes(broken), T) == []
    assert found.due_s < math.inf


def test_asked_while_it_warms_up_it_answers_with_zeros() -> None:
    found = device()
    found.receive(PASSIVE, T)
    answers = [found.receive(READ, T + second)[0] for second in range(3)]
    assert [bool(answer.readings) for answer in answers] == [False, False, True]


@pytest.mark.parametrize(
    ("model", "content"),
    [
        ("pms5003", "001c" + "0008" * 6 + "00d0004000280018000800029700"),
        ("pms3003", "0014" + "0008" * 6 + "000000005100"),
    ],
)
def test_a_frame_of_each_model_after_its_warm_up(model: str, content: str) -> None:
    found = Pms5003(lambda quantity, at_s: 8.0, start_s=0.0, model=model)
    frames = [found.emit(float(second))[0].data for second in range(3)]
    assert [any(frame[4:-2]) for frame in frames] == [False, False, True]
    body = bytes.fromhex("424d" + content)
    assert frames[2] == body + sum(body).to_bytes(2, "big")


def test_a_frost_is_below_zero() -> None:
    found = Pms5003(
        lambda quantity, at_s: -1.04 if quantity == "temperature" else 50.0, start_s=0.0, model="pms5003t"
    )
    (frame,) = [found.emit(float(second))[0] for second in range(3)][2:]
    assert frame.data[24:26] == b"\xff\xf6"
    assert ("temperature", -1.0) in frame.readings
