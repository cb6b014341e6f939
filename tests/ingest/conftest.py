"""Peers of the pipeline: a store in memory that can be away, a gateway on the real broker, a running pipeline."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import TextIO
from uuid import uuid4

import msgspec
import pytest

from ingest import checks
from ingest.alarms.channels import Channel
from ingest.alarms.grouping import Timing
from ingest.pipeline import Pipeline
from runtime.mqtt import BrokerUrl, Connection, Message, keep_connected
from storage.book import Book
from storage.store import Bucket, Columns, Outcome, Rejected, Series, StoreUnavailableError
from telemetry import topics
from telemetry.aggregates import aggregate
from telemetry.alarm import Alarm
from telemetry.anomaly import Anomaly
from telemetry.inventory import Sensor, Site
from telemetry.messages import Ack, Birth, Epoch, SensorCounters, State, decode_message
from telemetry.packs import encode_pack
from telemetry.quantities import Aggregate
from telemetry.reading import Reading
from telemetry.topics import PackName
from tests.waiting import until


def wall_ms() -> int:
    """The time now."""
    return time.time_ns() // 1_000_000


class MemoryStore:
    """The store protocol in memory: first writer wins, as in the embedded store. `away` makes every call fail."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, int], Reading] = {}
        self.sites: dict[str, str] = {}
        self.late: dict[tuple[str, str, int], int | None] = {}
        self.refused: dict[float, str] = {}
        self.away = False
        self.attempts = 0

    def _reach(self) -> None:
        self.attempts += 1
        if self.away:
            raise StoreUnavailableError("the disk is elsewhere", retry_after_s=0.05)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None:
        self._reach()

    async def write(self, columns: Columns) -> Outcome:
        self._reach()
        stored, rejected = 0, []
        for index in range(len(columns)):
            value = columns.value[index]
            key = (columns.sensor[index], columns.quantity[index], columns.observed_at[index])
            if value in self.refused:
                rejected.append(Rejected(index, self.refused[value]))
            elif key not in self.rows:
                stored += 1
                self.rows[key] = Reading(*key, value, columns.flags[index] or 0)
                self.sites[key[0]] = columns.site[index]
                self.late[key] = columns.late_s[index]
        return Outcome(stored, len(columns) - stored - len(rejected), tuple(rejected))

    async def series(self) -> list[Series]:
        self._reach()
        return sorted({Series(s, self.sites[s], q) for s, q, _ in self.rows})

    async def latest(self, since_ms: int) -> list[Reading]:
        self._reach()
        newest: dict[tuple[str, str], Reading] = {}
        for key in sorted(self.rows, key=lambda key: key[2]):
            if key[2] >= since_ms:
                newest[key[:2]] = self.rows[key]
        return list(newest.values())

    async def readings(
        self, sensor: str, quantity: str, start_ms: int, end_ms: int, *, limit: int, descending: bool = False
    ) -> list[Reading]:
        self._reach()
        keys = sorted(k for k in self.rows if k[:2] == (sensor, quantity) and start_ms <= k[2] < end_ms)
        return [self.rows[key] for key in (keys[::-1] if descending else keys)[:limit]]

    async def aggregate(
        self,
        sensors: Sequence[str],
        quantity: str,
        start_ms: int,
        end_ms: int,
        *,
        window_ms: int,
        function: Aggregate,
        offset_ms: int = 0,
    ) -> list[Bucket]:
        values = [r.value for k, r in sorted(self.rows.items()) if k[0] in sensors and k[1] == quantity]
        whole = aggregate(function, values)
        return [] if whole is None else [Bucket(sensors[0], start_ms, whole, len(values))]

    async def count(self, start_ms: int, end_ms: int) -> dict[tuple[str, str], int]:
        counts: dict[tuple[str, str], int] = {}
        for sensor, quantity, observed_at in self.rows:
            if start_ms <= observed_at < end_ms:
                counts[sensor, quantity] = counts.get((sensor, quantity), 0) + 1
        return counts

    async def count_windows(
        self, start_ms: int, end_ms: int, *, window_ms: int
    ) -> dict[tuple[str, int], int]:
        counts: dict[tuple[str, int], int] = {}
        for sensor, _, observed_at in self.rows:
            if start_ms <= observed_at < end_ms:
                key = sensor, observed_at - observed_at % window_ms
                counts[key] = counts.get(key, 0) + 1
        return counts

    async def scan(self, start_ms: int, end_ms: int) -> AsyncIterator[list[Reading]]:
        yield [reading for key, reading in self.rows.items() if start_ms <= key[2] < end_ms]


