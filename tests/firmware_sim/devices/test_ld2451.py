"""A simulated LD2451: who is in sight is reported, and nothing else."""

from firmware_sim.devices.ld2451 import Ld2451


def passes(second: int) -> list[tuple[float, float]]:
    return [(1000.05, 45.4), (1000.15, -60.0)] if second == 1000 else []


def test_an_ld2451_reports_who_is_in_sight() -> None:
    radar = Ld2451(passes, start_s=1000.0)
    empty, one, two = (radar.emit(1000.0 + tenth / 10)[0] for tenth in range(3))
    assert empty == (bytes.fromhex("f4f3f2f10000f8f7f6f5"), ())
    assert one == (bytes.fromhex("f4f3f2f107000101803b012dc8f8f7f6f5"), (("vehicle_speed", 45.0),))
    assert two.data[4] == 12
    assert radar.emit(1002.0)[0] == empty


def test_an_ld2451_is_silent_while_it_is_configured() -> None:
    radar = Ld2451(passes, start_s=1000.0)
    opened = radar.receive(bytes.fromhex("fdfcfbfa0400ff00010004030201"), 1000.0)
    assert [answer.data.hex() for answer in opened] == ["fdfcfbfa0400ff01000004030201"]
    assert radar.emit(1000.1) == []
    radar.receive(bytes.fromhex("fdfcfbfa0200fe0004030201"), 1000.2)
    assert radar.emit(1000.3)
