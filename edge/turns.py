"""Whose turn it is on a bus that several polled devices share. Pure: times come in, turns go out."""

from collections.abc import Sequence

MAX_SKIPPED = 8  # a dead device is still asked every ninth period


class Turns:
    """Each device is due every `period` seconds from `now` on; one that does not answer skips 1, 2, 4 … 8 turns."""

    def __init__(self, periods: Sequence[float], now: float) -> None:
        self._periods = periods
        self._due = [now] * len(periods)
        self._missed = [0] * len(periods)

    def next(self) -> tuple[int, float]:
        """The index of the device that is due first, and when."""
        index = min(range(len(self._due)), key=self._due.__getitem__)
        return index, self._due[index]

    def done(self, index: int, now: float, *, answered: bool) -> bool:
        """The device had its turn; True when this changes whether it is there."""
        changed = answered is (self._missed[index] > 0)
        self._missed[index] = 0 if answered else self._missed[index] + 1
        skipped = 0 if answered else min(2 ** (self._missed[index] - 1), MAX_SKIPPED)
        period = self._periods[index]
        # Turns that passed meanwhile are not made up for.
        late = max(0, int((now - self._due[index]) // period))
        self._due[index] += period * (1 + max(skipped, late))
        return changed
