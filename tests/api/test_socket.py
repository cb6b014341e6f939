"""The live feed over a real WebSocket, and filters over both."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from runtime.feed import BEHIND
from telemetry.anomaly import AnomalyKind
from telemetry.reading import Reading
from tests.api.conftest import NOW_MS, Hub, anomaly, served

PATIENCE_S = 20.0


def stored(hub: Hub, number: int, sensor: str = "bai-chay-pm-1", quantity: str = "pm25") -> None:
    hub.feed.stored([("bai-chay", Reading(sensor, quantity, NOW_MS + number, float(number)))])


async def wait_for_listeners(hub: Hub, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while hub.feed.listeners != count:
            await asyncio.sleep(0.01)


async def message(socket: Any) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await socket.recv())


async def test_what_is_stored_is_told_and_what_was_missed_is_caught_up(hub: Hub) -> None:
    async with served(hub) as url:
        address = url.replace("http", "ws") + "/v1/socket"
        async with connect(address) as socket:
            await wait_for_listeners(hub, 1)
            stored(hub, 1)
            first = await message(socket)
        assert (first["event"], first["data"][0]["value"]) == ("readings", 1.0)
        await wait_for_listeners(hub, 0)
        hub.feed.anomaly(anomaly(AnomalyKind.STUCK, NOW_MS))
        hub.feed.flush()
        async with connect(f"{address}?last_event_id={first['id']}") as socket:
            missed = await message(socket)
            assert (missed["event"], missed["data"][0]["kind"]) == ("anomaly", "stuck")
        async with connect(f"{address}?last_event_id=another-life-3") as socket:
            assert (await message(socket))["event"] == "reset"


async def test_a_filter_leaves_the_rest_out(hub: Hub) -> None:
    async with served(hub) as url:
        address = url.replace("http", "ws") + "/v1/socket?"
        async with connect(address + "sensor=bai-chay-noise-1&kind=readings&kind=stuck") as socket:
            await wait_for_listeners(hub, 1)
            stored(hub, 1)
            stored(hub, 2, "bai-chay-noise-1", "noise_laeq")
            hub.feed.anomaly(anomaly(AnomalyKind.SPIKE, NOW_MS, sensor="bai-chay-noise-1"))
            hub.feed.anomaly(anomaly(AnomalyKind.STUCK, NOW_MS, sensor="bai-chay-noise-1"))
            readings, anomalies = await message(socket), await message(socket)
    assert [item["sensor"] for item in readings["data"]] == ["bai-chay-noise-1"]
    assert [item["kind"] for item in anomalies["data"]] == ["stuck"]


@pytest.mark.parametrize("query", ["sensor=nobody", "site=nowhere", "kind=spikes", "quantity=pm2.5"])
async def test_a_filter_that_names_what_is_not_there_is_refused(hub: Hub, query: str) -> None:
    async with served(hub) as url:
        async with connect(f"{url.replace('http', 'ws')}/v1/socket?{query}") as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await message(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert closed.value.rcvd.reason
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{url}/v1/stream?{query}")
        assert answer.status_code in (400, 404)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_client_that_does_not_read_is_told_and_let_go_and_nobody_else_notices(hub: Hub) -> None:
    """It reads nothing while far more is told than its socket can hold; then it finds `dropped` at the end."""
    rounds = 400
    async with served(hub) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: hub\r\n\r\n")
        async with connect(url.replace("http", "ws") + "/v1/socket", max_size=None) as good:
            await wait_for_listeners(hub, 2)
            names = [f"bai-chay-pm-{number}" for number in range(1000)]
            for number in range(rounds):
                hub.feed.stored(
                    [("bai-chay", Reading(name, "pm25", NOW_MS + 1 + number, 1.0)) for name in names]
                )
                hub.feed.flush()
                assert len((await message(good))["data"]) == len(names)
                if hub.feed.dropped:
                    break
            assert hub.feed.dropped == 1
            assert hub.feed.listeners == 1
            stored(hub, rounds + 1)
            assert (await message(good))["event"] == "readings"
            async with asyncio.timeout(PATIENCE_S):
                text = await reader.read(100_000_000)
                while b"event: dropped" not in text[-4096:]:
                    text = text[-4096:] + await reader.read(1_000_000)
        writer.close()
    assert rounds > BEHIND


async def test_many_clients_get_the_same_bytes_encoded_once(hub: Hub) -> None:
    clients = 60
    async with served(hub) as url:
        address = url.replace("http", "ws") + "/v1/socket"
        sockets = [await connect(address) for _ in range(clients)]
        try:
            await wait_for_listeners(hub, clients)
            stored(hub, 1)
            messages = [await asyncio.wait_for(socket.recv(), PATIENCE_S) for socket in sockets]
        finally:
            for socket in sockets:
                await socket.close()
        await wait_for_listeners(hub, 0)
    assert len(set(messages)) == 1
