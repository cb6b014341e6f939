"""A simulated PMS5003 obeys its commands."""

import math

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
