"""What is read from the store at the start: half an hour, and of what stands still also of when it moved."""

from ingest.warmup import WARM_UP_READINGS, lately
from telemetry.reading import Reading
from tests.ingest.conftest import MemoryStore

NOW = 1_767_200_400_000


def store(ages_s: range, moves_from_s: int) -> MemoryStore:
    """Readings of these ages in steps of the range; those as old as `moves_from_s` and older differ."""
    found = MemoryStore()
    for age in ages_s:
        at = NOW - age * 1000
        value = 20.0 + age % 7 if age >= moves_from_s else 42.0
        found.rows["pm-1", "pm25", at] = Reading("pm-1", "pm25", at, value)
    return found


async def read(found: MemoryStore) -> tuple[list[Reading], int]:
    """What is learned, and how often the store was asked."""
    (last,) = await found.latest(NOW - 1_800_000)
    before = found.attempts
    readings = await lately(found, last, NOW)
    assert readings == sorted(readings, key=lambda one: one.observed_at)
    return readings, found.attempts - before


async def test_what_moves_is_read_once() -> None:
    readings, asked = await read(store(range(1, 4000), 1))
    assert (len(readings), asked) == (WARM_UP_READINGS, 1)
    readings, asked = await read(store(range(1, 12000, 60), 1))
    assert (len(readings), asked) == (30, 1)


async def test_what_stands_still_is_read_back_to_where_it_moved() -> None:
    readings, asked = await read(store(range(1, 20_000), 5000))
    assert len(readings) == 2 * WARM_UP_READINGS
    assert [one.value for one in readings[-WARM_UP_READINGS:]] == [42.0] * WARM_UP_READINGS
    assert len({one.value for one in readings[:WARM_UP_READINGS]}) == 7
    assert asked <= 7


async def test_a_slow_one_too() -> None:
    readings, asked = await read(store(range(100, 86_000, 300), 9000))
    assert [one.value for one in readings].count(42.0) == 30
    assert (len(readings), asked) == (6 + WARM_UP_READINGS, 2)


async def test_what_never_moved_is_left_as_it_is_after_a_day() -> None:
    readings, asked = await read(store(range(1, 90_000, 10), 86_500))
    assert len(readings) == 180
    assert asked <= 8
