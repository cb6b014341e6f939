"""A simulated Davis console."""

import math

from firmware_sim.devices.davis import DavisConsole

VALUES = {
    "water_level": 3.14, "temperature": 10.0, "pressure": 1013.25, "humidity": 67.0, "wind_speed": 3.1,
    "wind_direction": 0.2, "solar_radiation": 642.0, "rain": 0.762,
}  # fmt: skip


def measure(quantity: str, at_s: float) -> float:
    return VALUES[quantity]


def test_a_console_sleeps_wakes_and_sends_packets_until_it_hears_a_byte() -> None:
    console = DavisConsole(measure)
    assert console.receive(b"LOOP 2\n", 10.0) == []
    assert [emission.data for emission in console.receive(b"\n", 11.0)] == [b"\n\r"]
    acknowledged, packet = console.receive(b"LOOP 2\n", 12.0)
    assert acknowledged.data == b"\x06"
    assert (len(packet.data), packet.data[:3], dict(packet.readings)["temperature"]) == (99, b"LOO", 10.0)
    assert dict(packet.readings)["wind_direction"] == 0
    assert console.due_s == 14.0
    assert len(console.emit(14.0)) == 1
    assert console.due_s == math.inf
    assert [emission.data for emission in console.receive(b"NONSENSE\n", 15.0)] == [b"\x21"]
    assert [emission.data for emission in console.receive(b"VER\n", 16.0)] == [b"\n\rOK\n\rApr 24 2002\n\r"]
    assert console.receive(b"LOOP 1\n", 200.0) == []
