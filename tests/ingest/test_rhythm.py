"""A rise or fall that is usual by now and does not come; what moves by itself is something else."""

import numpy as np
import pytest

from ingest.profile import Band
from ingest.rhythm import LOOKS, OLDEST_MS, Rhythm
from tests.ingest.test_namer import A_DAY, K, Values, opened, tell

EVENING, NIGHT = 4 * A_DAY + 18 * 6, 4 * A_DAY + 22 * 6  # the fifth day, in looks of ten minutes


def lights(days: int, seed: int) -> Values:
    """A cabinet's current: 3 A by day, 14 A from six in the evening to six in the morning."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * A_DAY) / 6 % 24
    return 3 + 11.0 * ((hour < 6) | (hour >= 18)) + rng.normal(0, 0.15, len(hour))


def test_lights_that_stay_off_are_a_missing_rhythm_until_they_come() -> None:
    values = lights(5, 1)
    values[EVENING:NIGHT] -= 11
    told = tell({("current-0", "a"): values}, "current")["current-0"]
    assert opened(told, EVENING) == [K.RHYTHM]
    rows = [row for row, kind, finding in told if kind is K.RHYTHM and finding.score >= 1]
    assert EVENING < rows[0] <= EVENING + 12
    assert NIGHT - 1 <= rows[-1] <= NIGHT + 6
    worst = next(finding for row, _, finding in told if row == NIGHT - 1)
    assert worst.before == pytest.approx(3, abs=0.5)
    assert worst.expected == pytest.approx(14, abs=0.5)
    assert worst.value == pytest.approx(3, abs=0.6)


def test_lights_that_stay_on_are_one_too() -> None:
    values = lights(5, 2)
    values[4 * A_DAY + 36 : 4 * A_DAY + 60] += 11
    told = tell({("current-0", "a"): values}, "current")["current-0"]
    assert opened(told, 4 * A_DAY) == [K.RHYTHM]


def test_an_evening_as_always_tells_nothing_and_a_jump_by_itself_is_no_rhythm() -> None:
    values = lights(5, 3)
    assert opened(tell({("current-0", "a"): values}, "current")["current-0"], 3 * A_DAY) == []
    values[4 * A_DAY + 60 : 4 * A_DAY + 84] += 9
    kinds = opened(tell({("current-0", "a"): values}, "current")["current-0"], 3 * A_DAY)
    assert kinds
    assert K.RHYTHM not in kinds


def test_what_the_neighbours_have_is_missing_at_the_sensor_alone() -> None:
    values = {(f"current-{number}", "a"): lights(5, number) for number in range(3)}
    values["current-0", "a"][EVENING:NIGHT] -= 11
    told = tell(values, "current")
    assert K.RHYTHM not in opened(told["current-0"], EVENING)
    assert {K.BIAS, K.DRIFT} & set(opened(told["current-0"], EVENING))
    for one in list(values.values())[1:]:
        one[EVENING:NIGHT] -= 11
    told = tell(values, "current")
    assert all(opened(one, EVENING) == [K.RHYTHM] for one in told.values())


def test_a_level_of_long_ago_says_nothing_of_this_part_of_the_day() -> None:
    def seen(pause_ms: int) -> bool:
        rhythm, lane = Rhythm(), np.zeros(1, np.int64)
        rhythm.lanes.add()
        at = 10**12
        for look in range(20):
            expected = 10.0 if look < 20 - LOOKS else 20.0
            at += pause_ms if look == 20 - LOOKS else 60_000
            band = Band(*(np.array([expected + side]) for side in (-1.0, 0.0, 1.0)))
            lean = np.array([10.0 - expected], np.float32)
            rhythm.look(lane, np.array([60.0], np.float32), np.array([at]), np.array([10.0]), band, lean)
        return rhythm.missing(0) is not None

    assert seen(60_000)
    assert not seen(OLDEST_MS + 1)
