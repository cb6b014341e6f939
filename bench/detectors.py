"""The bank of detectors: readings a second on one core, every series by its own clock, beside one plain pass of numpy.

What is timed are grown series: before, each has taken WARM_ROUNDS readings 40 to 60 minutes apart, so that every side is asked,
those of the day and the week too. More than 10,000 series get WARM_ROUNDS_MANY: all sides but `residual_48`. The timed rounds are
as many as lie between two refreshes of what is too common to look at, so one of them is among the rounds, as the slowest. On a
machine that does other things too, the clock on the wall counts those: so the mean of all rounds by the processor's clock stands
beside the rounds by the wall's.
"""

import time
from typing import NamedTuple

import numpy as np

from ingest.detectors.bank import LARGEST_BLOCK, Bank

SERIES = (1, 100, 1_000, 10_000, 100_000)
WARM_ROUNDS, WARM_ROUNDS_MANY, MANY = 1_100, 400, 10_000
ROUNDS = 64


class Pace(NamedTuple):
    """Readings a second: of processor time, and the median round; `plain` is a z-score of the same values against an
    exponential mean and variance."""

    series: int
    processor: float
    ours: float
    slowest: float
    fastest: float
    plain: float
    bytes_per_series: int


def measure(series: int) -> Pace:
    """One reading of each series a round, each series at its own times."""
    warm = WARM_ROUNDS if series <= MANY else WARM_ROUNDS_MANY
    rng = np.random.default_rng(series)
    bank = Bank()
    bank.lanes.add(series)
    period, start = (
        rng.integers(2400, 3600, series) * 1000,
        1_795_395_600_000 + rng.integers(0, 3_600_000, series),
    )
    level = rng.normal(20, 5, series)
    mean, variance = level.copy(), np.ones(series)
    ours, plain, spent = [], [], 0.0
    for number in range(warm + ROUNDS):
        values, at = level + rng.normal(size=series), start + number * period
        began, before = time.perf_counter(), time.thread_time()
        for first in range(0, series, LARGEST_BLOCK):
            lanes = np.arange(first, min(series, first + LARGEST_BLOCK))
            bank.learn(bank.score(lanes, at[lanes], values[lanes]))
        ours.append(time.perf_counter() - began)
        spent += (number >= warm) * (time.thread_time() - before)
        began = time.perf_counter()
        residual = values - mean
        score = np.abs(residual) / np.sqrt(variance)
        mean += 0.01 * residual
        variance += 0.01 * (residual * residual - variance)
        plain.append(time.perf_counter() - began + 0 * float(score[0]))
    rounds, passes = sorted(ours[warm:]), sorted(plain[warm:])
    return Pace(
        series,
        series * ROUNDS / spent,
        series / rounds[len(rounds) // 2],
        series / rounds[-1],
        series / rounds[0],
        series / passes[len(passes) // 2],
        bank.lanes.bytes_per_series(),
    )
