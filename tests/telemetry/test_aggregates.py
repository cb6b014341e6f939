"""What a mean is: known values, and the laws a mean has to keep."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.aggregates import aggregate, energy_mean, increase, vector_mean
from telemetry.quantities import Aggregate

LEVELS = st.lists(st.floats(20, 140), min_size=1, max_size=50)
ANGLES = st.lists(st.floats(0, 360, exclude_max=True), min_size=1, max_size=50)


def apart(one: float, other: float) -> float:
    """Degrees between two directions."""
    return abs((one - other + 180) % 360 - 180)


@pytest.mark.parametrize("function", Aggregate)
def test_no_values_have_no_figure(function: Aggregate) -> None:
    assert aggregate(function, []) is None


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (Aggregate.MEAN, [1.0, 2.0, 6.0], 3.0),
        (Aggregate.MEAN, [0.1] * 10, 0.1),
        (Aggregate.SUM, [0.1] * 10, 1.0),
        (Aggregate.MIN, [3.0, -1.0, 2.0], -1.0),
        (Aggregate.MAX, [3.0, -1.0, 2.0], 3.0),
        (Aggregate.COUNT, [5.0, 5.0], 2),
        (Aggregate.FIRST, [3.0, 1.0, 2.0], 3.0),
        (Aggregate.LAST, [3.0, 1.0, 2.0], 2.0),
    ],
)
def test_the_simple_ones(function: Aggregate, values: list[float], expected: float) -> None:
    assert aggregate(function, values) == expected


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([60.0, 60.0], 60.0),
        ([60.0, 70.0], 67.404),  # 10·log10((10^6 + 10^7) / 2)
        ([90.0] + [40.0] * 9, 80.0),  # a tenth of the time at 90 dB
    ],
)
def test_levels_are_averaged_by_energy(levels: list[float], expected: float) -> None:
    assert energy_mean(levels) == pytest.approx(expected, abs=1e-3)


@given(levels=LEVELS)
def test_an_energy_mean_lies_between_the_mean_and_the_loudest(levels: list[float]) -> None:
    assert math.fsum(levels) / len(levels) - 1e-9 <= energy_mean(levels) <= max(levels) + 1e-9


@pytest.mark.parametrize(
    ("angles", "expected"),
    [
        ([350.0, 10.0], 0.0),
        ([10.0, 350.0], 0.0),
        ([359.0], 359.0),
        ([0.0, 90.0], 45.0),
        ([180.0, 270.0], 225.0),
        ([90.0, 90.0, 0.0], 63.435),  # atan2(2, 1)
        ([360.0], 0.0),
    ],
)
def test_directions_are_averaged_as_vectors(angles: list[float], expected: float) -> None:
    mean = vector_mean(angles)
    assert mean is not None
    assert apart(mean, expected) < 1e-3
    assert 0 <= mean < 360


@pytest.mark.parametrize("angles", [[0.0, 180.0], [90.0, 270.0], [0.0, 120.0, 240.0]])
def test_directions_that_cancel_out_have_no_mean(angles: list[float]) -> None:
    assert vector_mean(angles) is None


@given(angles=ANGLES, turn=st.floats(0, 360))
def test_turning_every_vane_turns_the_mean(angles: list[float], turn: float) -> None:
    mean, turned = vector_mean(angles), vector_mean([(angle + turn) % 360 for angle in angles])
    east = math.fsum(math.sin(math.radians(angle)) for angle in angles)
    north = math.fsum(math.cos(math.radians(angle)) for angle in angles)
    if math.hypot(east, north) > 1e-3 * len(angles):  # else the mean means little
        assert mean is not None
        assert turned is not None
        assert apart(turned, mean + turn) < 1e-6
        assert 0 <= mean < 360


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], 0.0),
        ([5.0, 5.0], 0.0),
        ([5.0, 8.0, 10.0], 5.0),
        ([8.0, 10.0, 2.0, 3.0], 5.0),  # reset to 0: 2 + 2 + 1
        ([8.0, 0.0, 4.0], 4.0),
        ([3.0, 2.0, 1.0], 3.0),
    ],
)
def test_a_counters_increase_survives_resets(values: list[float], expected: float) -> None:
    assert increase(values) == expected


@given(steps=st.lists(st.integers(0, 1000), min_size=1), resets=st.sets(st.integers(1, 50)))
def test_the_increase_is_what_was_counted(steps: Sequence[int], resets: set[int]) -> None:
    """A counter that is set to 0 just before some of its steps; a reset shows when the step is smaller than what stood."""
    shown, counter, counted = [500.0], 500.0, 0.0
    for index, step in enumerate(steps, 1):
        if index in resets and step < counter:
            counter = 0.0
        counter += step
        counted += step
        shown.append(counter)
    assert increase(shown) == counted
