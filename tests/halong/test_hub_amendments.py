"""A correction noted beside a running hub shows in the latest without waiting for the next reading, and goes again."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from halong.hub import HubConfig
from storage.amendments import Corrected, Pages
from storage.book import Book
from telemetry.corrections import Correction
from telemetry.reading import Flag, Reading
from tests.halong.test_hub import config, now_ms, publish, running  # noqa: F401  # `config` is a fixture


async def latest(get: Callable[[str], Awaitable[Any]], wanted: float, query: str = "") -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            items = (await get(f"/v1/latest{query}"))["items"]
            if items and items[0]["value"] == wanted:
                return dict(items[0])
            await asyncio.sleep(0.05)


async def test_the_latest_is_shown_anew(config: HubConfig) -> None:  # noqa: F811
    at_ms = now_ms()
    async with running(config) as get:
        await publish(config, [Reading("pm-1", "pm25", at_ms, 10.0)], 0)
        await latest(get, 10.0)
        with Book(Path(config.data) / "book.sqlite") as book:
            pages = Pages(book)
            number = pages.correct(
                "pm-1", "pm25", Correction(factor=3.0), 0, None, reason="a test", who="a test", now_ms=at_ms
            )
            assert (await latest(get, 30.0))["flags"] == Flag.CORRECTED
            assert (await latest(get, 10.0, "?raw=true"))["flags"] == 0
            await publish(config, [Reading("pm-1", "pm25", at_ms + 5, 11.0)], 1)
            await latest(get, 33.0)
            assert pages.undo(Corrected, number, who="a test", now_ms=at_ms)
            assert (await latest(get, 11.0))["flags"] == 0
