"""A simulated SPS30 answers as its manual prints it."""

import pytest

from firmware_sim.devices.sps30 import Sps30

READ = bytes.fromhex("7e000300fc7e")


def sent(device: Sps30, command: str | bytes, now_s: float = 10.0) -> str:
    data = bytes.fromhex(command) if isinstance(command, str) else command
    return b"".join(emission.data for emission in device.receive(data, now_s)).hex()


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
