"""What happens to the clock is in the journal once, also when two write it down at the same time and more happens meanwhile."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

from edge.journalthread import JournalThread
from edge.settings import ClockSettings, Trust
from edge.timekeeper import EVENTS_MAX, Timekeeper
from tests.edge.test_acceptance import BOOT, Clocks

HOUR_MS = 3_600_000


def noted(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT kind, offset_ms FROM clock ORDER BY id").fetchall()


async def test_two_writers_note_each_event_once(tmp_path: Path) -> None:
    clocks = Clocks(1, BOOT)
    keeper = Timekeeper(ClockSettings(trust=Trust.SYSTEM), clocks)
    keeper.look()
    async with JournalThread.open(tmp_path / "j.db", clock=keeper.now_ms, rng=Random(1)) as journal:
        writers = [asyncio.create_task(keeper.write(journal)) for _ in range(3)]
        await asyncio.sleep(0)  # they have begun
        clocks.off = HOUR_MS
        keeper.look()
        await asyncio.gather(*writers)
        await keeper.write(journal)
    assert noted(tmp_path / "j.db") == [("trusted", BOOT), ("stepped", BOOT + HOUR_MS)]


async def test_when_more_happens_than_is_kept_the_oldest_go(tmp_path: Path) -> None:
    clocks = Clocks(1, BOOT)
    keeper = Timekeeper(ClockSettings(trust=Trust.SYSTEM), clocks)
    keeper.look()
    async with JournalThread.open(tmp_path / "j.db", clock=keeper.now_ms, rng=Random(1)) as journal:
        writing = asyncio.create_task(keeper.write(journal))
        await asyncio.sleep(0)
        for step in range(1, EVENTS_MAX + 1):
            clocks.off = step * HOUR_MS
            keeper.look()
        await writing
        await keeper.write(journal)
    offsets = [offset for _, offset in noted(tmp_path / "j.db")]
    assert offsets == [BOOT + step * HOUR_MS for step in range(EVENTS_MAX + 1)]
