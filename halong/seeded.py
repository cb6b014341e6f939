"""Series with known faults put in, and series without any: what is found, how late, under which name. Pure.

Sizes are shares of the span P5 to P95 of the series (spike: P1 to P99). Three faults of one kind per series, after 45 % of it.
Found = flagged in [start, end + 5); flags elsewhere, merged over 10 rows, are false.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]  # float64
Times = NDArray[np.int64]
LENGTHS = {
    "spike": 1,
    "stuck": 60,
    "jitter": 60,
    "drift": 150,
    "bias": 100,
    "noise": 40,
    "zeros": 15,
    "gap": 30,
    "x10": 50,
}
NAMES = {
    "spike": "spike",
    "stuck": "stuck",
    "jitter": "stuck",
    "drift": "drift",
    "bias": "bias",
    "noise": "noise_burst",
    "zeros": "dead_zero",
    "gap": "gap",
    "x10": "unit_jump",
}
FROM, TIMES, LATE, AFTER, MERGE = 0.45, 3, 5, 15, 10
JUDGED_FROM = 0.4


class Case(NamedTuple):
    """`faults` are (first row, one past the last); `fault` "" = untouched."""

    name: str
    fault: str
    at_ms: Times
    values: Floats
    faults: list[tuple[int, int]]


class Tally(NamedTuple):
    """Of one kind: faults, found, found under the right name, rows until found."""

    faults: int
    found: int
    named: int
    delay: float


def put(name: str, fault: str, at_ms: Times, values: Floats, rng: np.random.Generator) -> Case:
    """The series with three faults of this kind."""
    x, rows, length = values.copy(), len(values), LENGTHS[fault]
    keep = np.ones(rows, bool)
    begin = int(FROM * rows)
    stride = (rows - begin) // TIMES
    low, high = np.percentile(x, [5, 95])
    wide = float(np.subtract(*np.percentile(x, [99, 1])))
    size = float(high - low) or wide or 1.0
    bit = float(np.min(np.abs(np.diff(x))[np.diff(x) != 0], initial=size)) if rows > 1 else size
    faults = []
    for number in range(TIMES):
        first = begin + number * stride + int(rng.integers(5, max(6, stride - length - 60)))
        last, sign = first + length, rng.choice([-1, 1])
        part = slice(first, last)
        match fault:
            case "spike":
                x[part] += sign * 0.6 * (wide or size)
            case "stuck":
                x[part] = x[first - 1]
            case "jitter":
                x[part] = x[first - 1] + bit * rng.integers(0, 2, length)
            case "drift":
                x[part] += sign * 0.6 * size * np.minimum(np.arange(1, length + 1) / 100, 1)
            case "bias":
                x[part] += sign * 0.5 * size
            case "noise":
                x[part] += rng.normal(0, 0.35 * size, length)
            case "zeros":
                x[part] = 0.0
            case "gap":
                keep[part] = False
            case "x10":
                x[part] *= 10
        faults.append((first, last))
    if fault == "gap":
        place = np.cumsum(keep) - keep
        faults = [(int(place[last]), int(place[last]) + 1) for _, last in faults]
    return Case(name, fault, at_ms[keep], x[keep], faults)


def episodes(rows: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last) of runs of marked rows, merged over MERGE rows."""
    (marked,) = np.nonzero(rows)
    if not len(marked):
        return []
    breaks = np.flatnonzero(np.diff(marked) > MERGE)
    return list(zip(marked[np.r_[0, breaks + 1]], marked[np.r_[breaks, len(marked) - 1]], strict=True))


def tally(case: Case, told: list[tuple[str, ...]]) -> tuple[Tally, int]:
    """What was found of the case's faults, and false episodes."""
    flagged = np.array([bool(kinds) for kinds in told])
    flagged[: int(JUDGED_FROM * len(flagged))] = False
    near = np.zeros(len(flagged), bool)
    found, named, delays = 0, 0, []
    for first, last in case.faults:
        seen = flagged[first : last + LATE]
        if seen.any():
            found += 1
            delays.append(float(np.argmax(seen)))
            named += any(NAMES[case.fault] in kinds for kinds in told[first : last + LATE])
        near[first : last + AFTER] = True
    delay = float(np.median(delays)) if delays else float("nan")
    return Tally(len(case.faults), found, named, delay), len(episodes(flagged & ~near))


def harmless(seed: int, rows: int = 4000) -> dict[str, Floats]:
    """Series in which nothing happens, of many kinds; five minutes a row."""
    rng = np.random.default_rng(seed)
    row = np.arange(rows)
    day, half = 2 * np.pi * row / 288, row // 144 % 2
    walk = np.zeros(rows)
    for number in range(1, rows):
        walk[number] = 0.95 * walk[number - 1] + rng.normal()
    light = np.maximum(0, np.sin(day - np.pi / 2))
    make: dict[str, Callable[[], Floats]] = {
        "constant": lambda: np.full(rows, 5.0),
        "white noise": lambda: rng.normal(size=rows),
        "uniform noise": lambda: rng.uniform(size=rows),
        "Student t3": lambda: rng.standard_t(3, rows),
        "Laplace": lambda: rng.laplace(size=rows),
        "log-normal": lambda: rng.lognormal(0, 1, rows),
        "exponential": lambda: rng.exponential(size=rows),
        "trend": lambda: 0.01 * row,
        "trend and noise": lambda: 0.01 * row + rng.normal(size=rows),
        "autoregressive": lambda: walk,
        "day": lambda: np.sin(day),
        "day and noise": lambda: 10 * np.sin(day) + rng.normal(size=rows),
        "days and weeks": lambda: 10 * np.sin(day) * (1 + 0.3 * (row // 288 % 7 > 4)) + rng.normal(size=rows),
        "two levels": lambda: 10.0 * half,
        "two levels and noise": lambda: 10.0 * half + rng.normal(size=rows),
        "counts": lambda: rng.poisson(3, rows).astype(float),
        "counts by the hour": lambda: rng.poisson(0.05 + 10 * (1 - np.cos(day))).astype(float),
        "dark nights": lambda: (
            100 * light + np.where(light > 0, rng.normal(0, 3, rows), 0).clip(min=-100 * light)
        ),
        "rounded": lambda: np.round(20 + 3 * np.sin(day) + rng.normal(0, 0.2, rows)),
        "noisier by day": lambda: rng.normal(size=rows) * (1 + 0.8 * np.sin(day)),
    }
    return {name: one() for name, one in make.items()}
