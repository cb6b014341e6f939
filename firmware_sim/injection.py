"""Faults put into a healthy device: into what it measures (spike, stuck) and into what it sends (silence, garbage). Pure."""

from collections.abc import Sequence
from random import Random

from firmware_sim.device import Emission, Measure
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.model import SPIKES

NOISE_BYTES = (3, 40)


class Injector:
    """The faults of one sensor; `start_s` is when the simulation began, in seconds since 1970."""

    def __init__(self, sensor: str, faults: Sequence[Fault], *, start_s: float, rng: Random) -> None:
        self._faults = [fault for fault in faults if fault.sensor in (None, sensor)]
        self._sensor, self._start, self._rng = sensor, start_s, rng
        self._held: dict[str, float] = {}
        self._announced: set[Fault] = set()
        self._noisy_since_s: float | None = None

    def active(self, kind: FaultKind, at_s: float) -> bool:
        """Whether a fault of this kind is on now."""
        return any(
            fault.kind is kind and fault.active(self._sensor, at_s - self._start) for fault in self._faults
        )

    def begun(self, at_s: float) -> list[tuple[FaultKind, float, float]]:
        """Faults that have begun since the last call: kind, start and end in seconds since 1970."""
        new = [f for f in self._faults if f not in self._announced and self._start + f.start_s <= at_s]
        self._announced.update(new)
        return [(f.kind, self._start + f.start_s, self._start + f.start_s + f.duration_s) for f in new]

    def first_clean(self, at_s: float) -> float | None:
        """Called for what is sent at `at_s`: when the noise began that lies right before it on the wire. Told once."""
        if self._noisy_since_s is None or self.active(FaultKind.GARBAGE, at_s):
            return None
        since_s, self._noisy_since_s = self._noisy_since_s, None
        return since_s

    def wrap(self, measure: Measure) -> Measure:
        """The same measurements with spikes in them, or stuck."""

        def measured(quantity: str, at_s: float) -> float:
            if self.active(FaultKind.STUCK, at_s):
                return self._held.setdefault(quantity, measure(quantity, at_s))
            self._held.pop(quantity, None)
            spike = SPIKES.get(quantity, 0.0) if self.active(FaultKind.SPIKE, at_s) else 0.0
            return measure(quantity, at_s) + spike

        return measured

    def spoil(self, emissions: Sequence[Emission], at_s: float) -> list[Emission]:
        """The emissions as they leave a faulty device; a frame with a flipped bit carries no readings.

        Binary frames have checksums. Text has none, so any bit but the eighth might only make it another number, which
        nobody can tell from a good one: of text the eighth bit is flipped.
        """
        if self.active(FaultKind.SILENCE, at_s):
            return []
        if not self.active(FaultKind.GARBAGE, at_s):
            return list(emissions)
        if emissions and self._noisy_since_s is None:
            self._noisy_since_s = at_s
        spoiled = []
        for emission in emissions:
            spoiled.append(Emission(self._rng.randbytes(self._rng.randint(*NOISE_BYTES))))
            flip = self._rng.random() < 0.5
            spoiled.append(Emission(_flipped(emission.data, self._rng)) if flip else emission)
        return spoiled


def _flipped(data: bytes, rng: Random) -> bytes:
    broken = bytearray(data)
    broken[rng.randrange(len(broken))] ^= 0x80 if data.isascii() else 1 << rng.randrange(8)
    return bytes(broken)
