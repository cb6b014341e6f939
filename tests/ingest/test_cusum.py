"""Daily differences: what walks away is told from when it began, what jumps or is odd once is not."""

import numpy as np

from ingest import cusum
from ingest.detectors.lanes import Lanes


def row() -> cusum.Row:
    lanes = Lanes((), cusum.TABLES)
    lanes.add()
    return {name: table[0, ...] for name, table in lanes.tables.items()}


def days_told(found: list[float], *, suddenly: bool = False) -> list[int]:
    """Of differences in spreads, of which 5 matter."""
    one, told = row(), []
    for day, size in enumerate(found):
        cusum.take(one, day, size, 1.0, 5.0, suddenly=suddenly)
        told += [day] if one["walks"][()] else []
    return told


def test_a_walk_either_way_is_told_until_it_is_back() -> None:
    walks = [0.0] * 5 + [0.8 * day for day in range(15)]
    for sign in (1, -1):
        found = [sign * size for size in [*walks, 0.0, 0.0, 0.0]]
        told = days_told(found)
        assert told == list(range(told[0], 21))  # the median of three days follows on the second
        assert 12 <= told[0] <= 16
    one = row()
    for day, size in enumerate(walks):
        cusum.take(one, day, size, 1.0, 5.0, suddenly=False)
    assert 6 <= cusum.began(one) <= 8
    middle = cusum.difference(one)
    assert middle is not None
    assert abs(middle - walks[-2]) < 1e-5


def test_what_does_not_matter_or_scatters_is_not_told() -> None:
    assert days_told([2.0] * 60) == []
    rng = np.random.default_rng(5)
    assert days_told(rng.normal(0, 1, 5000).tolist()) == []


def test_one_odd_day_is_not_told_and_a_step_only_where_somebody_says_that_nothing_happened() -> None:
    assert days_told([0.0] * 5 + [50.0] + [0.0] * 20) == []
    step = [0.0] * 5 + [8.0] * 20
    assert days_told(step) == []
    assert days_told(step, suddenly=True)[0] == 8  # half a week and more


def test_what_is_unlike_from_day_to_day_must_go_further() -> None:
    rng = np.random.default_rng(6)
    wild = rng.normal(0, 2.5, 200) + np.where(np.arange(200) < 100, 0, 5.5)
    assert days_told(np.where(np.arange(200) < 100, 0, np.minimum(np.arange(200) - 99.0, 5.5)).tolist())
    assert days_told(wild.tolist(), suddenly=True) == []
