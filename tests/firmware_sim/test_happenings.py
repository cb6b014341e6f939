"""What happens at a site: in its quantities, while it lasts."""

import pytest

from firmware_sim.happenings import Happening, HappeningKind, lived
from firmware_sim.model import SPIKES

START = 1_700_000_000.0


def calm(quantity: str, at_s: float) -> float:
    return 20.0


def test_a_level_rises_at_once_and_fades_in_its_last_quarter() -> None:
    happening = Happening("a", HappeningKind.LEVEL, ("pm25",), 100.0, 400.0)
    measure = lived(calm, [happening], start_s=START)
    values = [measure("pm25", START + at) for at in (99, 100, 400, 450, 499.999, 500)]
    size = 0.4 * SPIKES["pm25"]
    assert values == pytest.approx([20, 20 + size, 20 + size, 20 + size / 2, 20, 20], abs=0.01)
    assert measure("humidity", START + 200) == 20.0


def test_a_new_regime_stays() -> None:
    measure = lived(calm, [Happening("a", HappeningKind.REGIME, ("noise_level",), 10.0, 1e9)], start_s=START)
    assert measure("noise_level", START + 1e6) == measure("noise_level", START + 10) > 25


def test_a_rhythm_that_does_not_come_leaves_the_noise_and_takes_the_rise() -> None:
    happening = Happening("a", HappeningKind.RHYTHM, ("current",), 100.0, 400.0)

    def typical(quantity: str, at_s: float) -> float:
        return 3.0 if at_s - START < 200 else 14.0

    def noisy(quantity: str, at_s: float) -> float:
        return typical(quantity, at_s) + 0.25

    measure = lived(noisy, [happening], start_s=START, typical=typical)
    assert [measure("current", START + at) for at in (150, 300, 499, 500)] == [3.25, 3.25, 3.25, 14.25]
    assert measure("power", START + 300) == 14.25


def test_where_nothing_happens_the_measurements_are_the_sensors_own() -> None:
    assert lived(calm, [], start_s=START) is calm
