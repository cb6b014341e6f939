"""Filling windows: every one is there, and what stands in it is what was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.filling import Fill, Window, fill, join, starts
from storage.store import Bucket

EVERY = range(0, 50, 10)


def windows() -> list[Window]:
    return join(
        {"mean": [Bucket("a", 10, 1.0, 2), Bucket("a", 30, 5.0, 2)], "max": [Bucket("a", 10, 3.0, 2)]}
    )


def test_functions_are_joined_by_sensor_and_window() -> None:
    assert windows() == [
        Window("a", 10, {"mean": 1.0, "max": 3.0}, 2),
        Window("a", 30, {"mean": 5.0, "max": None}, 2),
    ]


@pytest.mark.parametrize(
    ("how", "values"),
    [
        (Fill.NONE, [1.0, 5.0]),
        (Fill.NULL, [None, 1.0, None, 5.0, None]),
        (Fill.ZERO, [0.0, 1.0, 0.0, 5.0, 0.0]),
        (Fill.PREVIOUS, [None, 1.0, 1.0, 5.0, 5.0]),
        (Fill.LINEAR, [None, 1.0, 3.0, 5.0, None]),
    ],
)
def test_what_stands_in_an_empty_window(how: Fill, values: list[float | None]) -> None:
    filled = fill(windows(), ["a"], ["mean", "max"], EVERY, how)
    assert [one.values["mean"] for one in filled] == values
    assert sum(one.count for one in filled) == 4


def test_a_sensor_without_any_window_is_filled_too() -> None:
    filled = fill(windows(), ["a", "b"], ["mean", "max"], EVERY, Fill.NULL)
    assert [one.sensor for one in filled] == ["a"] * 5 + ["b"] * 5


@given(st.integers(0, 10**13), st.integers(1, 10**9), st.integers(1, 10**8), st.integers(0, 10**8))
def test_the_windows_cover_the_range(start: int, length: int, window: int, offset: int) -> None:
    every = starts(start, start + length, window, offset)
    assert every[0] <= start < every[0] + window
    assert every[-1] < start + length <= every[-1] + window
    assert (every[0] - offset) % window == 0
