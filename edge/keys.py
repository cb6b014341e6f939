"""Making the identity of a reading unique before it is journalled. Pure.

In every store (sensor, quantity, observed_at) is one reading. So the same value again at the same instant is a duplicate,
dropped and counted; another value at the same instant moves to the next free millisecond and says so with Flag.NUDGED.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from telemetry.reading import Flag, Reading

REMEMBERED = (
    512  # instants of one series; an older one that comes again is new to us, and ingest's stores know it
)


class _Taken(NamedTuple):
    """What stands at an instant, and the instant it was observed at (None: nudged in an earlier life)."""

    value: float
    origin: int | None


class Keys:
    """The instants taken so far, at most `remembered` of a series, the longest known forgotten first.

    `on_duplicate` hears of each reading that is dropped.
    """

    def __init__(
        self, remembered: int = REMEMBERED, *, on_duplicate: Callable[[Reading], None] = lambda reading: None
    ) -> None:
        self._remembered, self._on_duplicate = remembered, on_duplicate
        self._series: dict[tuple[str, str], dict[int, _Taken]] = {}
        self.duplicates = 0
        self.nudged = 0

    def preload(self, readings: Iterable[Reading]) -> None:
        """Remember readings that are journalled already."""
        for reading in readings:
            origin = None if reading.flags & Flag.NUDGED else reading.observed_at
            self._take(reading, reading.observed_at, origin)

    def unique(self, readings: Iterable[Reading]) -> list[Reading]:
        """The readings whose identity is now theirs alone, in order."""
        return [kept for reading in readings if (kept := self._place(reading)) is not None]

    def _place(self, reading: Reading) -> Reading | None:
        taken = self._series.get(reading.series, {})
        at = reading.observed_at
        while (there := taken.get(at)) is not None:
            if there.value == reading.value and there.origin in (reading.observed_at, None):
                self.duplicates += 1
                self._on_duplicate(reading)
                return None
            at += 1
        self._take(reading, at, reading.observed_at)
        if at == reading.observed_at:
            return reading
        self.nudged += 1
        return msgspec.structs.replace(reading, observed_at=at, flags=reading.flags | Flag.NUDGED)

    def _take(self, reading: Reading, at: int, origin: int | None) -> None:
        taken = self._series.setdefault(reading.series, {})
        taken[at] = _Taken(reading.value, origin)
        if len(taken) > self._remembered:
            del taken[next(iter(taken))]
