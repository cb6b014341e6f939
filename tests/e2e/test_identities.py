"""Who may say what, on a real mosquitto with TLS: a stolen gateway identity reaches no further than its own topics."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import structlog

from halong import pki
from halong.installation import free_port
from runtime.brokerurl import Access, BrokerUrl
from runtime.mqtt import Connection, LinkLostError, Message, Will, keep_connected
from telemetry import topics
from tests.secured import Secured, run

PATIENCE_S = 20.0


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def secured(tmp_path: Path, port: int) -> Iterator[Secured]:
    city = Secured(tmp_path, port)
    for name in ("gw-a", "gw-b"):
        city.issue(name)
    with city.running():
        yield city


@asynccontextmanager
async def hub_hears(city: Secured) -> AsyncIterator[asyncio.Queue[Message]]:
    """All that the hub's identity may hear, in order."""
    heard: asyncio.Queue[Message] = asyncio.Queue(1000)
    ready = asyncio.Event()
    everything = [f"{city.root}/{name}" for name in ("up/#", "birth/+", "state/+")]

    async def listen(connection: Connection) -> None:
        ready.set()
        async for message in connection.messages():
            await heard.put(message)

    async with asyncio.timeout(PATIENCE_S):
        task = asyncio.create_task(
            keep_connected(city.address("hub"), "hub", listen, subscriptions=everything, rng=Random(1))
        )
        try:
            await ready.wait()
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def publish(city: Secured, name: str, said: list[str], will: Will | None = None) -> None:
    """With the identity `name`: each topic in its order, the topic as the payload."""

    async def speak(connection: Connection) -> None:
        for topic in said:
            await connection.publish(topic, topic.encode())

    async with asyncio.timeout(PATIENCE_S):
        await keep_connected(city.address(name), f"x-{name}", speak, will=will, rng=Random(1))


def own_topics(root: str, gateway: str) -> list[str]:
    return [
        topics.birth(root, gateway),
        topics.state(root, gateway),
        f"{root}/up/0a/{gateway}/abcd/0",
        f"{root}/up/0a/{gateway}/abcd/1/00000000",
    ]


async def test_a_stolen_identity_writes_only_its_own_topics(secured: Secured) -> None:
    root = secured.root
    forbidden = [
        *own_topics(root, "gw-b"),
        *own_topics(root, "gw"),
        *own_topics(root, "gw-a-2"),
        f"{root}/up/gw-a/gw-b/abcd/0",  # its own name in a place where it does not count
        f"{root}/up/0a/0a/gw-a/abcd/0",
        topics.ack(root, "gw-b"),
        topics.ack(root, "gw-a"),
        topics.do(root, "gw-b"),
        topics.ingest(root),
        topics.alarm(root, "pm-1"),
        "other/topic",
        "$SYS/broker/version",
    ]
    own = own_topics(root, "gw-a")
    async with hub_hears(secured) as heard:
        await publish(secured, "gw-a", [*forbidden, *own])
        assert [(await heard.get()).topic for _ in own] == own
        await publish(secured, "gw-b", own_topics(root, "gw-b"))
        assert [(await heard.get()).topic for _ in own] == own_topics(root, "gw-b")
        assert heard.empty()


async def test_the_will_of_a_stolen_identity_is_no_way_around(secured: Secured) -> None:
    will = Will(topics.state(secured.root, "gw-b"), b"dead")

    async def die(connection: Connection) -> None:
        connection._client._client._sock_close()
        raise LinkLostError("pulled")

    async with hub_hears(secured) as heard:
        dying = asyncio.create_task(
            keep_connected(secured.address("gw-a"), "a", die, will=will, rng=Random(1))
        )
        await publish(secured, "gw-b", [topics.birth(secured.root, "gw-b")])
        await asyncio.sleep(1.5)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        await publish(secured, "gw-b", [topics.state(secured.root, "gw-b")])
        assert [(await heard.get()).payload for _ in range(2)] == [
            topics.birth(secured.root, "gw-b").encode(),
            topics.state(secured.root, "gw-b").encode(),
        ]


