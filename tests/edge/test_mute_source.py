"""A broker that forgets the agent's subscriptions: what falls silent is subscribed or connected again, and told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from uuid import uuid4

import structlog.testing

from edge.publishers import FieldPath, MqttSource
from edge.sources import Source, SourceLink
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry.reading import Reading
from tests.forgetful import ForgetfulBroker
from tests.waiting import until

PERIOD_S = 0.02


class Speaker:
    """Devices that speak every PERIOD_S, straight to the broker."""

    def __init__(self, url: str, root: str, names: list[str]) -> None:
        self._url, self._root, self.names = url, root, names

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        task = asyncio.create_task(
            keep_connected(BrokerUrl.parse(self._url), uuid4().hex, self._speak, rng=Random(1))
        )
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _speak(self, connection: Connection) -> None:
        value = 0
        while True:
            value += 1
            for name in self.names:
                await connection.publish(f"{self._root}/{name}", b'{"v": %d}' % value, qos=0)
            await asyncio.sleep(PERIOD_S)


class Listening:
    """A link with sources at a broker."""

    def __init__(self, url: str, root: str, periods: dict[str, float], least_s: float = 0.3) -> None:
        self.read: list[Reading] = []

        async def deliver(readings: object) -> None:
            self.read.extend(readings)  # type: ignore[arg-type]

        fields = {"co2": FieldPath(path="v")}
        sources = [
            Source(MqttSource(topic=f"{root}/{name}", sensor=name, period_s=period_s, fields=fields))
            for name, period_s in periods.items()
        ]
        clock = iter(range(1_700_000_000_000, 1_800_000_000_000))
        self.link = SourceLink(
            BrokerUrl.parse(url),
            uuid4().hex,
            sources,
            deliver=deliver,
            clock=lambda: next(clock),
            rng=Random(1),
            mute_least_s=least_s,
        )

    def count(self, sensor: str) -> int:
        return sum(reading.sensor == sensor for reading in self.read)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Listening"]:
        task = asyncio.create_task(self.link.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_a_link_that_goes_mute_is_connected_again_and_told(mosquitto_url: str) -> None:
    root = f"test-{uuid4().hex}"
    async with (
        ForgetfulBroker(mosquitto_url).listening() as broker,
        Speaker(mosquitto_url, root, ["a", "b"]).speaking(),
        Listening(broker.url, root, {"a": PERIOD_S, "b": 0.0}).running() as listening,
    ):
        await until(lambda: listening.count("a") > 3 and listening.count("b") > 3)
        with structlog.testing.capture_logs() as logs:
            broker.forget()
            before = listening.count("a")
            await until(lambda: broker.connections == 2 and listening.count("a") > before + 5)
            assert [line["sensor"] for line in logs if line["event"].startswith("source is mute")] == ["a"]
            assert [line["sensor"] for line in logs if line["event"] == "source speaks again"] == ["a"]
        assert broker.kept_back > 0
        assert all(counters.problem == "" for counters in listening.link.counters())


async def test_one_forgotten_source_is_subscribed_again_and_its_neighbour_not_disturbed(
    mosquitto_url: str,
) -> None:
    root = f"test-{uuid4().hex}"
    async with (
        ForgetfulBroker(mosquitto_url).listening() as broker,
        Speaker(mosquitto_url, root, ["a", "b"]).speaking(),
        Listening(broker.url, root, {"a": PERIOD_S, "b": PERIOD_S}, 2.0).running() as listening,
    ):
        await until(lambda: listening.count("a") > 3 and listening.count("b") > 3)
        with structlog.testing.capture_logs() as logs:
            broker.forget("/a")
            await until(lambda: any(line["event"].startswith("source is mute") for line in logs))
        problems = {c.name.rpartition("/")[2]: c.problem for c in listening.link.counters()}
        assert problems["a"].startswith("nothing heard for ")
        assert problems["b"] == ""
        await until(lambda: broker.subscribed == 2)  # once for the link, once for the source
        assert broker.connections == 1


async def test_a_source_that_never_spoke_or_owes_nothing_is_left_alone(mosquitto_url: str) -> None:
    root = f"test-{uuid4().hex}"
    speaker = Speaker(mosquitto_url, root, ["event"])
    async with (
        ForgetfulBroker(mosquitto_url).listening() as broker,
        speaker.speaking(),
        Listening(broker.url, root, {"event": 0.0, "never": PERIOD_S}).running() as listening,
    ):
        await until(lambda: listening.count("event") > 3)
        speaker.names = []
        with structlog.testing.capture_logs() as logs:
            await asyncio.sleep(1.2)
        assert [line for line in logs if "mute" in line["event"]] == []
        assert broker.connections == 1
