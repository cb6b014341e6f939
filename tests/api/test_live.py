"""The live stream over a real socket: events, resuming, reset."""

import asyncio
import json

import httpx

from telemetry.anomaly import AnomalyKind
from telemetry.reading import Reading
from tests.api.conftest import NOW_MS, Hub, anomaly, served


def reading(number: int) -> list[tuple[str, Reading]]:
    return [("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + number, float(number)))]


async def events(url: str, wanted: int, hub: Hub, last_id: str | None = None) -> list[dict[str, str]]:
    """The first events of a new listener; a reading is stored once it listens."""
    found: list[dict[str, str]] = []
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with (
        httpx.AsyncClient(timeout=20) as client,
        client.stream("GET", f"{url}/v1/stream", headers=headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        current: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line.startswith("retry"):
                hub.feed.stored(reading(1000 + len(found)))
            if line:
                name, _, value = line.partition(": ")
                current[name] = value
            elif "event" in current:
                found.append(current)
                current = {}
                if len(found) == wanted:
                    return found
            else:
                current = {}
    return found


async def test_what_is_stored_is_told(hub: Hub) -> None:
    async with served(hub) as url:
        (event,) = await events(url, 1, hub)
    assert event["event"] == "readings"
    assert json.loads(event["data"])[0] == {
        "sensor": "bai-chay-pm-1",
        "site": "bai-chay",
        "quantity": "pm25",
        "t": NOW_MS + 1000,
        "value": 1000.0,
        "flags": 0,
    }


async def test_who_comes_back_gets_what_was_missed(hub: Hub) -> None:
    async with served(hub) as url:
        (first,) = await events(url, 1, hub)
        hub.feed.anomaly(anomaly(AnomalyKind.STUCK, NOW_MS))
        hub.feed.flush()
        (missed,) = await events(url, 1, hub, first["id"])
        (reset,) = await events(url, 1, hub, "another-life-3")
    assert missed["event"] == "anomaly"
    assert json.loads(missed["data"])[0]["kind"] == "stuck"
    assert reset["event"] == "reset"


async def test_a_listener_that_left_is_forgotten(hub: Hub) -> None:
    async with served(hub) as url:
        await events(url, 1, hub)
        for _ in range(500):
            if hub.feed.listeners == 0:
                break
            hub.feed.stored(reading(5000))
            await asyncio.sleep(0.02)
        assert hub.feed.listeners == 0
