"""A simulated satellite receiver."""

from firmware_sim.devices.gnss import Gnss


def test_a_receiver_has_the_time_first_and_the_place_later() -> None:
    receiver = Gnss(start_s=1790218800.0)
    first = [emission.data for emission in receiver.emit(1790218800.0)]
    assert first[0] == b"$GNRMC,030000.00,V,,,,,,,240926,,,N*6B\r\n"
    later = [emission.data for emission in receiver.emit(1790218810.0)]
    assert b",A,2057.5340,N,10702.5620,E,0.02,,240926,,,A*" in later[0]
    assert later[2].startswith(b"$GNZDA,030010.00,24,09,2026,00,00*")
