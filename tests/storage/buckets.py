"""What an aggregate should be, by the reference in `telemetry.aggregates`, for whoever asks a store for one."""

import math
from collections.abc import Sequence

from hypothesis import strategies as st

from storage.store import Bucket
from telemetry import aggregates
from telemetry.quantities import Aggregate
from telemetry.reading import Reading

# What a quantity of that kind of mean measures; anything for the others.
VALUES = {
    Aggregate.ENERGY_MEAN: st.floats(20, 140),
    Aggregate.VECTOR_MEAN: st.integers(0, 360).map(float),
    Aggregate.INCREASE: st.integers(0, 1000).map(lambda tenths: tenths / 10),
}


def expected(
    readings: list[Reading], span: tuple[int, int], window_ms: int, offset_ms: int, function: Aggregate
) -> list[Bucket]:
    windows: dict[tuple[str, int], list[float]] = {}
    for reading in sorted(readings, key=lambda one: (one.sensor, one.observed_at)):
        if span[0] <= reading.observed_at < span[1]:
            start = reading.observed_at - (reading.observed_at - offset_ms) % window_ms
            windows.setdefault((reading.sensor, start), []).append(reading.value)
    found = []
    for (sensor, start), values in windows.items():
        value = aggregates.aggregate(function, values)
        if value is not None:
            found.append(Bucket(sensor, start, float(value), len(values)))
    return found


def assert_alike(found: Sequence[Bucket], wanted: Sequence[Bucket], function: Aggregate) -> None:
    assert [(b.sensor, b.start_ms, b.count) for b in found] == [
        (b.sensor, b.start_ms, b.count) for b in wanted
    ]
    for one, other in zip(found, wanted, strict=True):
        if function is Aggregate.VECTOR_MEAN:  # 359.999… and 0 are neighbours
            assert abs((one.value - other.value + 180) % 360 - 180) < 1e-5, (function, one, other)
        else:
            assert math.isclose(one.value, other.value, rel_tol=1e-9, abs_tol=1e-6), (function, one, other)
