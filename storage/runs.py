"""Which windows of an aggregate a linear correction can be applied to afterwards, and how. Pure."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from storage.amendments import Corrected
from storage.store import Bucket
from telemetry.corrections import Correction
from telemetry.quantities import Aggregate


class Run(NamedTuple):
    """Whole windows [start_ms, end_ms) of which the same is true: `exact` must be computed from the readings."""

    start_ms: int
    end_ms: int
    correction: Correction | None
    exact: bool


def runs(
    start_ms: int,
    end_ms: int,
    window_ms: int,
    offset_ms: int,
    corrections: Sequence[Corrected],
    invalid: Iterable[tuple[int, int | None]],
) -> list[Run]:
    """[start_ms, end_ms) in runs of windows, ascending; what is invalid as a whole is left out."""
    gaps = [(low, high if high is not None else end_ms) for low, high in invalid]
    edges = {edge for gap in gaps for edge in gap} | {
        edge for one in corrections for edge in (one.start_ms, one.end_ms) if edge is not None
    }
    cuts = {start_ms, end_ms}
    for edge in edges:
        if start_ms < edge < end_ms:
            window = edge - (edge - offset_ms) % window_ms
            cuts |= {max(start_ms, window), min(end_ms, window + window_ms)} if edge != window else {edge}
    found = []
    ordered = sorted(cuts)
    for low, high in pairwise(ordered):
        if any(gap_low <= low and high <= gap_high for gap_low, gap_high in gaps):
            continue
        torn = any(low < edge < high for edge in edges)
        here = next((one.correction for one in corrections if one.touches(low, high)), None)
        found.append(
            Run(low, high, None if torn else here, exact=torn or (here is not None and not here.linear))
        )
    return found


def transformed(function: Aggregate, correction: Correction | None) -> tuple[Aggregate, Correction] | None:
    """What to ask the store for so that a linear correction of its answer is the answer; None: it cannot be had so."""
    if correction is None:
        return function, Correction()
    factor, offset = correction.factor, correction.offset
    swapped = {Aggregate.MIN: Aggregate.MAX, Aggregate.MAX: Aggregate.MIN}
    match function:
        case Aggregate.MIN | Aggregate.MAX if factor < 0:
            return swapped[function], correction
        case Aggregate.INCREASE if factor <= 0 or offset != 0:
            return None
        case Aggregate.ENERGY_MEAN | Aggregate.VECTOR_MEAN if factor != 1:
            return None
        case _:
            return function, correction


def corrected(function: Aggregate, correction: Correction, bucket: Bucket) -> float:
    """The value of a bucket of raw readings, as if each reading had been corrected."""
    value = bucket.value
    match function:
        case Aggregate.COUNT:
            return value
        case Aggregate.SUM:
            return value * correction.factor + correction.offset * bucket.count
        case Aggregate.INCREASE:
            return value * correction.factor
        case Aggregate.VECTOR_MEAN:
            return (value + correction.offset) % 360
        case _:
            return value * correction.factor + correction.offset
