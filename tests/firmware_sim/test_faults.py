"""Faults as people write them, and when they are on."""

import math

import pytest

from firmware_sim.faults import DEFAULT_DURATION_S, Fault, FaultKind, check_sensors, parse_fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("spike@10", Fault(None, FaultKind.SPIKE, 10.0, 3.0)),
        ("stuck@0", Fault(None, FaultKind.STUCK, 0.0, 120.0)),
        ("silence@5.5+20", Fault(None, FaultKind.SILENCE, 5.5, 20.0)),
        ("bai-chay-pm-1:garbage@1+0.5", Fault("bai-chay-pm-1", FaultKind.GARBAGE, 1.0, 0.5)),
        ("bai-chay-pm-1/pm25:bias@1+60", Fault("bai-chay-pm-1", FaultKind.BIAS, 1.0, 60.0, "pm25")),
    ],
)
def test_good_ones(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


def test_every_kind_has_a_duration() -> None:
    assert DEFAULT_DURATION_S.keys() == set(FaultKind)


@pytest.mark.parametrize(
    "text",
    [
        "", "spike", "@5", "spike@", "spike@x", "spikes@5", "spike@-1", "spike@5+", "spike@5+0", "spike@5+-1", "spike@nan",
        "spike@inf", "spike@1+nan", "spike@1+inf", "pm:5@spike", "SPIKE@5",
    ],
)  # fmt: skip
def test_others_are_one_line_that_shows_how(text: str) -> None:
    with pytest.raises(ValueError, match="must look like spike@10") as caught:
        parse_fault(text)
    assert "\n" not in str(caught.value)
    assert repr(text) in str(caught.value)


def test_a_fault_is_on_from_its_start_to_before_its_end_for_its_sensor() -> None:
    fault = Fault("pm-1", FaultKind.SPIKE, 10.0, 3.0)
    assert [fault.active("pm-1", at) for at in (9.999, 10.0, 12.999, 13.0)] == [False, True, True, False]
    assert not fault.active("pm-2", 11.0)
    assert Fault(None, FaultKind.SPIKE, 10.0, 3.0).active("pm-2", 11.0)


def test_a_fault_of_a_sensor_that_is_not_there_is_told() -> None:
    check_sensors([parse_fault("spike@1"), parse_fault("pm-1:spike@1")], ["pm-1", "pm-2"])
    with pytest.raises(ValueError, match=r"no sensor 'pm-1x' for the fault spike, did you mean 'pm-1'\?"):
        check_sensors([parse_fault("pm-1x:spike@1")], ["pm-1", "radar"])
    with pytest.raises(ValueError, match="known: pm-1"):
        check_sensors([parse_fault(":stuck@1")], ["pm-1"])


def test_time_has_no_end() -> None:
    assert not Fault(None, FaultKind.SPIKE, 0.0, 1.0).active("a", math.inf)