async def test_a_gateway_hears_its_own_answers_and_nobody_elses(secured: Secured) -> None:
    root, heard = secured.root, []
    told = [topics.ack(root, "gw-b"), topics.do(root, "gw-b"), topics.ingest(root), topics.do(root, "gw-a")]

    async def listen(connection: Connection) -> None:
        asking = asyncio.create_task(publish(secured, "hub", [*told, topics.ack(root, "gw-a")]))
        async for message in connection.messages():
            heard.append(message.topic)
            if message.topic == topics.ack(root, "gw-a"):
                break
        await asking

    async with asyncio.timeout(PATIENCE_S):
        await keep_connected(secured.address("gw-a"), "a", listen, subscriptions=["#"], rng=Random(1))
    assert heard == [topics.ingest(root), topics.do(root, "gw-a"), topics.ack(root, "gw-a")]


async def refused(address: BrokerUrl) -> bool:
    """Whether the broker lets this client not even connect, or hangs up at its first word."""
    with structlog.testing.capture_logs() as told:

        async def first_word(connection: Connection) -> None:
            await connection.publish("x", b"x")

        link = asyncio.create_task(keep_connected(address, "stranger", first_word, rng=Random(1)))
        async with asyncio.timeout(PATIENCE_S):
            while not link.done() and not any(line["event"].startswith("broker away") for line in told):
                await asyncio.sleep(0.02)
        if link.done():
            await link
            return False
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)
    return True


async def test_who_has_no_certificate_of_this_city_is_refused(
    secured: Secured, port: int, tmp_path: Path
) -> None:
    assert not await refused(secured.address("gw-a"))  # the ruler measures
    ca = secured.access("gw-a").ca
    assert await refused(BrokerUrl.parse(f"mqtt://localhost:{port}"))  # not even TLS
    assert await refused(BrokerUrl.parse(secured.url, Access(ca=ca)))  # nobody
    other = Secured(tmp_path / "other", port)
    other.issue("gw-a")
    wrong = Access(
        ca=ca,
        certificate=other.access("gw-a").certificate,
        certificate_key=other.access("gw-a").certificate_key,
    )
    assert await refused(BrokerUrl.parse(secured.url, wrong))  # another authority's gw-a
    server = secured.access("broker")
    assert await refused(BrokerUrl.parse(secured.url, server))  # a server's certificate is no client's
    with pytest.raises(ssl.SSLError):  # and a client does not believe another authority's broker
        ssl.get_server_certificate(("127.0.0.1", port), ca_certs=other.access("gw-a").ca, timeout=5)


async def test_a_gateways_certificate_makes_no_broker(secured: Secured, tmp_path: Path) -> None:
    """Who steals a gateway cannot play the centre to the others."""
    place = secured.pki / "issued" / "gw-a"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(place / "client.crt", place / "client.key")
    rogue = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=server)
    async with rogue:
        context = secured.address("gw-b").context()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", rogue.sockets[0].getsockname()[1], ssl=context)


async def test_a_revoked_identity_is_refused_and_its_new_one_is_not(tmp_path: Path, port: int) -> None:
    city = Secured(tmp_path, port)
    for name in ("gw-a", "gw-b"):
        city.issue(name)
    with city.running():
        assert not await refused(city.address("gw-a"))
    stolen = {path.name: path.read_bytes() for path in (city.pki / "issued" / "gw-a").iterdir()}
    assert "1 revoked" in run("pki", "revoke", "gw-a", "--dir", str(city.pki))
    city.issue("gw-a")
    for name, content in stolen.items():
        (tmp_path / name).write_bytes(content)
    thief = Access(
        ca=str(tmp_path / "ca.crt"),
        certificate=str(tmp_path / "client.crt"),
        certificate_key=str(tmp_path / "client.key"),
    )
    with city.running():
        assert await refused(thief.address(city.url))
        assert not await refused(city.address("gw-a"))
        assert not await refused(city.address("gw-b"))


async def test_an_expired_certificate_is_refused(secured: Secured, tmp_path: Path) -> None:
    authority = pki.read_pair((secured.pki / "ca.crt").read_bytes(), (secured.pki / "ca.key").read_bytes())
    old = pki.issue(authority, "gw-a", pki.Role.GATEWAY, datetime.now(UTC) - timedelta(days=9), 8)
    (tmp_path / "old.crt").write_bytes(old.certificate_pem())
    (tmp_path / "old.key").write_bytes(old.key_pem())
    expired = Access(
        ca=str(secured.pki / "ca.crt"),
        certificate=str(tmp_path / "old.crt"),
        certificate_key=str(tmp_path / "old.key"),
    )
    assert await refused(expired.address(secured.url))
