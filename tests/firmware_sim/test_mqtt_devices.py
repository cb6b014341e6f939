"""The city's MQTT devices on a real broker: in order, again after a lost link, and bounded while the broker is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from uuid import uuid4

import pytest

from firmware_sim.mqtt_devices import BUFFER, Outgoing, Publisher
from runtime.mqtt import BrokerUrl, Connection, keep_connected

PATIENCE_S = 30.0


def messages(topic: str, *numbers: int) -> list[Outgoing]:
    return [Outgoing(f"s-{number}", topic, b"%d" % number, number) for number in numbers]


def never(message: Outgoing) -> None:
    raise AssertionError(f"{message} was dropped")


@asynccontextmanager
async def heard(url: BrokerUrl, topic: str) -> AsyncIterator[list[int]]:
    """The numbers that arrive on the topic while the context lasts."""
    found: list[int] = []
    hear, listening = found.append, asyncio.Event()

    async def session(connection: Connection) -> None:
        listening.set()
        async for message in connection.messages():
            hear(int(message.payload))

    task = asyncio.create_task(
        keep_connected(url, f"h-{uuid4().hex}", session, subscriptions=[topic], rng=Random(1))
    )
    await listening.wait()
    yield found
    task.cancel()
    await asyncio.wait([task])


async def until(found: list[int], last: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while last not in found:
            await asyncio.sleep(0.005)


async def test_messages_arrive_unchanged_and_in_order(mosquitto_url: str) -> None:
    url, topic = BrokerUrl.parse(mosquitto_url), f"street/{uuid4().hex}"
    publisher = Publisher(url, rng=Random(uuid4().int), dropped=never)
    async with heard(url, topic) as found:
        for message in messages(topic, *range(20)):
            publisher.put(message)
        running = asyncio.create_task(publisher.run())
        for message in messages(topic, *range(20, 50)):
            publisher.put(message)
            await asyncio.sleep(0)
        await publisher.flush(PATIENCE_S)
        await until(found, 49)
        assert found == list(range(50))
        running.cancel()
        await asyncio.wait([running])


async def test_after_a_lost_link_nothing_is_missing(mosquitto_url: str) -> None:
    """Another client with its name makes the broker throw it out."""
    url, topic = BrokerUrl.parse(mosquitto_url), f"street/{uuid4().hex}"
    seed = uuid4().int
    name = f"street-{Random(seed).getrandbits(32):08x}"
    publisher = Publisher(url, rng=Random(seed), dropped=never)

    async def intrude(connection: Connection) -> None:
        await connection.publish(f"{topic}/intruder", b"")

    async with heard(url, topic) as found:
        running = asyncio.create_task(publisher.run())
        for first in range(0, 150, 50):
            for message in messages(topic, *range(first, first + 50)):
                publisher.put(message)
            await keep_connected(url, name, intrude, rng=Random(1))
        await publisher.flush(PATIENCE_S)
        await until(found, 149)
        assert list(dict.fromkeys(found)) == list(range(150))
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("too_many", [0, 1, 25])
def test_what_the_buffer_cannot_keep_is_the_oldest_and_is_told(too_many: int) -> None:
    dropped: list[Outgoing] = []
    publisher = Publisher(BrokerUrl.parse("mqtt://127.0.0.1:1"), rng=Random(1), dropped=dropped.append)
    every = messages("t", *range(BUFFER + too_many))
    for message in every:
        publisher.put(message)
    assert dropped == every[:too_many]


async def test_flush_gives_up_after_its_time() -> None:
    publisher = Publisher(BrokerUrl.parse("mqtt://127.0.0.1:1"), rng=Random(1), dropped=never)
    publisher.put(messages("t", 1)[0])
    await publisher.flush(0.05)
    assert list(publisher._waiting) == messages("t", 1)
