"""Identities become unique: duplicates go, other values move, memory stays bounded."""

from hypothesis import given
from hypothesis import strategies as st

from edge.keys import Keys
from telemetry.reading import Flag, Reading
from tests.thorough import examples


def at(ms: int, value: float = 1.0, *, sensor: str = "a", flags: int = 0) -> Reading:
    return Reading(sensor, "pm25", ms, value, flags)


def test_different_instants_and_series_pass_untouched() -> None:
    readings = [at(1), at(2), at(1, sensor="b"), Reading("a", "pm10", 1, 1.0)]
    assert Keys().unique(readings) == readings


def test_the_same_value_again_is_a_duplicate() -> None:
    keys = Keys()
    assert keys.unique([at(5), at(5)]) == [at(5)]
    assert keys.unique([at(5)]) == []
    assert (keys.duplicates, keys.nudged) == (2, 0)


def test_another_value_moves_to_the_next_free_millisecond_and_says_so() -> None:
    keys = Keys()
    kept = keys.unique([at(5, 1.0), at(6, 2.0), at(5, 3.0, flags=Flag.DEVICE)])
    assert kept[2] == at(7, 3.0, flags=Flag.DEVICE | Flag.NUDGED)
    assert keys.nudged == 1


def test_a_nudged_reading_that_comes_again_is_a_duplicate() -> None:
    keys = Keys()
    keys.unique([at(5, 1.0), at(5, 2.0)])
    assert keys.unique([at(5, 2.0), at(5, 1.0)]) == []
    assert keys.duplicates == 2


def test_a_reading_equal_to_a_nudged_neighbour_is_no_duplicate() -> None:
    keys = Keys()
    keys.unique([at(5, 1.0), at(5, 2.0)])
    assert keys.unique([at(6, 2.0)]) == [at(7, 2.0, flags=Flag.NUDGED)]


def test_preloaded_readings_are_known() -> None:
    keys = Keys()
    keys.preload([at(5, 1.0), at(6, 2.0, flags=Flag.NUDGED)])
    assert keys.unique([at(5, 1.0), at(5, 2.0)]) == []
    assert keys.unique([at(5, 3.0)]) == [at(7, 3.0, flags=Flag.NUDGED)]


def test_a_clock_that_steps_back_still_gets_free_instants() -> None:
    keys = Keys()
    first = keys.unique([at(ms, float(ms)) for ms in range(100)])
    second = keys.unique([at(ms, -1.0 - ms) for ms in range(100)])
    times = [reading.observed_at for reading in first + second]
    assert len(set(times)) == 200


def test_memory_is_bounded_and_the_longest_known_go_first() -> None:
    keys = Keys(remembered=10)
    keys.unique([at(ms) for ms in range(100)])
    assert sum(len(taken) for taken in keys._series.values()) == 10
    assert keys.unique([at(99)]) == []
    assert keys.unique([at(0)]) == [at(0)]


@examples(200)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), max_size=40))
def test_identities_are_unique_and_no_value_is_lost(pairs: list[tuple[int, int]]) -> None:
    keys = Keys()
    kept = keys.unique([at(ms, float(value)) for ms, value in pairs])
    identities = [reading.key for reading in kept]
    assert len(set(identities)) == len(identities)
    assert len(kept) == len(set(pairs))
    assert keys.duplicates == len(pairs) - len(kept)
