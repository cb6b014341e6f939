"""A question that nobody waits for any more costs nothing more: both databases stop working on it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.duckpool import READERS
from storage.embedded import EmbeddedStore
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.store import Columns
from telemetry.quantities import Aggregate
from telemetry.reading import Reading

T0 = 1_760_000_000_000
ROWS = 3_000_000  # a second's work for DuckDB
SERIES = 30_000  # a second's work for InfluxDB
PATIENCE_S = 30.0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_duckdb_stops_and_the_other_question_goes_on(tmp_path: Path) -> None:
    """The second of two equal questions is given up, and its cursor is free before the first has its answer."""
    store = EmbeddedStore(tmp_path / "store.duckdb", clock=lambda: T0)
    await store.open()
    columns = Columns()
    columns.append("bai-chay", Reading("rain-1", "rain", T0, 1.0), 0, None)
    await store.write(columns)
    (number,) = store._file.ids.values()
    store._file.connection.execute(
        f"INSERT INTO readings SELECT {number}, {T0} + i, i % 360, 0, NULL FROM range(1, {ROWS}) t(i)"
    )

    def question() -> "asyncio.Task[object]":
        return asyncio.create_task(
            store.aggregate(
                ["rain-1"],
                "rain",
                T0,
                T0 + ROWS,
                window_ms=1_000_000,
                function=Aggregate.INCREASE,
            )
        )

    first, second = question(), question()
    await until(lambda: store._pool._cursors.qsize() == READERS - 2)
    second.cancel()
    await until(lambda: store._pool._cursors.qsize() == READERS - 1)
    assert second.cancelled()
    assert not first.done()
    first.cancel()
    await store.close()


@pytest.mark.influxd
async def test_influxdb_stops_and_the_other_question_goes_on(influxd_url: str, influx_database: str) -> None:
    store = InfluxStore(InfluxUrl.parse(f"{influxd_url}/{influx_database}"))
    await store.open()
    columns = Columns()
    for number in range(SERIES):
        for minute in range(2):
            at = T0 + minute * 60_000
            columns.append("bai-chay", Reading(f"pm-{number}", "pm25", at, 1.0), 0, None)
    await store.write(columns)

    async def running() -> int:
        tables = await store._ask("SHOW QUERIES")
        texts = [str(cell) for table in tables for row in table.values for cell in row]
        return sum("count(" in text and influx_database in texts for text in texts)

    def question() -> "asyncio.Task[object]":
        return asyncio.create_task(store.count_windows(T0, T0 + 600_000, window_ms=1000))

    async def until_running(number: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await running() != number:
                await asyncio.sleep(0.005)

    try:
        first = question()
        await until_running(1)
        second = question()
        await until_running(2)
        second.cancel()
        await until_running(1)
        assert not first.done()
        first.cancel()
        await until_running(0)
    finally:
        await store.close()
