"""Probes, consoles, receivers and boards that speak text or packets."""

import math

from firmware_sim.devices.board import GREETING, Board
from firmware_sim.devices.davis import DavisConsole
from firmware_sim.devices.gnss import Gnss
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
    assert console.receive(b"LOOP 1\n", 200.0) == []


def test_a_receiver_has_the_time_first_and_the_place_later() -> None:
    receiver = Gnss(start_s=1790218800.0)
    first = [emission.data for emission in receiver.emit(1790218800.0)]
    assert first[0] == b"$GNRMC,030000.00,V,,,,,,,240926,,,N*6B\r\n"
    later = [emission.data for emission in receiver.emit(1790218810.0)]
    assert b",A,2057.5340,N,10702.5620,E,0.02,,240926,,,A*" in later[0]
    assert later[2].startswith(b"$GNZDA,030010.00,24,09,2026,00,00*")


def test_a_board_greets_and_prints_its_values() -> None:
    for objects, line in ((True, b'{"t":10.0,"rh":67.0,"p":1013.2}\r\n'), (False, b"10.00,67.00,1013.2\r\n")):
        board = Board(measure, objects=objects, start_s=0.0)
        assert board.emit(0.0)[0] == (GREETING, ())
        (emission,) = board.emit(1.0)
        assert emission.data == line
        assert emission.readings == (("temperature", 10.0), ("humidity", 67.0), ("pressure", 1013.2))
