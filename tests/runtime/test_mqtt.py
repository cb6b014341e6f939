"""The MQTT link against a real mosquitto: it comes back by itself, speaks its will, and tells what broke."""

import asyncio
import socket
from random import Random
from uuid import uuid4

import pytest

from runtime.mqtt import (
    CONNECT_TIMEOUT_S,
    BrokerUrl,
    Connection,
    LinkLostError,
    Message,
    Will,
    clear_retained,
    keep_connected,
)


@pytest.fixture
def root() -> str:
    return f"test/{uuid4().hex}"


async def collect(url: BrokerUrl, topic: str, wanted: int) -> list[Message]:
    """The first `wanted` messages of a topic filter."""
    found: list[Message] = []

    async def session(connection: Connection) -> None:
        async for message in connection.messages():
            found.append(message)
            if len(found) == wanted:
                return

    async with asyncio.timeout(15):
        await keep_connected(url, f"c-{uuid4().hex}", session, subscriptions=[topic], rng=Random(1))
    return found


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mqtt://broker", BrokerUrl("broker", 1883, None, None)),
        ("mqtt://u%40x@10.0.0.1:1900", BrokerUrl("10.0.0.1", 1900, "u@x")),
        ("mqtts://broker", BrokerUrl("broker", 8883, tls=True)),
    ],
)
def test_addresses(text: str, url: BrokerUrl) -> None:
    assert BrokerUrl.parse(text) == url


@pytest.mark.parametrize("text", ["broker:1883", "http://broker", "mqtt://", "mqtt://host:port"])
def test_wrong_addresses_are_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="broker"):
        BrokerUrl.parse(text)


async def test_messages_arrive_in_order(mosquitto_url: str, root: str) -> None:
    url = BrokerUrl.parse(mosquitto_url)
    receiving = asyncio.create_task(collect(url, f"{root}/#", 50))

    async def publish(connection: Connection) -> None:
        for number in range(49):
            await connection.publish(f"{root}/{number}", b"x")

    async with asyncio.timeout(15):
        # What is sent before the subscriber is there does not arrive: send until it has heard enough.
        while not receiving.done():
            await keep_connected(url, f"p-{uuid4().hex}", publish, rng=Random(1))
    numbers = [int(message.topic.rpartition("/")[2]) for message in receiving.result()]
    assert numbers == [(numbers[0] + index) % 49 for index in range(50)]


async def test_a_lost_link_is_made_again_and_the_will_is_spoken(mosquitto_url: str, root: str) -> None:
    url = BrokerUrl.parse(mosquitto_url)
    sessions, changes = 0, []

    async def session(connection: Connection) -> None:
        nonlocal sessions
        sessions += 1
        await connection.publish(f"{root}/state", b"on", retain=True)
        if sessions < 3:
            connection._client._client._sock_close()  # the cable is pulled: no DISCONNECT is sent
            raise LinkLostError("pulled")

    wills = []

    def will() -> Will:
        wills.append(Will(f"{root}/state", f"gone {len(wills)}".encode()))
        return wills[-1]

    async with asyncio.timeout(20):
        await keep_connected(
            url, f"w-{uuid4().hex}", session, will=will, rng=Random(1), on_change=changes.append
        )
    assert sessions == 3
    assert changes == [True, False] * 3
    assert len(wills) == 3, "asked anew for every connection"


async def test_an_absent_broker_is_waited_for() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        unused_port = probe.getsockname()[1]
    changes: list[bool] = []

    async def session(connection: Connection) -> None:
        raise AssertionError("there is no broker")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await keep_connected(
                BrokerUrl("127.0.0.1", unused_port, None, None),
                "a",
                session,
                rng=Random(1),
                on_change=changes.append,
            )
    assert changes == []


async def test_other_errors_of_a_session_are_bugs_and_come_out(mosquitto_url: str) -> None:
    async def session(connection: Connection) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(connection.publish("a/b", b""))
            raise KeyError("bug")

    with pytest.raises(BaseExceptionGroup) as caught:
        async with asyncio.timeout(15):
            await keep_connected(BrokerUrl.parse(mosquitto_url), f"b-{uuid4().hex}", session, rng=Random(1))
    assert caught.value.subgroup(KeyError) is not None


