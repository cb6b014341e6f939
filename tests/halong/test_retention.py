"""The hub's embedded store forgets what is older than the days to keep; other stores are told no."""

import asyncio
from pathlib import Path

import pytest

from halong import retention
from runtime.config import ConfigError
from storage.book import Book
from storage.embedded import EmbeddedStore
from storage.store import Columns
from telemetry.manifest import Manifest
from telemetry.reading import Reading
from telemetry.times import DAY_MS, HOUR_MS


@pytest.mark.parametrize("today", [9, 20_000])  # the second is a clock that has jumped ahead
async def test_old_days_go_and_the_rest_stays(tmp_path: Path, today: int) -> None:
    store = EmbeddedStore(tmp_path / "store.duckdb", clock=lambda: 0)
    await store.open()
    columns = Columns()
    for day in range(10):
        columns.append("bai-chay", Reading("pm-1", "pm25", day * DAY_MS, 1.0), 0, None)
    await store.write(columns)
    with Book(tmp_path / "book.sqlite") as book:
        told = [Manifest(sensor="pm-1", hour_ms=12 * hour * HOUR_MS, journal="abcd") for hour in range(20)]
        book.put_manifests([("gw-1", one) for one in told], 0)
        keeping = asyncio.create_task(retention.keep(store, book, 3, lambda: today * DAY_MS))
        async with asyncio.timeout(20):
            while len(book.manifests(0, 10 * DAY_MS)) > 8:
                await asyncio.sleep(0.01)
        keeping.cancel()
        assert [row.hour_ms // DAY_MS for row in book.manifests(0, 10 * DAY_MS)] == [6, 6, 7, 7, 8, 8, 9, 9]
    left = await store.readings("pm-1", "pm25", 0, 10 * DAY_MS, limit=20)
    assert [reading.observed_at // DAY_MS for reading in left] == [6, 7, 8, 9]
    await store.close()


@pytest.mark.parametrize(
    ("url", "days", "words"),
    [
        ("duckdb:store.duckdb", -1, "0 \\(keep everything\\) to 36500"),
        ("http://127.0.0.1:8086/x", 30, "give InfluxDB's database a retention"),
    ],
)
def test_what_cannot_be_is_one_line(url: str, days: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        retention.check(url, days)
    retention.check(url, 0)
