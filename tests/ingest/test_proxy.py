"""What a neighbour leads to expect, whatever its gain and offset are."""

import numpy as np
import pytest

from ingest import proxy
from telemetry.quantities import QUANTITIES


def test_mean_and_deviation_are_matched_and_what_is_left_is_the_spread() -> None:
    rng = np.random.default_rng(1)
    weather = rng.normal(0, 3, 200)
    mine = 20 + weather
    theirs = np.stack([5 + 2 * weather, 20 + weather + rng.normal(0, 0.5, 200)])
    known = proxy.match(proxy.moments(mine, theirs, np.ones(theirs.shape, bool)))
    assert known.slope == pytest.approx([0.5, 1.0], abs=0.02)
    expected = known.mine[:, None] + known.slope[:, None] * (theirs - known.theirs[:, None])
    assert expected[0] == pytest.approx(mine)
    assert known.spread == pytest.approx([0, 0.5], abs=0.06)


def test_hours_that_one_of_them_lacks_count_for_nothing_and_calm_weather_has_slope_one() -> None:
    rng = np.random.default_rng(2)
    mine, theirs = 430 + rng.normal(0, 1, 60), 450 + rng.normal(0, 1, (1, 60))
    mine[3], theirs[0, 5] = np.nan, np.nan
    both = ~np.isnan(mine) & ~np.isnan(theirs)
    sums = proxy.moments(mine, theirs, both)
    assert sums[0, 0] == 58
    assert proxy.match(sums).slope[0] == pytest.approx(1, abs=0.3)


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
