"""Chunks stay bounded and whole; the streaming increase equals the reference."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.windows import IncreaseFold, group_steps, mean_direction
from telemetry import aggregates
from tests.thorough import examples


@examples(80)
@given(st.dictionaries(st.integers(0, 100), st.integers(1, 50), max_size=30), st.integers(1, 60))
def test_runs_are_bounded_ascending_and_hold_every_step(steps: dict[int, int], rows_max: int) -> None:
    runs = list(group_steps(sorted(steps.items()), rows_max))
    held = [number for first, last in runs for number in sorted(steps) if first <= number <= last]
    assert held == sorted(steps)
    for first, last in runs:
        rows = sum(steps.get(number, 0) for number in range(first, last + 1))
        assert rows <= rows_max or first == last


def test_no_step_no_run() -> None:
    assert list(group_steps([], 5)) == []


@examples(80)
@given(
    st.dictionaries(st.integers(0, 500), st.integers(0, 40).map(float), max_size=40),
    st.integers(1, 120),
    st.integers(-200, 200),
)
def test_the_streaming_increase_equals_the_reference(
    values: dict[int, float], window_ms: int, offset_ms: int
) -> None:
    fold = IncreaseFold(window_ms, offset_ms)
    rows = sorted(values.items())
    for at, value in rows:
        fold.add(at, value)
    wanted = []
    for start, inside in groupby(rows, key=lambda row: row[0] - (row[0] - offset_ms) % window_ms):
        numbers = [value for _, value in inside]
        wanted.append((start, len(numbers), aggregates.increase(numbers), numbers[0], numbers[-1]))
    assert fold.windows() == wanted


@pytest.mark.parametrize(("east", "north", "wanted"), [(0, 1, 0), (1, 0, 90), (0, -1, 180), (-1, 0, 270)])
def test_directions(east: float, north: float, wanted: float) -> None:
    assert mean_direction(east, north, 1) == pytest.approx(wanted)


def test_directions_that_cancel_out() -> None:
    assert mean_direction(1e-12, 0, 1) is None
