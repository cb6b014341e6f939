"""The hour's means from a real store with its amendments, judged once, written down and told."""

import asyncio
from pathlib import Path

import pytest

from ingest.alarms.inspector import GRACE_MS, Inspector
from ingest.registry import Registry
from runtime.limits import Limit
from storage.amendments import Pages
from storage.book import Book
from storage.open import open_store
from storage.store import Columns
from storage.view import View
from telemetry.anomaly import Anomaly
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.reading import Reading
from telemetry.times import HOUR_MS

T = 1_795_395_600_000
LIMITS = [Limit("r", "noise_laeq", 1, 70.0), Limit("r", "no2", 1, 200.0)]


@pytest.mark.parametrize("invalid", [False, True])
async def test_an_hour_is_judged_once_its_grace_is_over(tmp_path: Path, invalid: bool) -> None:
    store = open_store(f"duckdb:{tmp_path / 'store.duckdb'}")
    await store.open()
    now_ms, told = T + GRACE_MS - 1, list[Anomaly]()
    columns = Columns()
    for minute in range(60):
        at = T - HOUR_MS + minute * 60_000
        level = 60.0 if minute % 2 else 76.0  # of the decibels 68, of the energy 73.1
        columns.append("bai-chay", Reading("noise-1", "noise_laeq", at, level), 0, None)
        columns.append("bai-chay", Reading("gas-1", "no2", at, 199.0), 0, None)
    await store.write(columns)
    with Book(tmp_path / "book.sqlite") as book:
        sensors = (Sensor("noise-1", "x", ("noise_laeq",), 60.0), Sensor("gas-1", "x", ("no2",), 60.0))
        book.register(Birth("gw-1", Site("bai-chay", "Bãi Cháy", 20.9, 107.0), sensors, (1, 1), T), T)
        if invalid:
            Pages(book).invalidate(
                "noise-1", "", T - HOUR_MS, T, reason="a drill beside it", who="Lan", now_ms=T
            )
        inspector = Inspector(
            LIMITS,
            store=View(store, book),
            book=book,
            registry=Registry(book),
            clock=lambda: now_ms,
            may_look=lambda: True,
            tell=told.extend,
            look_every_s=0.01,
        )
        await inspector.look()
        assert told == []
        now_ms = T + GRACE_MS
        task = asyncio.create_task(inspector.run())
        async with asyncio.timeout(10):
            while not told and not invalid:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [(one.sensor, one.high) for one in told] == ([] if invalid else [("noise-1", 70.0)])
        assert told == book.anomalies(open_only=True)
    await store.close()
