"""What a mean is: the reference implementation every store's query is tested against.

Each function takes the values of one series inside one window, in time order, and returns None for no values.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from telemetry.quantities import Aggregate


def energy_mean(values: Sequence[float]) -> float:
    """Mean level in dB of levels in dB: 10·log10 of the mean of 10^(L/10) (ISO 1996-1, equivalent level)."""
    return 10 * math.log10(math.fsum(10 ** (level / 10) for level in values) / len(values))


def vector_mean(values: Sequence[float]) -> float | None:
    """Mean direction in degrees [0, 360) of unit vectors (WMO-No. 8); None when they cancel out."""
    east = math.fsum(math.sin(math.radians(angle)) for angle in values)
    north = math.fsum(math.cos(math.radians(angle)) for angle in values)
    if math.hypot(east, north) < 1e-9 * len(values):
        return None
    angle = math.degrees(math.atan2(east, north)) % 360
    return angle if angle < 360 else 0.0  # a tiny negative angle rounds up to 360


def increase(values: Sequence[float]) -> float:
    """How much a counter rose inside the window; a fall is a reset to 0, so the value after it counts whole."""
    return math.fsum(after - before if after >= before else after for before, after in pairwise(values))


_FUNCTIONS: dict[Aggregate, Callable[[Sequence[float]], float | None]] = {
    Aggregate.MEAN: lambda values: math.fsum(values) / len(values),
    Aggregate.ENERGY_MEAN: energy_mean,
    Aggregate.VECTOR_MEAN: vector_mean,
    Aggregate.INCREASE: increase,
    Aggregate.SUM: math.fsum,
    Aggregate.MIN: min,
    Aggregate.MAX: max,
    Aggregate.COUNT: len,
    Aggregate.FIRST: lambda values: values[0],
    Aggregate.LAST: lambda values: values[-1],
}


def aggregate(function: Aggregate, values: Sequence[float]) -> float | None:
    """`function` over one window; None when it holds no value (or directions that cancel out)."""
    return _FUNCTIONS[function](values) if values else None
