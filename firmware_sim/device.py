"""What a simulated device is. Pure: it is told the time and what it measures, and answers with bytes."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

Measure = Callable[[str, float], float]
"""(quantity, seconds since 1970) -> value in the canonical unit."""


class Emission(NamedTuple):
    """Bytes a device sends, and the readings they carry: exactly what can be decoded, in canonical units."""

    data: bytes
    readings: tuple[tuple[str, float], ...] = ()


def next_due(due_s: float, period_s: float, now_s: float) -> float:
    """When a free-running device speaks next: a period later, and what a stalled host has missed is not made up for."""
    return due_s + period_s if due_s + period_s > now_s else now_s + period_s


class Device(Protocol):
    """One device on a wire. `due_s` is when `emit` next has something to say (infinite: only when asked)."""

    due_s: float

    def emit(self, now_s: float) -> list[Emission]:
        """What it sends by itself now."""
        ...

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """What it answers to these bytes from the host."""
        ...
