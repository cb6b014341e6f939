"""The hub as one: a pack on the broker is stored, is the latest, and is live; what was stored before is known at start."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from halong.hub import ApiSettings, BrokerSettings, HubConfig, run
from halong.installation import free_port
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from storage.embedded import EmbeddedStore
from storage.store import Columns
from telemetry import topics
from telemetry.packs import encode_pack
from telemetry.reading import Reading
from telemetry.topics import PackName
from tests.peers import living, now_ms

PATIENCE_S = 20.0


@pytest.fixture
def config(tmp_path: Path, mosquitto_url: str) -> HubConfig:
    return HubConfig(
        data=str(tmp_path / "data"),
        broker=BrokerSettings(mosquitto_url, f"test-{uuid4().hex}"),
        api=ApiSettings("127.0.0.1", free_port()),
    )


@asynccontextmanager
async def running(config: HubConfig) -> AsyncIterator[Callable[[str], Awaitable[Any]]]:
    """A hub that answers; gives the function that asks it."""

    def fetch(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{config.api.port}{path}", timeout=5) as answer:
            return json.load(answer)

    async def get(path: str) -> Any:
        return await asyncio.to_thread(fetch, path)

    async with living(lambda stop: run(config, stop=stop)):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await get("/readyz")
                except OSError:  # not listening yet, or 503
                    await asyncio.sleep(0.02)
                else:
                    break
        yield get


async def publish_raw(config: HubConfig, topic: str, payload: bytes, *, retain: bool = False) -> None:
    """One message."""

    async def session(connection: Connection) -> None:
        await connection.publish(topic, payload, retain=retain)

    await keep_connected(BrokerUrl.parse(config.broker.url), f"gw-{uuid4().hex[:8]}", session, rng=Random(1))


async def publish(config: HubConfig, readings: list[Reading], seq: int) -> None:
    topic = topics.up(config.broker.root, "bai-chay", PackName("gw-1", "abcd", seq))
    await publish_raw(config, topic, encode_pack("bai-chay", readings))


async def test_what_is_stored_is_live_and_a_listener_is_let_go_at_the_end(config: HubConfig) -> None:
    reading = Reading("pm-1", "pm25", now_ms(), 12.5)
    async with running(config) as get:
        stream, writer = await asyncio.open_connection("127.0.0.1", config.api.port)
        writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: hub\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            await stream.readuntil(b"retry: 2000\n\n")
            await publish(config, [reading], 0)
            event = await stream.readuntil(b"\n\n\r\n")
        assert b"event: readings\n" in event
        assert b'"sensor":"pm-1","site":"bai-chay","quantity":"pm25"' in event
        assert b'"value":12.5' in event
        assert [item["value"] for item in (await get("/v1/latest"))["items"]] == [12.5]
        assert (await get("/v1/account"))["readings_stored"] == 1
    async with asyncio.timeout(PATIENCE_S):
        assert (await stream.read()).endswith(b"0\r\n\r\n")  # ended in order, not cut
    writer.close()


async def test_what_was_stored_before_is_the_latest_at_start(config: HubConfig) -> None:
    Path(config.data).mkdir()
    store = EmbeddedStore(Path(config.data) / "store.duckdb", clock=now_ms)
    await store.open()
    columns = Columns()
    for age_ms, value in ((60_000, 1.0), (30_000, 2.0), (7 * 86_400_000, 9.0)):
        sensor = "old-1" if value == 9.0 else "pm-1"
        columns.append("bai-chay", Reading(sensor, "pm25", now_ms() - age_ms, value), 0, None)
    await store.write(columns)
    await store.close()
    async with running(config) as get:
        (item,) = (await get("/v1/latest"))["items"]
        assert (item["sensor"], item["site"], item["value"]) == ("pm-1", "bai-chay", 2.0)
