"""The OPS243-A against its interface note (AN-010): lines, units, sign, commands."""

import json
from collections.abc import Callable

import pytest

from firmware_sim.devices.ops243 import REPORT_EVERY_S, REPORTS, Ops243

T = 1_700_000_000


def device(
    *vehicles: tuple[float, float], measure: Callable[[float, float], float] = lambda at_s, kmh: kmh
) -> Ops243:
    """`vehicles`: (seconds after the start, km/h)."""
    return Ops243(
        lambda second: [(T + at_s, kmh) for at_s, kmh in vehicles if int(T + at_s) == second],
        start_s=T,
        measure=measure,
    )


def lines(found: Ops243, until_s: float) -> list[str]:
    return [e.data.decode("ascii") for e in found.emit(T + until_s)]


def test_a_vehicle_gives_some_lines_and_an_empty_road_none() -> None:
    found = device((1.1, 36.0))
    assert lines(found, 1.05) == []
    emissions = found.emit(T + 3)
    assert len(emissions) == REPORTS
    assert all(e.data.endswith(b"\r\n") and e.data.count(b"\n") == 1 for e in emissions)
    assert lines(found, 10) == []


def test_a_json_line_holds_speed_direction_and_magnitude() -> None:
    (line, *_) = lines(device((0.0, 36.0)), 0)
    assert json.loads(line) == {"speed": 10.0, "direction": "inbound", "magnitude": 90.0}
    (line, *_) = lines(device((0.0, -36.0)), 0)
    assert json.loads(line)["direction"] == "outbound"
    assert json.loads(line)["speed"] == 10.0


def test_a_plain_line_is_a_signed_number_positive_when_coming_nearer() -> None:
    for kmh, line in ((128.196, "35.61\r\n"), (-128.196, "-35.61\r\n")):
        found = device((0.0, kmh))
        assert found.receive(b"Oj", T) == []
        assert lines(found, 0) == [line]
        found.receive(b"OJ\n", T)
        assert lines(found, 5)[0].startswith("{")


@pytest.mark.parametrize(
    ("command", "name", "speed"),
    [
        (b"UM", "m-per-sec", 20.0),
        (b"UK", "km-per-hr", 72.0),
        (b"US", "mph", 44.74),
        (b"UF", "ft-per-sec", 65.62),
        (b"UC", "cm-per-sec", 2000.0),
    ],
)
def test_units_are_acknowledged_and_used(command: bytes, name: str, speed: float) -> None:
    found = device((0.0, 72.0))
    (answer,) = found.receive(command, T)
    assert json.loads(answer.data) == {"Units": name}
    assert found.receive(b"U?", T) == [answer]
    (emission, *_) = found.emit(T)
    assert json.loads(emission.data)["speed"] == speed
    ((quantity, kmh),) = emission.readings
    assert quantity == "vehicle_speed"
    assert kmh == pytest.approx(72.0, abs=0.01)


def test_readings_are_what_the_line_says_not_what_the_road_did() -> None:
    (emission, *_) = device((0.0, 33.333)).emit(T)
    assert json.loads(emission.data)["speed"] == 9.26
    assert emission.readings == (("vehicle_speed", 33.336),)


def test_paused_it_is_silent_and_does_not_tell_later_what_it_saw() -> None:
    found = device((0.0, 36.0), (2.0, 36.0))
    found.receive(b"PI", T)
    assert found.emit(T + 1.5) == []
    found.receive(b"PA\r\n", T)
    assert len(found.emit(T + 4)) == REPORTS


def test_questions_are_answered_with_json_lines() -> None:
    for question in (b"??", b"?V"):
        answers = device().receive(question, T)
        assert answers
        assert all(isinstance(json.loads(answer.data), dict) and not answer.readings for answer in answers)


@pytest.mark.parametrize("before", [b"R>5\n", b"R>10\r\n", b"O=3\n", b"S=1\r", b"@|300\n", b"zz", b"U\n"])
def test_a_command_with_a_number_does_not_put_the_next_out_of_step(before: bytes) -> None:
    found = device()
    for byte in before:
        found.receive(bytes([byte]), T)
    assert [json.loads(e.data) for e in found.receive(b"UK", T)] == [{"Units": "km-per-hr"}]


def test_it_is_due_at_its_next_report_or_to_look_at_the_road() -> None:
    found = device((0.1, 36.0))
    assert found.due_s == T
    assert found.emit(T) == []
    assert found.due_s == pytest.approx(T + 0.1)
    for report in range(REPORTS - 1):
        assert len(found.emit(T + 0.11 + report * REPORT_EVERY_S)) == 1
        assert found.due_s == pytest.approx(T + 0.1 + (report + 1) * REPORT_EVERY_S)
    assert len(found.emit(T + 0.8)) == 1
    assert found.due_s == T + 1


def test_a_faulty_radar_measures_what_it_is_told() -> None:
    found = device((0.0, -36.0), measure=lambda at_s, kmh: kmh * 2)
    (line, *_) = lines(found, 0)
    assert json.loads(line) == {"speed": 20.0, "direction": "outbound", "magnitude": 100.0}
