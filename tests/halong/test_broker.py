"""One contract for every broker `halong up` may start: what delivery needs of it, and no more."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from halong.broker import BrokerKind, choose, command
from halong.installation import free_port
from runtime.mqtt import BrokerUrl, Connection, LinkLostError, Message, Will, keep_connected
from tests.servers import running


@pytest.fixture(params=list(BrokerKind))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerUrl]:
    port = free_port()
    with running(request.param, command(request.param, port, tmp_path / "broker"), tmp_path, lambda: True):
        yield BrokerUrl("127.0.0.1", port, None, None)


async def listen(url: BrokerUrl, topics: list[str], wanted: int, ready: asyncio.Event) -> list[Message]:
    found: list[Message] = []

    async def session(connection: Connection) -> None:
        ready.set()
        async for message in connection.messages():
            found.append(message)
            if len(found) == wanted:
                return

    await keep_connected(url, "listener", session, subscriptions=topics, rng=Random(1))
    return found


async def test_packs_on_their_own_topics_arrive_whole(url: BrokerUrl) -> None:
    """300 topics, up to 64 KiB, in order."""
    sizes = [64 * 1024 if number % 100 == 0 else 300 for number in range(300)]
    ready = asyncio.Event()

    async def publish(connection: Connection) -> None:
        for number, size in enumerate(sizes):
            await connection.publish(f"r/v1/up/0a/gw/abcd/{number}", bytes([number % 256]) * size)

    async with asyncio.timeout(60):
        listening = asyncio.create_task(listen(url, ["r/v1/up/#"], 300, ready))
        await ready.wait()
        await keep_connected(url, "publisher", publish, rng=Random(2))
        found = await listening
    assert [message.topic.rpartition("/")[2] for message in found] == [str(number) for number in range(300)]
    assert [len(message.payload) for message in found] == sizes


async def test_retained_state_and_the_will_of_a_broken_link(url: BrokerUrl) -> None:
    async def live(connection: Connection) -> None:
        await connection.publish("r/v1/state/gw", b"on", retain=True)
        connection._client._client._sock_close()  # no DISCONNECT: the broker must speak the will
        raise LinkLostError("pulled")

    async with asyncio.timeout(60):
        dying = asyncio.create_task(
            keep_connected(url, "gw", live, will=Will("r/v1/state/gw", b"off"), rng=Random(1))
        )
        found = await listen(url, ["r/v1/state/+"], 3, asyncio.Event())
        dying.cancel()
    assert {message.payload for message in found} == {b"on", b"off"}


def test_mosquitto_is_preferred() -> None:
    assert choose() is BrokerKind.MOSQUITTO
    assert choose(BrokerKind.AMQTT) is BrokerKind.AMQTT


def test_persistence_is_mosquittos_and_off_unless_asked_for(tmp_path: Path) -> None:
    for wanted in (False, True):
        command(BrokerKind.MOSQUITTO, 1899, tmp_path, persistence=wanted)
        lines = (tmp_path / "mosquitto.conf").read_text(encoding="utf-8").splitlines()
        assert f"persistence {str(wanted).lower()}" in lines
        assert f"persistence_location {tmp_path}/" in lines
