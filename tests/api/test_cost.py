"""Questions to the store: so many at once, and stopped when nobody waits for the answer any more."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api.cost import AT_ONCE_EACH
from storage.store import Store
from telemetry.reading import Reading
from tests.api.conftest import Hub, served
from tests.api.questions import PM
from tests.waiting import until

PATIENCE_S = 20.0


class SlowStore:
    """In front of a store: readings come when they are let go."""

    def __init__(self) -> None:
        self.waiting = self.cancelled = 0
        self.go = asyncio.Event()

    async def readings(self, *_: object, **__: object) -> list[Reading]:
        """None, as soon as the test says so."""
        self.waiting += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.waiting -= 1
        return []


def slow(hub: Hub) -> tuple[Hub, SlowStore]:
    store = SlowStore()
    peer: Store = store  # type: ignore[assignment]
    return Hub(replace(hub.services, store=peer), hub.ready), store


async def test_so_many_questions_at_once(hub: Hub) -> None:
    slow_hub, store = slow(hub)
    async with served(slow_hub) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        asking = [asyncio.create_task(client.get("/v1/readings", params=PM)) for _ in range(AT_ONCE_EACH)]
        await until(lambda: store.waiting == AT_ONCE_EACH)
        refused = await client.get("/v1/readings", params=PM)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert "too many questions at once" in refused.json()["detail"]
        assert (await client.get("/v1/latest")).status_code == 200
        store.go.set()
        assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}
        assert (await client.get("/v1/readings", params=PM)).status_code == 200
    assert slow_hub.services.caches.turns.open == 0


async def test_a_question_is_stopped_when_its_client_leaves(hub: Hub) -> None:
    slow_hub, store = slow(hub)
    async with served(slow_hub) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/readings?sensor=bai-chay-pm-1&quantity=pm25 HTTP/1.1\r\nHost: hub\r\n\r\n")
        await until(lambda: store.waiting == 1)
        writer.close()
        await until(lambda: store.cancelled == 1)
        await until(lambda: slow_hub.services.caches.turns.open == 0)


async def test_so_many_may_listen(hub: Hub) -> None:
    few = Hub(replace(hub.services, listeners_max=2), hub.ready)
    async with served(few) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        async with client.stream("GET", "/v1/stream") as first, client.stream("GET", "/v1/stream") as second:
            assert (first.status_code, second.status_code) == (200, 200)
            await until(lambda: few.feed.listeners == 2)
            refused = await client.get("/v1/stream")
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
            with pytest.raises(ConnectionClosed) as closed:
                async with connect(f"{url.replace('http', 'ws')}/v1/socket") as socket:
                    await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        few.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", 1, 1.0))])
        await until(lambda: few.feed.listeners < 2)
        async with client.stream("GET", "/v1/stream") as third:
            assert third.status_code == 200
