"""Under which name a fault is told: in a daily curve with noise, and in one that wanders."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.detectors.bank import Bank
from ingest.detectors.unusual import NAMED, SETTLED
from telemetry.anomaly import AnomalyKind as K

Floats = NDArray[np.float64]
BEFORE, AFTER, SEEDS = 2000, 160, 12
ROWS = np.arange(BEFORE + AFTER)
SINCE = ROWS - BEFORE + 1
FAULTS = {
    K.SPIKE: 12.0 * (SINCE == 1),
    K.BIAS: 8.0 * (SINCE >= 1),
    K.DRIFT: 12.0 * np.clip(SINCE / 100, 0, 1),
}


def calm(seed: int, persistence: float) -> Floats:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=len(ROWS)) * np.sqrt(1 - persistence**2)
    for row in ROWS[1:]:
        noise[row] += persistence * noise[row - 1]
    return 40 + 6 * np.sin(2 * np.pi * ROWS / 288) + noise


def put(kind: K, values: Floats, seed: int) -> Floats:
    if kind is K.NOISE:
        return values + np.random.default_rng(seed + 99).normal(0, 4.0, len(values)) * (SINCE >= 1)
    if kind is K.UNIT:
        return np.where(SINCE >= 1, 10 * values, values)
    return values + FAULTS[kind]


@pytest.fixture(scope="module")
def told() -> dict[tuple[K, float], list[list[tuple[int, K]]]]:
    """By fault and persistence, of each series what it was told from then on."""
    kinds = (*FAULTS, K.NOISE, K.UNIT)
    lanes = [
        (kind, persistence, seed) for kind in kinds for persistence in (0.0, 0.8) for seed in range(SEEDS)
    ]
    values = np.array([put(kind, calm(seed, persistence), seed) for kind, persistence, seed in lanes])
    bank, every = Bank(), np.arange(len(lanes))
    bank.lanes.add(len(lanes))
    out: dict[tuple[K, float], list[list[tuple[int, K]]]] = {}
    names: list[list[tuple[int, K]]] = [[] for _ in lanes]
    for row in ROWS:
        frame = bank.score(every, np.full(len(lanes), 1_704_067_200_000 + row * 300_000), values[:, row])
        for kind in NAMED if row >= BEFORE else ():
            for lane in np.flatnonzero(frame.kinds[kind] >= 1).tolist():
                names[lane].append((int(row - BEFORE), kind))
        bank.learn(frame)
    for (kind, persistence, _), given in zip(lanes, names, strict=True):
        out.setdefault((kind, persistence), []).append(given)
    return out


@pytest.mark.parametrize("persistence", [0.0, 0.8])
@pytest.mark.parametrize("kind", [*FAULTS, K.NOISE, K.UNIT])
def test_a_fault_gets_its_name(
    told: dict[tuple[K, float], list[list[tuple[int, K]]]], kind: K, persistence: float
) -> None:
    found = [given for given in told[kind, persistence] if given]
    assert len(found) >= SEEDS - 2
    # The name it has when the first episode has settled.
    settled = Counter([kind for row, kind in given if row <= given[0][0] + SETTLED][-1] for given in found)
    assert settled[kind] >= 0.75 * len(found), settled


def test_a_jump_that_stays_is_a_spike_until_its_third_reading(
    told: dict[tuple[K, float], list[list[tuple[int, K]]]],
) -> None:
    begun = Counter(tuple(given[:2]) for given in told[K.BIAS, 0.0])
    assert begun[(0, K.SPIKE), (2, K.BIAS)] >= 0.75 * SEEDS, begun
