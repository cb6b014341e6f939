"""What a test of an agent or a hub has around it: the service itself in a block, a host with its own clock, the other end."""

import asyncio
import os
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import uuid4

import msgspec

from edge.agent import run as run_agent
from edge.config import EdgeConfig, check
from edge.hostclock import Instant
from firmware_sim.street import run_device
from runtime.config import parse
from runtime.mqtt import BrokerUrl, Connection, Message, keep_connected
from telemetry import topics, undatable
from telemetry.manifest import Manifest
from telemetry.messages import Ack, Birth, Ranges, State
from telemetry.packs import decode_pack
from telemetry.reading import Reading
from telemetry.senml import SenmlError
from telemetry.undatable import UndatablePack
from tests.waiting import PATIENCE_S, until

NOBODY = "mqtt://127.0.0.1:1"  # nothing listens on port 1
SETTLE_S = 0.3  # for a port and a subscription, which tell nobody when they are there
GATEWAY = """
gateway = "gw-1"
[site]
id = "bai-chay"
name = "Bãi Cháy"
latitude = 20.9
longitude = 107.0
"""  # what the configuration of a gateway begins with


def now_ms() -> int:
    """The time as it is, Unix ms."""
    return time.time_ns() // 1_000_000


def speed(kmh: float) -> bytes:
    """A line of an ops243 radar."""
    return b'{"unit":"kmph","speed":"%.1f"}\r\n' % kmh


def edge_config(text: str, **places: object) -> EdgeConfig:
    """The configuration of gw-1 at bai-chay with `text` behind it, its {names} filled in; `root` is a new one unless given."""
    places.setdefault("root", f"test-{uuid4().hex}")
    config = parse(GATEWAY + text.format(**places), EdgeConfig, "edge.toml")
    check(config)
    return config


class Host:
    """A boot that begins now; its system clock stands at `system_ms`, Unix ms."""

    def __init__(self, system_ms: int, *, synchronised: bool = False) -> None:
        self.boot_id, self._began = uuid4().hex, time.monotonic_ns() // 1_000_000
        self.system_ms, self.in_step = system_ms, synchronised

    def uptime_ms(self) -> int:
        """Since the boot."""
        return time.monotonic_ns() // 1_000_000 - self._began

    def instant(self) -> Instant:
        """Uptime and what the system clock says."""
        uptime = self.uptime_ms()
        return Instant(uptime, self.system_ms + uptime)

    def synchronised(self) -> bool:
        """Whether something keeps the system clock."""
        return self.in_step


@asynccontextmanager
async def living(service: Callable[[asyncio.Event], Awaitable[object]]) -> AsyncIterator[asyncio.Event]:
    """The service runs inside the block, or until its stop event is set, and must end in order."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(service(stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


@asynccontextmanager
async def device(protocol: str, link: Path) -> AsyncIterator[None]:
    """A simulated device at the end of a pty, there when the block begins; its sensor is called as its link."""

    async def service(stop: asyncio.Event) -> None:
        await run_device(protocol, link=link, sensor=link.name, record=None, seed=1, faults=[], stop=stop)

    async with living(service):
        await until(link.exists)
        yield


@asynccontextmanager
async def agent(
    config: EdgeConfig, host: Host | None = None, *, settle_s: float = 0.0
) -> AsyncIterator[asyncio.Event]:
    """The real agent, on this machine's own clock or a host's; its ports are open when the block begins."""
    ended = asyncio.Event()
    ports = [one.path for one in (*config.serial, *config.modbus) if Path(one.path).exists()]

    async def service(stop: asyncio.Event) -> None:
        try:
            await run_agent(config, stop=stop, host=host, rng=Random())
        finally:
            ended.set()

    async with living(service) as stop:
        await until(lambda: ended.is_set() or all(map(_is_raw, ports)))
        await asyncio.sleep(settle_s)
        yield stop


def _is_raw(path: str) -> bool:
    """A pty is, once somebody has opened it as a serial port; what was written before may have been thrown away."""
    try:
        port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # unplugged meanwhile
        return True
    try:
        return not termios.tcgetattr(port)[3] & termios.ICANON
    finally:
        os.close(port)


class Centre:
    """The other end on a real broker: says what time it is, acknowledges what it is sent while it is willing, keeps it all."""

    def __init__(self, config: EdgeConfig) -> None:
        self._config, self._root = config, config.broker.root
        self.willing = True
        self.time_ms: Callable[[], int] = now_ms
        self.connection: Connection | None = None
        self.births: list[Birth] = []
        self.states: list[State] = []
        self.readings: list[Reading] = []
        self.undatable: list[UndatablePack] = []
        self.manifests: dict[tuple[str, str, int], Manifest] = {}
        self.sites: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Centre"]:
        """Connected inside the block."""
        wanted = [f"{self._root}/{branch}" for branch in ("up/#", "birth/+", "state/+")]
        url = BrokerUrl.parse(self._config.broker.url)
        task = asyncio.create_task(
            keep_connected(url, f"hub-{self._root}", self._listen, subscriptions=wanted, rng=Random(1))
        )
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def publish(self, topic: str, payload: bytes) -> None:
        """Below the root."""
        await until(lambda: self.connection is not None)
        assert self.connection is not None
        await self.connection.publish(f"{self._root}/{topic}", payload)

    async def _listen(self, connection: Connection) -> None:
        self.connection = connection
        async for message in connection.messages():
            match message.topic.removeprefix(f"{self._root}/").split("/")[0]:
                case "birth":
                    self.births.append(msgspec.json.decode(message.payload, type=Birth))
                    await self._acknowledge(connection, {})
                case "state":
                    self.states.append(msgspec.json.decode(message.payload, type=State))
                    await self._acknowledge(connection, {})
                case _ if self.willing:
                    await self._acknowledge(connection, self._store(message))

    async def _acknowledge(self, connection: Connection, stored: dict[str, Ranges]) -> None:
        ack = Ack(stored, self.time_ms(), 16)
        await connection.publish(topics.ack(self._root, self._config.gateway), ack.encode())

    def _store(self, message: Message) -> dict[str, Ranges]:
        parsed = topics.parse_up(self._root, message.topic)
        assert parsed is not None
        name = parsed.name
        assert parsed.checksum == topics.checksum(name, message.payload)
        try:
            pack = decode_pack(message.payload)
        except SenmlError:
            timeless = undatable.decode(message.payload)
            assert timeless is not None
            self.undatable.append(timeless)
        else:
            self.sites.add(pack.site)
            self.readings.extend(pack.readings)
            for one in pack.manifests:
                known = self.manifests.setdefault((one.sensor, one.journal, one.hour_ms), one)
                if one.read + one.bad + one.given_up > known.read + known.bad + known.given_up:
                    self.manifests[one.sensor, one.journal, one.hour_ms] = one
        return {name.journal: [(name.seq, name.seq)]}