class Gateway:
    """A gateway on the broker: publishes what it is told, remembers what it hears."""

    def __init__(self, url: str, root: str, name: str, site: str) -> None:
        self._url, self.root, self.name, self.site = BrokerUrl.parse(url), root, name, site
        self._connection: Connection | None = None
        self.acks: list[Ack] = []
        self.epochs: list[Epoch] = []
        self.alarms: list[Alarm] = []
        self.cleared: list[str] = []

    async def run(self) -> None:
        listen = [topics.ack(self.root, self.name), topics.ingest(self.root), f"{self.root}/alarm/+"]
        await keep_connected(
            self._url, f"test-{uuid4().hex[:8]}", self._talk, subscriptions=listen, rng=Random(1)
        )

    async def _talk(self, connection: Connection) -> None:
        self._connection = connection
        async for message in connection.messages():
            self._hear(message)

    def _hear(self, message: Message) -> None:
        if message.topic == topics.ack(self.root, self.name):
            self.acks.append(Ack.decode(message.payload))
        elif message.topic == topics.ingest(self.root):
            self.epochs.append(decode_message(Epoch, message.payload))
        elif message.payload:
            self.alarms += msgspec.json.decode(message.payload, type=list[Alarm])
        else:
            self.cleared.append(message.topic.rpartition("/")[2])

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def stored(self) -> set[tuple[str, int]]:
        """Packs acknowledged so far."""
        return {
            (journal, number)
            for ack in self.acks
            for journal, ranges in ack.stored.items()
            for low, high in ranges
            for number in range(low, high + 1)
        }

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert self._connection is not None
        await self._connection.publish(topic, payload, retain=retain)

    async def pack(self, seq: int, readings: Sequence[Reading], *, journal: str = "aaaa") -> None:
        name = PackName(self.name, journal, seq)
        await self.publish(topics.up(self.root, self.site, name), encode_pack(self.site, readings))

    async def raw(self, seq: int, payload: bytes, *, journal: str = "aaaa") -> None:
        await self.publish(topics.up(self.root, self.site, PackName(self.name, journal, seq)), payload)

    async def birth(self, sensors: Sequence[Sensor], session: tuple[int, int] = (1, 1)) -> None:
        site = Site(self.site, self.site.title(), 20.95, 107.04)
        birth = Birth(self.name, site, tuple(sensors), session, wall_ms())
        await self.publish(topics.birth(self.root, self.name), msgspec.json.encode(birth), retain=True)

    async def state(
        self, *, online: bool, session: tuple[int, int] = (1, 1), sensors: tuple[SensorCounters, ...] = ()
    ) -> None:
        state = State(self.name, online, session, wall_ms() if online else 0, sensors=sensors)
        await self.publish(topics.state(self.root, self.name), msgspec.json.encode(state), retain=True)


class City:
    """A pipeline over a memory store and a real book, and gateways beside it."""

    def __init__(self, url: str, book: Book) -> None:
        self.url, self.book, self.store = url, book, MemoryStore()
        self.root = f"test/{uuid4().hex[:12]}"
        self.live: list[tuple[str, Reading]] = []
        self.anomalies: list[Anomaly] = []
        self.alarms: list[Alarm] = []
        self.trace: TextIO = io.StringIO()
        self.lives = 0
        self.clock_ahead_ms = 0
        self.policy = checks.POLICY
        self.timing = Timing(settle_ms=0, linger_ms=0, gateway_linger_ms=0)
        self.channels: Sequence[Channel] = ()
        self.hold_s = 0.0  # no wait for heartbeats before a time is refused

    def build(self) -> Pipeline:
        """A new process life of ingest."""
        self.lives += 1
        return Pipeline(
            store=self.store,
            book=self.book,
            broker=BrokerUrl.parse(self.url),
            root=self.root,
            clock=lambda: wall_ms() + self.clock_ahead_ms,
            rng=Random(self.lives),
            on_stored=self.live.extend,
            on_anomaly=self.anomalies.append,
            on_alarm=self.alarms.append,
            trace=self.trace,
            policy=self.policy._replace(hold_s=self.hold_s),
            timing=self.timing,
            channels=self.channels,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pipeline]:
        """Ingest connected to the broker for the block, then stopped in order."""
        pipeline = self.build()
        async with in_background(pipeline.run()):
            await until(lambda: pipeline.ready()["broker"])
            yield pipeline
        assert pipeline.account.balanced, pipeline.account.as_mapping()

    @asynccontextmanager
    async def gateway(self, name: str = "gw-1", site: str = "bai-chay") -> AsyncIterator[Gateway]:
        """A connected gateway that has heard ingest."""
        gateway = Gateway(self.url, self.root, name, site)
        async with in_background(gateway.run()):
            await until(lambda: gateway.connected)
            yield gateway

    def committed(self) -> list[list[str | int]]:
        """Packs in the trace."""
        assert isinstance(self.trace, io.StringIO)
        return [pack for line in self.trace.getvalue().splitlines() for pack in json.loads(line)["packs"]]


@asynccontextmanager
async def in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """The coroutine runs inside the block; its own failure surfaces."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def city(mosquitto_url: str, tmp_path: Path) -> Iterator[City]:
    """Ingest's surroundings; `async with city.running()` starts it."""
    with Book(tmp_path / "book.sqlite") as book:
        yield City(mosquitto_url, book)


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], object]:
    """`await eventually(condition)`."""
    return until


@pytest.fixture
def background() -> Callable[[Coroutine[None, None, None]], AbstractAsyncContextManager[None]]:
    """`async with background(coroutine)`."""
    return in_background
