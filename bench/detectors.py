"""The bank of detectors: readings a second on one core, every series by its own clock, beside one plain pass of numpy."""

import time
from typing import NamedTuple

import numpy as np

from ingest.detectors.bank import LARGEST_BLOCK, Bank

SERIES = (1, 100, 1_000, 10_000, 100_000)
WARM_ROUNDS, ROUNDS = 40, 12


class Pace(NamedTuple):
    """Readings a second: the median round; `plain` is a z-score of the same values against an exponential mean and variance."""

    series: int
    ours: float
    slowest: float
    fastest: float
    plain: float
    bytes_per_series: int


def measure(series: int) -> Pace:
    """One reading of each series a round, each series at its own times."""
    rng = np.random.default_rng(series)
    bank = Bank()
    bank.lanes.add(series)
    period, start = rng.integers(1, 60, series) * 1000, 1_795_395_600_000 + rng.integers(0, 3_600_000, series)
    level = rng.normal(20, 5, series)
    mean, variance = level.copy(), np.ones(series)
    ours, plain = [], []
    for number in range(WARM_ROUNDS + ROUNDS):
        values, at = level + rng.normal(size=series), start + number * period
        began = time.perf_counter()
        for first in range(0, series, LARGEST_BLOCK):
            lanes = np.arange(first, min(series, first + LARGEST_BLOCK))
            bank.learn(bank.score(lanes, at[lanes], values[lanes]))
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        residual = values - mean
        score = np.abs(residual) / np.sqrt(variance)
        mean += 0.01 * residual
        variance += 0.01 * (residual * residual - variance)
        plain.append(time.perf_counter() - began + 0 * float(score[0]))
    rounds, passes = sorted(ours[WARM_ROUNDS:]), sorted(plain[WARM_ROUNDS:])
    return Pace(
        series,
        series / rounds[len(rounds) // 2],
        series / rounds[-1],
        series / rounds[0],
        series / passes[len(passes) // 2],
        bank.lanes.bytes_per_series(),
    )
