"""The bounded place between ports and journal: groups, back-pressure, the end."""

import asyncio

from edge.intake import Intake
from telemetry.reading import Reading

SOON_S = 0.01


def some(count: int, first: int = 0) -> list[Reading]:
    return [Reading("s", "pm25", first + index, 1.0) for index in range(count)]


async def test_a_group_holds_what_came_within_the_time() -> None:
    intake = Intake()
    waiting = asyncio.create_task(intake.group(SOON_S))
    await asyncio.sleep(0)
    await intake.put(some(2))
    await intake.put(some(3, 2))
    assert await waiting == some(5)
    assert intake.waits == 0


async def test_a_full_group_does_not_wait_for_the_time() -> None:
    intake = Intake(group_max=4)
    await intake.put(some(6))
    async with asyncio.timeout(5):
        assert await intake.group(3600) == some(4)
        assert await intake.group(SOON_S) == some(2, 4)


async def test_who_brings_more_than_fits_waits_and_is_counted() -> None:
    intake = Intake(capacity=5, group_max=100)
    await intake.put(some(4))
    bringing = [asyncio.create_task(intake.put(some(3, first))) for first in (4, 7)]
    await asyncio.sleep(SOON_S)
    assert not any(task.done() for task in bringing)
    assert intake.waits == 2
    got = []
    while len(got) < 10:
        got += await intake.group(SOON_S)
    await asyncio.gather(*bringing)
    assert sorted(reading.observed_at for reading in got) == list(range(10))


async def test_a_batch_larger_than_the_capacity_goes_in_alone() -> None:
    intake = Intake(capacity=5)
    await intake.put(some(8))
    assert len(await intake.group(SOON_S)) == 8


async def test_putting_nothing_wakes_nobody() -> None:
    intake = Intake()
    await intake.put([])
    await intake.put(some(1))
    assert await intake.group(SOON_S) == some(1)


async def test_closing_gives_what_is_left_and_then_nothing() -> None:
    intake = Intake(group_max=3)
    await intake.put(some(5))
    intake.close()
    async with asyncio.timeout(5):
        assert await intake.group(3600) == some(3)
        assert await intake.group(3600) == some(2, 3)
        assert await intake.group(3600) == []
