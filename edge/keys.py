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


NEVER_MS = 2**62


class _Taken(NamedTuple):
    """What stands at an instant, and the instant it was observed at (None: nudged in an earlier life). `past`: the clock has
    gone back since, so that the instant comes again."""

    value: float
    origin: int | None
    past: bool = False


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

    def preload(self, readings: Iterable[Reading], *, past: bool = False) -> None:
        """Remember readings that are journalled already; `past`: the clock has gone back since."""
        for reading in readings:
            if reading.observed_at in self._series.get(reading.series, ()):
                continue
            origin = None if reading.flags & Flag.NUDGED else reading.observed_at
            self._take(reading, reading.observed_at, origin, past=past)

    def went_back(self) -> None:
        """The clock went back: instants come again."""
        for taken in self._series.values():
            for at, there in taken.items():
                taken[at] = there._replace(past=True)

    def unique(self, readings: Iterable[Reading], just_now_ms: int = NEVER_MS) -> list[Reading]:
        """The readings whose identity is now theirs alone, in order. One observed at `just_now_ms` or later is new, whatever
        stood there before the clock went back; an older one may be repeated by a device that dates it."""
        return [kept for reading in readings if (kept := self._place(reading, just_now_ms)) is not None]

    def _place(self, reading: Reading, just_now_ms: int) -> Reading | None:
        taken = self._series.get(reading.series, {})
        at = reading.observed_at
        while (there := taken.get(at)) is not None:
            new = there.past and reading.observed_at >= just_now_ms
            if not new and there.value == reading.value and there.origin in (reading.observed_at, None):
                self.duplicates += 1
                self._on_duplicate(reading)
                return None
            at += 1
        self._take(reading, at, reading.observed_at)
        if at == reading.observed_at:
            return reading
        self.nudged += 1
        return msgspec.structs.replace(reading, observed_at=at, flags=reading.flags | Flag.NUDGED)

    def _take(self, reading: Reading, at: int, origin: int | None, *, past: bool = False) -> None:
        taken = self._series.setdefault(reading.series, {})
        taken[at] = _Taken(reading.value, origin, past)
        if len(taken) > self._remembered:
            del taken[next(iter(taken))]
