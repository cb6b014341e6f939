"""The proxy between a real client and a real mosquitto, and between two plain sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from uuid import uuid4

import pytest

from halong.chaos.packets import Meddling
from halong.chaos.proxy import Direction, Proxy
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry.topics import PackName, up

PATIENCE_S = 30.0


@asynccontextmanager
async def echo(topic: str | None = None) -> AsyncIterator[Proxy]:
    """A server that says everything back, behind a proxy."""

    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(say_back, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Proxy("echo", port, topic=topic, rng=Random(1)).listening() as proxy:
        yield proxy


async def ask(proxy: Proxy, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(data)
        return await reader.readexactly(len(data))
    finally:
        writer.close()


async def test_bytes_pass_both_ways_also_slowly() -> None:
    data = Random(1).randbytes(3000)
    async with asyncio.timeout(PATIENCE_S), echo() as proxy:
        assert await ask(proxy, data) == data
        slowing = asyncio.create_task(proxy.slow(20_000, 60))
        await asyncio.sleep(0)
        assert await ask(proxy, data) == data
        slowing.cancel()
        assert proxy.connections == 2


async def test_a_cut_breaks_what_is_open_refuses_new_ones_and_heals() -> None:
    async with asyncio.timeout(PATIENCE_S), echo() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        cutting = asyncio.create_task(proxy.cut(60))
        with pytest.raises((asyncio.IncompleteReadError, OSError)):
            await reader.readexactly(1)
        with pytest.raises((asyncio.IncompleteReadError, OSError)):
            await ask(proxy, b"y")
        cutting.cancel()
        await asyncio.gather(cutting, return_exceptions=True)
        assert await ask(proxy, b"z") == b"z"
        writer.close()


@pytest.mark.parametrize("direction", Direction)
async def test_a_mute_direction_holds_everything_until_it_is_over(direction: Direction) -> None:
    async with asyncio.timeout(PATIENCE_S), echo() as proxy:
        muting = asyncio.create_task(proxy.mute(direction, 60))
        await asyncio.sleep(0)
        asking = asyncio.create_task(ask(proxy, b"hello"))
        done, _ = await asyncio.wait([asking], timeout=0.3)
        assert not done
        muting.cancel()
        assert await asking == b"hello"


TEN = {b"%d" % number for number in range(10)}


async def heard_through(
    mosquitto_url: str, meddling: Meddling, enough: Callable[[list[bytes]], bool]
) -> list[bytes]:
    """What a subscriber hears of ten messages that pass the proxy."""
    broker, root = BrokerUrl.parse(mosquitto_url), f"t/{uuid4().hex}"
    heard: list[bytes] = []

    async def listen(connection: Connection) -> None:
        ready.set()
        async for message in connection.messages():
            heard.append(message.payload)
            if enough(heard):
                return

    async def speak(connection: Connection) -> None:
        names = [PackName("gw-1", "abcd", number) for number in range(10)]
        packs = [(up(root, "s", name, b"%d" % name.seq), b"%d" % name.seq) for name in names]
        await asyncio.gather(*(connection.publish(topic, payload) for topic, payload in packs))

    ready = asyncio.Event()
    proxy = Proxy("uplink", broker.port, topic=f"{root}/up/", rng=Random(2))
    async with asyncio.timeout(PATIENCE_S), proxy.listening():
        listening = asyncio.create_task(
            keep_connected(broker, f"l-{root[-8:]}", listen, subscriptions=[f"{root}/#"], rng=Random(1))
        )
        await ready.wait()
        meddle = asyncio.create_task(proxy.meddle(meddling, Direction.OUT, 1.0, 60))
        await asyncio.sleep(0)
        through = broker._replace(port=proxy.port)
        await keep_connected(through, f"s-{root[-8:]}", speak, rng=Random(1))
        await listening
        meddle.cancel()
    assert proxy.touched == 10
    return heard


async def test_a_real_broker_takes_doubled_packets(mosquitto_url: str) -> None:
    heard = await heard_through(
        mosquitto_url, Meddling.DUPLICATE, lambda heard: all(heard.count(one) > 1 for one in TEN)
    )
    assert set(heard) == TEN


async def test_a_real_broker_takes_packets_in_another_order(mosquitto_url: str) -> None:
    heard = await heard_through(mosquitto_url, Meddling.REORDER, lambda heard: len(heard) == 10)
    assert set(heard) == TEN
    assert heard != sorted(heard)


async def test_a_real_broker_takes_changed_packets(mosquitto_url: str) -> None:
    heard = await heard_through(mosquitto_url, Meddling.CORRUPT, lambda heard: len(heard) == 10)
    assert set(heard) != TEN
