"""Faults put into a healthy device: into what it measures, into what it sends, and into its own clock. Pure."""

from collections.abc import Callable, Sequence
from random import Random

from firmware_sim.device import Emission, Measure
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.model import SPIKES
from telemetry.quantities import QUANTITIES

NOISE_BYTES = (3, 40)
GAP_LOST = 0.9  # of what is said
CLOCK_FAST_S = 900.0
# Of a spike's size: at a drift's end, a bias, a noise burst's deviation.
DRIFTED, BIASED, SCATTERED = 0.5, 0.3, 0.4
AGED, WALKED = 0.35, 0.2  # what is lost of a gain, or an offset in a spike's size, when ageing ends
GAINS = ("pm1", "pm25", "pm4", "pm10", "co2", "no2", "so2", "o3", "co", "illuminance", "solar_radiation")
# Twice of what WMO's guideline for automatic stations holds for possible from one minute to the next.
JUMPS = {"temperature": 6.0, "humidity": 30.0, "pressure": 4.0, "wind_speed": 40.0}
_COARSE = {"pm1": 1.0, "pm25": 1.0, "pm4": 1.0, "pm10": 1.0}  # whole numbers in a frame
Change = Callable[[str, float, float, float, Random], float]
"""(quantity, value, the size of a spike, the share of the fault that is over, dice) -> what is said instead."""


def step(quantity: str) -> float:
    """The smallest difference a sensor tells."""
    return _COARSE.get(quantity, 10.0 ** -QUANTITIES[quantity].decimals)


def _out_of_range(quantity: str, value: float, size: float, done: float, rng: Random) -> float:
    possible = QUANTITIES[quantity]
    return possible.high + 0.05 * (possible.high - possible.low) if size else value


def _other_unit(quantity: str, value: float, size: float, done: float, rng: Random) -> float:
    if quantity == "temperature":
        return value * 9 / 5 + 32
    return value * 10 if size else value  # a counter's digits are its own


def _aged(quantity: str, value: float, size: float, done: float, rng: Random) -> float:
    return value * (1 - AGED * done) if quantity in GAINS else value + WALKED * size * done


CHANGES: dict[FaultKind, Change] = {
    FaultKind.SPIKE: lambda quantity, value, size, done, rng: value + size,
    FaultKind.BIAS: lambda quantity, value, size, done, rng: value + BIASED * size,
    FaultKind.DRIFT: lambda quantity, value, size, done, rng: value + DRIFTED * size * done,
    FaultKind.AGEING: _aged,
    FaultKind.NOISE: lambda quantity, value, size, done, rng: value + SCATTERED * size * rng.gauss(0, 1),
    FaultKind.RATE: lambda quantity, value, size, done, rng: (
        value + JUMPS.get(quantity, 0.0) * rng.randrange(2)
    ),
    FaultKind.ZERO: lambda quantity, value, size, done, rng: 0.0 if size else value,
    FaultKind.UNIT: _other_unit,
    FaultKind.RANGE: _out_of_range,
}
# What a sensor can still say.
INSIDE = frozenset({FaultKind.BIAS, FaultKind.DRIFT, FaultKind.AGEING, FaultKind.NOISE, FaultKind.RATE})


class Injector:
    """The faults of one sensor; `start_s` is when the simulation began, in seconds since 1970."""

    def __init__(self, sensor: str, faults: Sequence[Fault], *, start_s: float, rng: Random) -> None:
        self._faults = [fault for fault in faults if fault.sensor in (None, sensor)]
        self._sensor, self._start, self._rng = sensor, start_s, rng
        self._held: dict[str, float] = {}
        self._announced: set[Fault] = set()
        self._noisy_since_s: float | None = None

    def active(self, kind: FaultKind, at_s: float, quantity: str | None = None) -> bool:
        """Whether a fault of this kind is on now; with `quantity`: one that concerns it."""
        return self._fault(kind, at_s, quantity) is not None

    def clock_s(self, at_s: float) -> float:
        """What the device's own clock says."""
        return at_s + (CLOCK_FAST_S if self.active(FaultKind.CLOCK, at_s) else 0.0)

    def _fault(self, kind: FaultKind, at_s: float, quantity: str | None = None) -> Fault | None:
        for fault in self._faults:
            concerns = quantity is None or fault.quantity in (None, quantity)
            if fault.kind is kind and concerns and fault.active(self._sensor, at_s - self._start):
                return fault
        return None

    def begun(self, at_s: float) -> list[tuple[Fault, float, float]]:
        """Faults that have begun since the last call, with their start and end in seconds since 1970."""
        new = [f for f in self._faults if f not in self._announced and self._start + f.start_s <= at_s]
        self._announced.update(new)
        return [(f, self._start + f.start_s, self._start + f.start_s + f.duration_s) for f in new]

    def first_clean(self, at_s: float) -> float | None:
        """Called for what is sent at `at_s`: when the noise began that lies right before it on the wire. Told once."""
        if self._noisy_since_s is None or self.active(FaultKind.GARBAGE, at_s):
            return None
        since_s, self._noisy_since_s = self._noisy_since_s, None
        return since_s

    def wrap(self, measure: Measure) -> Measure:
        """The same measurements with what is wrong in them."""

        def measured(quantity: str, at_s: float) -> float:
            held = self._stuck(measure, quantity, at_s)
            if held is not None:
                return held
            value, size = measure(quantity, at_s), SPIKES.get(quantity, 0.0)
            for kind, change in CHANGES.items():
                fault = self._fault(kind, at_s, quantity)
                if fault is not None:
                    done = (at_s - self._start - fault.start_s) / fault.duration_s
                    value = change(quantity, value, size, done, self._rng)
                    if kind in INSIDE:
                        value = min(max(value, QUANTITIES[quantity].low), QUANTITIES[quantity].high)
            return value

        return measured

    def _stuck(self, measure: Measure, quantity: str, at_s: float) -> float | None:
        jitter = self.active(FaultKind.JITTER, at_s, quantity)
        if not jitter and not self.active(FaultKind.STUCK, at_s, quantity):
            self._held.pop(quantity, None)
            return None
        held = self._held.setdefault(quantity, measure(quantity, at_s))
        return held + step(quantity) * self._rng.randrange(2) if jitter else held

    def spoil(self, emissions: Sequence[Emission], at_s: float) -> list[Emission]:
        """The emissions as they leave a faulty device; a frame with a flipped bit carries no readings.

        Binary frames have checksums. Text has none, so any bit but the eighth might only make it another number, which
        nobody can tell from a good one: of text the eighth bit is flipped.
        """
        if self.active(FaultKind.SILENCE, at_s):
            return []
        if self.active(FaultKind.GAP, at_s):
            return [emission for emission in emissions if self._rng.random() >= GAP_LOST]
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
