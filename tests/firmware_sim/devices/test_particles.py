"""The particle sensors answer as their manuals print it."""

import math

import pytest

from firmware_sim.devices.pms5003 import Pms5003
from firmware_sim.devices.sds011 import Sds011
from firmware_sim.devices.sps30 import Sps30

QUERY = bytes.fromhex("aab404000000000000000000000000ffff02ab")
SLEEP = bytes.fromhex("aab406010000000000000000000000ffff05ab")
WAKE = bytes.fromhex("aab406010100000000000000000000ffff06ab")
READ = bytes.fromhex("7e000300fc7e")


def nova(value: float = 123.6) -> Sds011:
    return Sds011(lambda quantity, at_s: value if quantity == "pm25" else 261.8, start_s=0.0)


def sent(device: Sds011 | Sps30 | Pms5003, command: str | bytes, now_s: float = 10.0) -> str:
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


@pytest.mark.parametrize(
    ("commands", "answers"),
    [
        (["7e000300fc7e"], ["7e00034300b97e"]),
        (["7e0000020103f97e", "7e0000020103f97e"], ["7e00000000ff7e", "7e00004300bc7e"]),
        (["7e007d3100ee7e"], ["7e007d314300ab7e"]),
        (["7e001100ee7e"], ["7e007d314300ab7e"]),
        (["7e008001007d5e7e"], ["7e0080000400093a80b87e"]),
        (["7e000300fd7e"], [""]),
        (["7e000301fb7e"], ["7e00030100fb7e"]),
        (["7e00ee00117e".replace("11", "7d31")], ["7e00ee0200" + "0f7e"]),
    ],
)
def test_an_sps30_answers_in_its_state(commands: list[str], answers: list[str]) -> None:
    device = Sps30(lambda quantity, at_s: 42.0)
    assert [sent(device, command) for command in commands] == answers


def test_an_sps30_gives_one_value_a_second_in_either_format() -> None:
    for start, size in (("7e0000020103f97e", 40), ("7e0000020105f77e", 20)):
        device = Sps30(lambda quantity, at_s: 42.0)
        sent(device, start, 10.0)
        assert device.receive(READ, 10.2)[0].readings == ()
        (answer,) = device.receive(READ, 11.5)
        assert answer.data[4] == size
        assert answer.readings == (("pm1", 42.0), ("pm25", 42.0), ("pm4", 42.0), ("pm10", 42.0))
        assert sent(device, READ, 11.9) == "7e00030000fc7e"


def test_a_pms5003_in_passive_mode_speaks_when_it_is_asked() -> None:
    device = Pms5003(lambda quantity, at_s: 8.0, start_s=0.0)
    assert sent(device, "424de100000170") == "424d0004e1000174"
    assert device.due_s == math.inf
    answers = [device.receive(bytes.fromhex("424de200000171"), 1.0)[0] for _ in range(3)]
    assert [answer.readings[:1] for answer in answers] == [(), (), (("pm1", 8.0),)]
