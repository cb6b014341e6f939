"""Arithmetic both stores share: time steps grouped into bounded chunks, the angle of a vector sum. Pure."""

import math
from collections.abc import Iterable, Iterator


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


class IncreaseFold:
    """telemetry.aggregates.increase of one counter in each window, of readings added in time order."""

    def __init__(self, window_ms: int, offset_ms: int) -> None:
        self._window_ms = window_ms
        self._offset_ms = offset_ms
        self._start: int | None = None
        self._before = 0.0
        self._total = 0.0
        self._count = 0
        self._finished: list[tuple[int, float, int]] = []

    def add(self, observed_at: int, value: float) -> None:
        """The next reading."""
        start = observed_at - (observed_at - self._offset_ms) % self._window_ms
        if start != self._start:
            if self._start is not None:
                self._finished.append((self._start, self._total, self._count))
            self._start, self._total, self._count = start, 0.0, 0
        elif value >= self._before:
            self._total += value - self._before
        else:
            self._total += value
        self._before = value
        self._count += 1

    def windows(self) -> list[tuple[int, float, int]]:
        """(start_ms, increase, readings) of each window so far, ascending."""
        last = [] if self._start is None else [(self._start, self._total, self._count)]
        return self._finished + last