async def test_retained_topics_are_cleared(mosquitto_url: str, root: str) -> None:
    url = BrokerUrl.parse(mosquitto_url)

    async def publish(connection: Connection) -> None:
        for number in range(5):
            await connection.publish(f"{root}/{number}", b"kept", retain=True)

    await keep_connected(url, f"r-{uuid4().hex}", publish, rng=Random(1))
    assert await clear_retained(url, f"{root}/#") == 5
    assert await clear_retained(url, f"{root}/#", wait_s=0.3) == 0


async def test_a_broker_that_hangs_up_instead_of_answering_is_tried_again_at_once() -> None:
    """Not after the whole time an answer may take."""
    tries = asyncio.Semaphore(0)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(2)
        writer.close()
        tries.release()

    async def never(connection: Connection) -> None:
        raise AssertionError("nobody answered")

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    url = BrokerUrl("127.0.0.1", server.sockets[0].getsockname()[1], None, None)
    async with server:
        trying = asyncio.create_task(keep_connected(url, f"h-{uuid4().hex}", never, rng=Random(1)))
        async with asyncio.timeout(CONNECT_TIMEOUT_S * 0.9):
            for _ in range(3):
                await tries.acquire()
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)


async def test_a_link_that_breaks_while_we_are_told_to_end_does_not_take_the_end_back(
    mosquitto_url: str,
) -> None:
    """A TaskGroup prefers its tasks' errors to its own cancellation: the link would be made again, for ever."""
    ready, sessions = asyncio.Event(), 0

    async def break_when_told_to_end() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LinkLostError("broken at this moment") from None

    async def session(connection: Connection) -> None:
        nonlocal sessions
        sessions += 1
        async with asyncio.TaskGroup() as group:
            group.create_task(break_when_told_to_end())
            ready.set()

    url = BrokerUrl.parse(mosquitto_url)
    keeping = asyncio.create_task(keep_connected(url, f"e-{uuid4().hex}", session, rng=Random(1)))
    async with asyncio.timeout(15):
        await ready.wait()
        keeping.cancel()
        await asyncio.wait([keeping], timeout=10)
    assert keeping.cancelled()
    assert sessions == 1


async def test_a_link_that_one_task_of_a_session_finds_lost_is_made_again_and_can_still_be_ended(
    mosquitto_url: str,
) -> None:
    ready, sessions = asyncio.Event(), 0

    async def lose() -> None:
        await asyncio.sleep(0.01)
        raise LinkLostError("one of the tasks noticed")

    async def session(connection: Connection) -> None:
        nonlocal sessions
        sessions += 1
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            if sessions < 4:
                group.create_task(lose())
                group.create_task(lose())
            else:
                ready.set()

    url = BrokerUrl.parse(mosquitto_url)
    keeping = asyncio.create_task(keep_connected(url, f"f-{uuid4().hex}", session, rng=Random(1)))
    async with asyncio.timeout(15):
        await ready.wait()
        keeping.cancel()
        await asyncio.wait([keeping])
    assert keeping.cancelled()
    assert sessions == 4


async def test_a_bug_in_a_session_is_no_lost_link(mosquitto_url: str) -> None:
    async def lose() -> None:
        raise LinkLostError("and this one lost its link")

    async def err() -> None:
        raise KeyError("a bug")

    async def session(connection: Connection) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(lose())
            group.create_task(err())

    url = BrokerUrl.parse(mosquitto_url)
    with pytest.raises(ExceptionGroup, match="unhandled"):
        async with asyncio.timeout(15):
            await keep_connected(url, f"b-{uuid4().hex}", session, rng=Random(1))


async def test_a_session_that_swallows_being_told_to_end_is_told_again(mosquitto_url: str) -> None:
    inside, told = asyncio.Event(), 0

    async def session(connection: Connection) -> None:
        nonlocal told
        inside.set()
        while told < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told += 1
        raise asyncio.CancelledError

    url = BrokerUrl.parse(mosquitto_url)
    task = asyncio.create_task(keep_connected(url, f"deaf-{uuid4().hex}", session, rng=Random(1)))
    await inside.wait()
    task.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait([task])
    assert task.cancelled()
    assert told == 2
