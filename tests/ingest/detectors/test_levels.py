"""What a series that lives at a few values is told, and what it is still told."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.detectors.bank import Bank

T, STEP = 1_767_225_600_000, 300_000
ROWS = 4000


def told(values: NDArray[np.float64]) -> list[int]:
    """Rows at which something begins."""
    bank = Bank()
    bank.lanes.add(1)
    rows, before = [], False
    for row, value in enumerate(values):
        frame = bank.score(np.array([0]), np.array([T + row * STEP]), np.array([value]))
        bank.learn(frame)
        now = any(scores[0] >= 1 for scores in frame.kinds.values())
        if now and not before:
            rows.append(row)
        before = now
    return rows


def switching(seed: int, chance: float) -> NDArray[np.float64]:
    return 10.0 * (np.cumsum(np.random.default_rng(seed).random(ROWS) < chance) % 2)


@pytest.mark.parametrize("chance", [1 / 100, 1 / 300])
def test_a_switch_is_news_only_at_first(chance: float) -> None:
    rows = told(switching(1, chance))
    assert not [row for row in rows if row > ROWS / 2]


def test_what_seldom_comes_is_told_at_first_and_then_is_known() -> None:
    seldom = (np.random.default_rng(2).random(ROWS) < 0.02).astype(float)
    assert seldom[1000:].sum() > 40
    assert not [row for row in told(seldom) if row > 1000]


def test_a_value_never_visited_is_told_of_a_switch_too() -> None:
    values = switching(0, 1 / 100)
    values[3500:3510] = 25.0
    assert [row for row in told(values) if 3500 <= row < 3510]


def test_a_series_that_does_not_live_at_levels_is_told_as_before() -> None:
    values = 20 + np.random.default_rng(4).normal(0, 1, ROWS)
    for first in (1500, 2200, 2900, 3600):
        values[first : first + 3] = 40.0
    assert [row for row in told(values) if row in (1500, 2200, 2900, 3600)] == [1500, 2200, 2900, 3600]
