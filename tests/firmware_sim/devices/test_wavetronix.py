"""A simulated Wavetronix: a line for each vehicle."""

from firmware_sim.devices.wavetronix import Wavetronix


def passes(second: int) -> list[tuple[float, float]]:
    return [(1000.05, 45.4), (1000.15, -60.0)] if second == 1000 else []


def test_a_wavetronix_line_for_each_vehicle() -> None:
    sensor = Wavetronix(passes, start_s=1000.0)
    near, far = sensor.emit(1000.9)
    assert near.data == b"1970:01:01,00:16:40.050,00,0028.2,0014.4,00000348,0045.0,01\r\n"
    assert near.readings == (("vehicle_count", 1.0), ("vehicle_speed", 45.383501))
    assert far.data.split(b",")[2] == b"01"
    assert sensor.emit(1001.5) == []
