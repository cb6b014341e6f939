"""A simulated PMS5003 obeys its commands."""

import math

import pytest

from firmware_sim.devices.pms5003 import Pms5003


def sent(device: Pms5003, command: str | bytes, now_s: float = 10.0) -> str:
    data = bytes.fromhex(command) if isinstance(command, str) else command
    return b"".join(emission.data for emission in device.receive(data, now_s)).hex()


def test_a_pms5003_in_passive_mode_speaks_when_it_is_asked() -> None:
    device = Pms5003(lambda quantity, at_s: 8.0, start_s=0.0)
    assert sent(device, "424de100000170") == "424d0004e1000174"
    assert device.due_s == math.inf
    answers = [device.receive(bytes.fromhex("424de200000171"), 1.0)[0] for _ in range(3)]
    assert [answer.readings[:1] for answer in answers] == [(), (), (("pm1", 8.0),)]


@pytest.mark.parametrize(
    ("model", "content"),
    [
        ("pms5003", "001c" + "0008" * 6 + "00d0004000280018000800029700"),
        ("pms3003", "0014" + "0008" * 6 + "000000005100"),
    ],
)
def test_a_frame_of_each_model_after_its_warm_up(model: str, content: str) -> None:
    device = Pms5003(lambda quantity, at_s: 8.0, start_s=0.0, model=model)
    frames = [device.emit(float(second))[0].data for second in range(3)]
    assert [any(frame[4:-2]) for frame in frames] == [False, False, True]
    body = bytes.fromhex("424d" + content)
    assert frames[2] == body + sum(body).to_bytes(2, "big")


def test_a_frost_is_below_zero() -> None:
    device = Pms5003(
        lambda quantity, at_s: -1.04 if quantity == "temperature" else 50.0, start_s=0.0, model="pms5003t"
    )
    (frame,) = [device.emit(float(second))[0] for second in range(3)][2:]
    assert frame.data[24:26] == b"\xff\xf6"
    assert ("temperature", -1.0) in frame.readings
