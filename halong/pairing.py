"""Which of the readings seen are those that were sent: two series of a sensor paired in time order. Pure."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from halong.chain import Pairs, Possible, heaviest_chain

Key = tuple[str, str]  # (sensor, quantity)
PAIR = 20_000  # what a pair is worth, less its milliseconds apart, ...
FAR_MS = 19_000
UNEXCUSED = 1_000_000_000  # ... and when nothing else explains that it was missed


class Sequences:
    """Readings by series, compact: 16 bytes a reading."""

    def __init__(self) -> None:
        self._times: dict[Key, array[int]] = {}
        self._values: dict[Key, array[float]] = {}

    def add(self, sensor: str, quantity: str, time_ms: int, value: float) -> None:
        """One more reading, in any order."""
        key = sensor, quantity
        if key not in self._times:
            self._times[key], self._values[key] = array("q"), array("d")
        self._times[key].append(time_ms)
        self._values[key].append(value)

    @property
    def series(self) -> Iterable[Key]:
        """The series it holds."""
        return self._times.keys()

    def __len__(self) -> int:
        return sum(len(times) for times in self._times.values())

    def first_from(self, sensor: str, start_ms: int, default_ms: int) -> int:
        """Time of the sensor's first reading at or after `start_ms`; `default_ms` when there is none."""
        times = [
            min((t for t in times if t >= start_ms), default=default_ms)
            for key, times in self._times.items()
            if key[0] == sensor
        ]
        return min(times, default=default_ms)

    def get(self, key: Key) -> "Series":
        """Times and values of one series, by time; empty when it is unknown."""
        times = np.frombuffer(self._times.get(key) or array("q"), dtype=np.int64)
        values = np.frombuffer(self._values.get(key) or array("d"), dtype=np.float64)
        order = np.argsort(times, kind="stable")
        return times[order], values[order]


Series = tuple[NDArray[np.int64], NDArray[np.float64]]  # times in ms, ascending, and values


class Window(NamedTuple):
    """A stated time in which readings of a sensor (None: of every sensor) may be missed, and why."""

    sensor: str | None
    start_ms: int
    end_ms: int
    cause: str


class Match(NamedTuple):
    """Emitted against accepted, one series. Indexes into the time-ordered arrays."""

    pairs: Pairs
    missed: list[int]
    foreign: list[int]  # accepted, and no device says it sent it


def match(
    emitted: Series,
    accepted: Series,
    tolerance_ms: int,
    *,
    held: Sequence[Window] = (),
    windows: Sequence[Window] = (),
) -> Match:
    """Pair two time-ordered series in order: same value, and no further apart than the tolerance.

    What was sent in a `held` window may be seen up to the tolerance after its end. Of all ways to pair them the one is
    taken that leaves the fewest over which no window excuses, then the fewest of all, then the closest.
    """
    excused = {i for window in windows for i in _inside(emitted[0], window)}
    until = {i: w.end_ms + tolerance_ms for w in sorted(held, key=_end) for i in _inside(emitted[0], w)}
    possible = [
        Possible(i, j, PAIR - min(apart, FAR_MS) + (0 if i in excused else UNEXCUSED))
        for i, j, apart in _candidates(emitted, accepted, tolerance_ms, until)
    ]
    pairs = heaviest_chain(possible, len(accepted[0]))
    paired_left, paired_right = {i for i, _ in pairs}, {j for _, j in pairs}
    return Match(
        pairs,
        [i for i in range(len(emitted[0])) if i not in paired_left],
        [j for j in range(len(accepted[0])) if j not in paired_right],
    )


def _end(window: Window) -> int:
    return window.end_ms


def _inside(times: NDArray[np.int64], window: Window) -> range:
    """Indexes of the times in a window, both ends included."""
    return range(*np.searchsorted(times, (window.start_ms, window.end_ms + 1)).tolist())


def _candidates(
    emitted: Series, accepted: Series, tolerance_ms: int, until: Mapping[int, int]
) -> Iterator[tuple[int, int, int]]:
    """(index sent, index seen, ms apart) of everything that may be the same reading, by the first index."""
    sent, seen_at, seen = emitted[1].tolist(), accepted[0].tolist(), accepted[1].tolist()
    first = np.searchsorted(accepted[0], emitted[0] - tolerance_ms).tolist()
    for i, at in enumerate(emitted[0].tolist()):
        latest = max(at + tolerance_ms, until.get(i, 0))
        for j in range(first[i], len(seen)):
            if seen_at[j] > latest:
                break
            if same(sent[i], seen[j]):
                yield i, j, abs(seen_at[j] - at)


def same(one: float, other: float) -> bool:
    """Whether two values are one, written twice."""
    return abs(one - other) <= 1e-6 * max(1.0, abs(one))
