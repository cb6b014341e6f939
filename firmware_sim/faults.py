"""Faults on request: what goes wrong, with which sensor, when. Pure."""

import math
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import NamedTuple

from telemetry.names import did_you_mean
from telemetry.quantities import QUANTITIES

DEFAULT_DURATION_S = {
    "spike": 3.0, "stuck": 120.0, "jitter": 120.0, "range": 30.0, "rate": 60.0, "noise": 120.0, "drift": 1800.0,
    "ageing": 1_209_600.0,
    "bias": 600.0, "zero": 120.0, "unit": 120.0, "silence": 30.0, "gap": 120.0, "garbage": 3.0, "clock": 60.0,
}  # fmt: skip


class FaultKind(StrEnum):
    """What can go wrong with a device: first with what it measures, from `silence` on with what it says."""

    SPIKE = "spike"  # values far from what they should be
    STUCK = "stuck"  # the same values again and again
    JITTER = "jitter"  # the same values but for the last digit
    RANGE = "range"  # values that cannot be
    RATE = "rate"  # jumps that nothing in the street makes
    NOISE = "noise"  # values that scatter widely
    DRIFT = "drift"  # values that move away slowly
    AGEING = "ageing"  # a gain or an offset that walks off over weeks
    BIAS = "bias"  # values that are off by as much all the time
    ZERO = "zero"  # exactly 0
    UNIT = "unit"  # ten times as much; of a temperature degrees Fahrenheit
    SILENCE = "silence"  # the device says nothing
    GAP = "gap"  # most of what it says is lost
    GARBAGE = "garbage"  # noise between frames, and frames with a flipped bit
    CLOCK = "clock"  # its own clock is a quarter of an hour fast; devices without one do not mind


class Fault(NamedTuple):
    """One fault. `sensor` None means every device there is, `quantity` None all that it measures; times in seconds since the
    start of the simulation."""

    sensor: str | None
    kind: FaultKind
    start_s: float
    duration_s: float
    quantity: str | None = None

    def active(self, sensor: str, at_s: float) -> bool:
        """Whether it concerns this sensor at this time."""
        return self.sensor in (None, sensor) and self.start_s <= at_s < self.start_s + self.duration_s


def check_sensors(faults: Iterable[Fault], known: Collection[str]) -> None:
    """Raises ValueError, one line, for a fault of a sensor that is not there."""
    for fault in faults:
        if fault.sensor is not None and fault.sensor not in known:
            hint = did_you_mean(fault.sensor, known)
            raise ValueError(f"no sensor {fault.sensor!r} for the fault {fault.kind}, {hint}")


def parse_fault(text: str) -> Fault:
    """`[SENSOR[/QUANTITY]:]KIND@START[+SECONDS]`; raises ValueError with one line."""
    place, colon, rest = text.rpartition(":")
    sensor, slash, quantity = place.partition("/")
    kind, at, when = rest.partition("@")
    start, plus, duration = when.partition("+")
    try:
        known = FaultKind(kind)
        began = float(start)
        lasts = float(duration) if plus else DEFAULT_DURATION_S[known]
    except ValueError:
        began = lasts = -1.0
    if slash and quantity not in QUANTITIES:
        raise ValueError(f"fault {text!r}: unknown quantity {quantity!r}")
    if not at or not 0 <= began < math.inf or not 0 < lasts < math.inf:
        raise ValueError(
            f"fault {text!r} must look like spike@10 or bai-chay-pm-1:silence@5+20; kinds: {', '.join(FaultKind)}"
        )
    return Fault(sensor if colon else None, known, began, lasts, quantity if slash else None)
