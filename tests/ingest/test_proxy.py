"""What a neighbour leads to expect, whatever its gain and offset are."""

import numpy as np
import pytest

from ingest import proxy
from telemetry.quantities import QUANTITIES


def test_mean_and_deviation_are_matched_and_what_is_left_is_the_spread() -> None:
    rng = np.random.default_rng(1)
    mine = 20 + rng.normal(0, 3, (300, 7))
    known = proxy.match(mine, 5 + 1.5 * mine, 0.1)
    assert known.slope == pytest.approx(np.full(300, 2 / 3), abs=0.01)
    assert proxy.expected(known, 5 + 1.5 * mine) == pytest.approx(mine, abs=0.01)
    noisy = mine + rng.normal(0, 0.5, mine.shape)
    known = proxy.match(mine, noisy, 0.1)
    assert np.median(known.slope) == pytest.approx(1, abs=0.03)
    assert np.median(known.spread) == pytest.approx(0.43, abs=0.07)  # of 0.5: seven days are few


def test_two_odd_days_of_the_week_do_no_harm() -> None:
    rng = np.random.default_rng(2)
    weather = np.array([0.0, 2, 4, 5, 3, 1, -1])
    mine = 20 + weather + rng.normal(0, 0.1, 7)
    theirs = (22 + weather + rng.normal(0, 0.1, 7))[None]
    mine[2] += 30
    theirs[0, 5] = 0
    known = proxy.match(mine[None], theirs, 0.1)
    assert known.slope[0] == pytest.approx(1, abs=0.1)
    assert proxy.expected(known, np.array([[24.0]]))[0, 0] == pytest.approx(22, abs=0.3)
    assert known.spread[0] < 0.3


def test_a_week_without_weather_has_slope_one() -> None:
    rng = np.random.default_rng(3)
    known = proxy.match(430 + rng.normal(0, 1, (20, 7)), 450 + rng.normal(0, 1, (20, 7)), 1.0)
    assert known.slope == pytest.approx(np.ones(20), abs=0.3)


def test_of_two_in_the_middle_the_nearer_to_nothing_counts() -> None:
    assert proxy.median_nearest(np.array([0.0, -4.0])) == 0.0
    assert proxy.median_nearest(np.array([5.0, 3.0])) == 3.0
    assert proxy.median_nearest(np.array([9.0, -1.0, 2.0])) == 2.0


def test_every_yardstick_is_of_a_known_quantity_and_goes_both_ways() -> None:
    assert set(proxy.YARDSTICKS) <= set(QUANTITIES)
    for stick in proxy.YARDSTICKS.values():
        assert proxy.unmeasured(stick, float(proxy.measured(stick, np.array([412.0]))[0])) == pytest.approx(
            412
        )
