"""The bounded place between ports and journal: readings wait here for a group commit.

Full policy: whoever brings more waits (a port leaves its bytes in the line, a source its messages in the client), and
every wait is counted.
"""

import asyncio
from collections.abc import Sequence

from telemetry.reading import Reading

CAPACITY = 10_000
GROUP_MAX = 5_000


class Intake:
    """Many bring readings, one takes them in groups."""

    def __init__(self, capacity: int = CAPACITY, group_max: int = GROUP_MAX) -> None:
        self._capacity, self._group_max = capacity, group_max
        self._readings: list[Reading] = []
        self._some, self._enough, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._closed = False
        self.waits = 0

    def __len__(self) -> int:
        return len(self._readings)

    async def put(self, readings: Sequence[Reading]) -> None:
        """Hand over; waits while there is no room. Cancelled meanwhile, nothing is taken."""
        if not readings:
            return
        if not self._fits(readings):
            self.waits += 1
        while not self._fits(readings):
            self._room.clear()
            await self._room.wait()
        self._take(readings)

    async def put_surely(self, readings: Sequence[Reading]) -> None:
        """The same for who cannot ask for them again: cancelled meanwhile, they are taken all the same, once a reader."""
        try:
            await self.put(readings)
        except asyncio.CancelledError:
            self._take(readings)
            raise

    def has_room(self) -> bool:
        """May one more reader put something now?"""
        return len(self._readings) < self._capacity

    def put_now(self, readings: Sequence[Reading]) -> None:
        """Hand over without waiting, when there is room: beyond the capacity by one chunk's readings at most."""
        if readings:
            self._take(readings)

    def _take(self, readings: Sequence[Reading]) -> None:
        self._readings.extend(readings)
        self._some.set()
        if len(self._readings) >= self._group_max:
            self._enough.set()

    async def group(self, within_s: float) -> list[Reading]:
        """Everything that arrives within `within_s` of the first reading, GROUP_MAX at most; [] when closed and empty."""
        await self._some.wait()
        try:
            async with asyncio.timeout(within_s):
                await self._enough.wait()
        except TimeoutError:
            pass  # the common case: the time is over before the group is full
        taken, self._readings = self._readings[: self._group_max], self._readings[self._group_max :]
        if not self._closed:
            if not self._readings:
                self._some.clear()
            if len(self._readings) < self._group_max:
                self._enough.clear()
        self._room.set()
        return taken

    def close(self) -> None:
        """Nobody brings more: `group` gives what is left at once."""
        self._closed = True
        self._some.set()
        self._enough.set()

    def _fits(self, readings: Sequence[Reading]) -> bool:
        return not self._readings or len(self._readings) + len(readings) <= self._capacity
