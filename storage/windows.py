"""Arithmetic both stores share: time steps grouped into bounded chunks, the angle of a vector sum. Pure."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple


def group_steps(steps: Iterable[tuple[int, int]], rows_max: int) -> Iterator[tuple[int, int]]:
    """Inclusive (first, last) runs over `steps` of (number, rows), ascending, with up to `rows_max` rows each.

    A step with more rows than that is a run of its own.
    """
    first = last = total = 0
    for number, rows in steps:
        if total and total + rows > rows_max:
            yield first, last
            total = 0
        if not total:
            first = number
        last = number
        total += rows
    if total:
        yield first, last


def mean_direction(east: float, north: float, count: int) -> float | None:
    """As telemetry.aggregates.vector_mean, from the sums of the sines and cosines of `count` directions."""
    if math.hypot(east, north) < 1e-9 * count:
        return None
    return math.degrees(math.atan2(east, north)) % 360


class Increase(NamedTuple):
    """One window of a counter: how many readings, what it rose, the first and the last of them."""

    start_ms: int
    number: int
    rise: float
    opening: float
    closing: float


class IncreaseFold:
    """telemetry.aggregates.increase of one counter in each window, of readings added in time order."""

    def __init__(self, window_ms: int, offset_ms: int) -> None:
        self._window_ms = window_ms
        self._offset_ms = offset_ms
        self._start: int | None = None
        self._before = 0.0
        self._opening = 0.0
        self._total = 0.0
        self._count = 0
        self._finished: list[Increase] = []

    def add(self, observed_at: int, value: float) -> None:
        """The next reading."""
        start = observed_at - (observed_at - self._offset_ms) % self._window_ms
        if start != self._start:
            if self._start is not None:
                self._finished.append(self._window(self._start))
            self._start, self._opening, self._total, self._count = start, value, 0.0, 0
        elif value >= self._before:
            self._total += value - self._before
        else:
            self._total += value
        self._before = value
        self._count += 1

    def windows(self) -> list["Increase"]:
        """Each window so far, ascending."""
        last = [] if self._start is None else [self._window(self._start)]
        return self._finished + last

    def _window(self, start: int) -> "Increase":
        return Increase(start, self._count, self._total, self._opening, self._before)
