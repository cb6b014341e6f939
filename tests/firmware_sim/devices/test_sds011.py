"""A simulated SDS011 answers as its manual prints it."""

import math

import pytest

from firmware_sim.devices.sds011 import Sds011

QUERY = bytes.fromhex("aab404000000000000000000000000ffff02ab")
SLEEP = bytes.fromhex("aab406010000000000000000000000ffff05ab")
WAKE = bytes.fromhex("aab406010100000000000000000000ffff06ab")


def nova(value: float = 123.6) -> Sds011:
    return Sds011(lambda quantity, at_s: value if quantity == "pm25" else 261.8, start_s=0.0)


def sent(device: Sds011, command: str | bytes, now_s: float = 10.0) -> str:
    data = bytes.fromhex(command) if isinstance(command, str) else command
    return b"".join(emission.data for emission in device.receive(data, now_s)).hex()


def test_an_sds011_warms_up_and_then_sends_the_frame_of_the_manual() -> None:
    device = nova()
    frames = [device.emit(float(second))[0] for second in range(3)]
    assert [frame.data.hex() for frame in frames[:2]] == ["aac000000000a16001ab"] * 2
    assert frames[2] == (bytes.fromhex("aac0d4043a0aa1601dab"), (("pm25", 123.6), ("pm10", 261.8)))


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("aab402000000000000000000000000a16003ab", "aac502000000a16003ab"),
        ("aab402010100000000000000000000ffff02ab", "aac502010100a16005ab"),
        ("aab406010000000000000000000000a16008ab", "aac506010000a16008ab"),
        ("aab407000000000000000000000000ffff05ab", "aac5070f070aa16028ab"),
        ("aab408010200000000000000000000ffff09ab", "aac508010200a1600cab"),
        ("aab406010000000000000000000000123450ab", ""),
        ("aab406010000000000000000000000a16009ab", ""),
    ],
)
def test_an_sds011_obeys_its_commands(command: str, answer: str) -> None:
    assert sent(nova(), "00aa" + command) == answer


def test_an_sds011_asleep_hears_only_the_call_to_wake() -> None:
    device = nova()
    assert sent(device, SLEEP) == "aac506010000a16008ab"
    assert device.due_s == math.inf
    assert sent(device, QUERY) == ""
    assert sent(device, WAKE) == "aac506010100a16009ab"
    assert device.due_s < math.inf
