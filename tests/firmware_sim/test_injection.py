"""Faults do what they say, to their sensor, in their time, and the record of readings stays true."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.device import Emission
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.injection import AGED, NOISE_BYTES, WALKED, Injector
from firmware_sim.model import SPIKES

START = 1_700_000_000.0
FRAME = Emission(bytes.fromhex("ff86027c42000000ba"), (("co2", 636.0),))
LINE = Emission(b'{"speed":10.0}\r\n', (("vehicle_speed", 36.0),))


def injector(kind: FaultKind, *, seed: int = 1, start_s: float = 10.0, duration_s: float = 5.0) -> Injector:
    return Injector("pm-1", [Fault("pm-1", kind, start_s, duration_s)], start_s=START, rng=Random(seed))


def rising(quantity: str, at_s: float) -> float:
    return at_s - START


@pytest.mark.parametrize("kind", FaultKind)
def test_before_after_and_on_other_sensors_nothing_happens(kind: FaultKind) -> None:
    other = Injector("pm-2", [Fault("pm-1", kind, 10.0, 5.0)], start_s=START, rng=Random(1))
    for faulty, at in ((injector(kind), 9.9), (injector(kind), 15.0), (other, 12.0)):
        assert faulty.wrap(rising)("pm25", START + at) == pytest.approx(at)
        assert faulty.spoil([FRAME], START + at) == [FRAME]
        assert not faulty.active(kind, START + at)


def test_a_spike_is_far_off_and_over_when_it_is_over() -> None:
    measure = injector(FaultKind.SPIKE).wrap(lambda quantity, at_s: 20.0)
    assert [measure("pm25", START + at) for at in (9.0, 12.0, 16.0)] == [20.0, 20.0 + SPIKES["pm25"], 20.0]
    assert measure("rain", START + 12.0) == 20.0  # no counter jumps


def test_stuck_holds_each_quantity_at_its_first_value_and_lets_go() -> None:
    measure = injector(FaultKind.STUCK).wrap(rising)
    assert [measure("pm25", START + at) for at in (10.0, 12.0, 14.9)] == [10.0] * 3
    assert measure("pm10", START + 13.0) == pytest.approx(13.0)
    assert measure("pm10", START + 14.0) == pytest.approx(13.0)
    assert measure("pm25", START + 15.5) == pytest.approx(15.5)


def test_a_second_time_stuck_is_stuck_at_a_new_value() -> None:
    faults = [Fault(None, FaultKind.STUCK, 1.0, 1.0), Fault(None, FaultKind.STUCK, 5.0, 1.0)]
    measure = Injector("a", faults, start_s=START, rng=Random(1)).wrap(rising)
    assert [measure("pm25", START + at) for at in (1.5, 1.9, 3.0, 5.5, 5.9)] == pytest.approx(
        [1.5, 1.5, 3.0, 5.5, 5.5]
    )


def test_silence_swallows_everything() -> None:
    assert injector(FaultKind.SILENCE).spoil([FRAME, LINE], START + 12) == []


@given(seed=st.integers(0, 2**32), emission=st.sampled_from([FRAME, LINE]))
def test_garbage_is_noise_before_each_frame_and_a_spoiled_frame_carries_nothing(
    seed: int, emission: Emission
) -> None:
    noise, sent = injector(FaultKind.GARBAGE, seed=seed).spoil([emission], START + 12)
    assert NOISE_BYTES[0] <= len(noise.data) <= NOISE_BYTES[1]
    assert noise.readings == ()
    changed = [a ^ b for a, b in zip(sent.data, emission.data, strict=True) if a != b]
    if changed:
        assert sum(mask.bit_count() for mask in changed) == 1
        assert sent.readings == ()
    else:
        assert sent == emission


@given(seed=st.integers(0, 2**32))
def test_a_spoiled_line_is_no_text_any_more(seed: int) -> None:
    """Text has no checksum: a flip that leaves it text would be a wrong value that nobody could tell."""
    _, sent = injector(FaultKind.GARBAGE, seed=seed).spoil([LINE], START + 12)
    assert sent == LINE or not sent.data.isascii()


def test_garbage_spoils_about_half() -> None:
    faulty = injector(FaultKind.GARBAGE)
    whole = sum(faulty.spoil([FRAME], START + 12)[1] == FRAME for _ in range(200))
    assert 60 < whole < 140


def test_a_fault_is_announced_once_with_its_times() -> None:
    faulty = injector(FaultKind.SPIKE)
    assert faulty.begun(START + 9.9) == []
    assert [(fault.kind, *span) for fault, *span in faulty.begun(START + 10.0)] == [
        (FaultKind.SPIKE, START + 10.0, START + 15.0)
    ]
    assert faulty.begun(START + 11.0) == []


def test_a_short_fault_that_passed_between_two_looks_is_announced_too() -> None:
    assert [span for _, *span in injector(FaultKind.SPIKE).begun(START + 99.0)] == [
        [START + 10.0, START + 15.0]
    ]


def test_the_first_clean_bytes_after_noise_are_told_once_however_late_they_come() -> None:
    faulty = injector(FaultKind.GARBAGE)
    assert faulty.first_clean(START + 5) is None
    faulty.spoil([LINE], START + 12)
    faulty.spoil([LINE], START + 13)
    assert faulty.first_clean(START + 14) is None
    assert faulty.first_clean(START + 400) == START + 12
    assert faulty.first_clean(START + 401) is None


def test_a_fault_of_one_quantity_leaves_the_others_alone() -> None:
    fault = Fault("pm-1", FaultKind.ZERO, 10.0, 5.0, "pm25")
    measure = Injector("pm-1", [fault], start_s=START, rng=Random(1)).wrap(lambda quantity, at_s: 20.0)
    assert [measure(quantity, START + 12) for quantity in ("pm25", "pm10")] == [0.0, 20.0]


@pytest.mark.parametrize(
    ("kind", "quantity", "first", "last"),
    [
        (FaultKind.BIAS, "temperature", 25.4, 25.4),
        (FaultKind.DRIFT, "temperature", 20.0, 29.0),
        (FaultKind.UNIT, "temperature", 68.0, 68.0),
        (FaultKind.UNIT, "pm25", 200.0, 200.0),
        (FaultKind.UNIT, "rain", 20.0, 20.0),
        (FaultKind.RANGE, "humidity", 105.0, 105.0),
        (FaultKind.BIAS, "humidity", 8.0, 8.0),
    ],
)
def test_what_is_said_instead(kind: FaultKind, quantity: str, first: float, last: float) -> None:
    measure = injector(kind).wrap(lambda quantity, at_s: 20.0)
    assert measure(quantity, START + 10) == pytest.approx(first)
    assert measure(quantity, START + 14.999) == pytest.approx(last, abs=0.01)


def test_a_stuck_sensor_may_jitter_by_its_last_digit_and_no_more() -> None:
    measure = injector(FaultKind.JITTER).wrap(rising)
    values = {measure("temperature", START + 10 + moment / 10) for moment in range(50)}
    assert values == {10.0, 10.1}


def test_noise_stays_inside_what_a_sensor_can_say() -> None:
    measure = injector(FaultKind.NOISE).wrap(lambda quantity, at_s: 20.0)
    values = [measure("pm25", START + 10 + moment / 50) for moment in range(250)]
    assert min(values) == 0.0
    assert 60 < max(values) <= 1000


def test_a_gap_loses_most_of_what_is_said() -> None:
    faulty = injector(FaultKind.GAP)
    sent = [bool(faulty.spoil([FRAME], START + 10 + moment / 50)) for moment in range(250)]
    assert 5 < sum(sent) < 60


def test_a_clock_is_fast_while_the_fault_lasts() -> None:
    faulty = injector(FaultKind.CLOCK)
    assert [faulty.clock_s(START + at) - START for at in (9.0, 12.0, 15.0)] == [9.0, 912.0, 15.0]


def test_ageing_takes_from_a_gain_or_adds_to_an_offset_bit_by_bit() -> None:
    measure = injector(FaultKind.AGEING, duration_s=100.0).wrap(lambda quantity, at_s: 40.0)
    for done in (0.0, 0.5, 0.9):
        at = START + 10 + 100 * done
        assert measure("pm25", at) == pytest.approx(40 * (1 - AGED * done))
        assert measure("temperature", at) == pytest.approx(40 + WALKED * SPIKES["temperature"] * done)
    assert measure("pm25", START + 111) == 40.0  # somebody has calibrated it
