"""A simulated SDI-12 probe."""

from firmware_sim.devices.sdi12 import Sdi12Probe

VALUES = {
    "water_level": 3.14, "temperature": 10.0, "pressure": 1013.25, "humidity": 67.0, "wind_speed": 3.1,
    "wind_direction": 0.2, "solar_radiation": 642.0, "rain": 0.762,
}  # fmt: skip


def measure(quantity: str, at_s: float) -> float:
    return VALUES[quantity]


def ask(probe: Sdi12Probe, command: bytes, now_s: float) -> list[bytes]:
    return [emission.data for emission in probe.receive(command, now_s)]


def test_a_probe_measures_calls_and_hands_its_values_out() -> None:
    probe = Sdi12Probe(measure)
    assert ask(probe, b"0M!", 10.0) == [b"00012\r\n"]
    assert ask(Sdi12Probe(measure), b"0D0!", 10.0) == [b"0\r\n"]
    assert probe.due_s == 10.6
    assert [emission.data for emission in probe.emit(10.6)] == [b"0\r\n"]
    (answer,) = probe.receive(b"0D0!", 11.0)
    assert answer == (b"0+3.140+10.00\r\n", (("water_level", 3.14), ("temperature", 10.0)))


def test_a_probe_answers_only_for_its_address() -> None:
    probe = Sdi12Probe(measure, address="5")
    assert ask(probe, b"0M!5!", 10.0) == [b"5\r\n"]
    assert ask(probe, b"?!", 10.0) == [b"5\r\n"]
    assert ask(probe, b"5I!", 10.0)[0].startswith(b"514")
    assert ask(probe, b"5X!", 10.0) == []
    assert ask(probe, b"5CC!", 10.0) == [b"500102\r\n"]
