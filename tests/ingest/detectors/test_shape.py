"""Which shape is seen in residuals into which a known one was put."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.detectors import shape
from ingest.detectors.shape import READINGS, SLOPE, SPIKE, STEP

Floats = NDArray[np.float64]
SERIES = 200


def residuals(persistence: float, seed: int = 1) -> Floats:
    noise = np.random.default_rng(seed).normal(size=(SERIES, READINGS)) * np.sqrt(1 - persistence**2)
    for row in range(1, READINGS):
        noise[:, row] += persistence * noise[:, row - 1]
    return noise


def share(past: Floats, persistence: float, wanted: int, age: int) -> float:
    count = len(past)
    return float(np.mean(shape.of(past, np.full(count, persistence), np.full(count, age)) == wanted))


AT = np.arange(READINGS)


@pytest.mark.parametrize("persistence", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(
    ("put", "wanted", "age"),
    [
        (6.0 * (AT == READINGS - 3), SPIKE, 3),
        (6.0 * (AT >= READINGS - 3), STEP, 3),
        (4.0 * (AT >= READINGS - 40), STEP, 1),
        (6.0 * np.clip((AT - 48) / 80, 0, 1), SLOPE, 1),
        (6.0 * np.clip((AT - 8) / 60, 0, 1), SLOPE, 3),  # it has come to rest
        (6.0 * np.clip((AT - 20) / 70, 0, 1) * (AT < READINGS - 3), SLOPE, 3),  # and has ended
        (4.0 * (AT >= 60) * (AT < READINGS - 3), STEP, 3),
    ],
)
def test_what_was_put_in_is_seen(put: Floats, wanted: int, age: int, persistence: float) -> None:
    assert share(residuals(persistence) + put, persistence, wanted, age) >= 0.8
    assert share(residuals(persistence) - put, persistence, wanted, age) >= 0.8


def test_the_first_reading_that_is_far_out_is_a_spike_until_others_follow() -> None:
    assert share(residuals(0.5) + 6.0 * (AT == READINGS - 1), 0.5, SPIKE, 1) >= 0.95


def test_what_was_large_long_ago_does_not_name_what_is_now() -> None:
    before = 40.0 * (AT < 60)
    assert share(residuals(0.5) + before + 6.0 * (AT >= READINGS - 20), 0.5, STEP, 1) >= 0.8


def test_others_change_nothing() -> None:
    past = residuals(0.7) + 3.0 * (AT >= READINGS - 30)
    persistence, age = np.full(SERIES, 0.7), np.arange(SERIES) % 2 * 2 + 1
    together = shape.of(past, persistence, age)
    alone = [int(shape.of(past[[row]], persistence[[row]], age[[row]])[0]) for row in range(0, SERIES, 10)]
    assert alone == together[::10].tolist()
    assert not len(shape.of(past[:0], persistence[:0], age[:0]))
