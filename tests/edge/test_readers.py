"""What a new configuration opens and closes, on real ports and a real broker; the agent follows its file."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import uuid4

import msgspec
import pytest

from edge import statusfile
from edge.config import EdgeConfig, load_checked
from edge.intake import Intake
from edge.publishers import FieldPath, MqttSource
from edge.readers import Bring, Readers
from edge.settings import SerialDevice
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry.inventory import Site
from telemetry.reading import Reading
from tests.edge.conftest import PtyPort
from tests.peers import speed
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SETTLE_S = 0.3
NOW = 1_700_000_000_000


def radar(port: PtyPort, sensor: str, **more: object) -> SerialDevice:
    return SerialDevice(path=str(port.link), protocol="ops243", sensor=sensor, period_s=0, **more)  # type: ignore[arg-type]


class Street:
    """Two ports, and readers that follow."""

    def __init__(self, directory: Path, broker: str = "mqtt://127.0.0.1:1") -> None:
        self.ports = [PtyPort(directory / f"tty{n}") for n in range(2)]
        self.read: list[Reading] = []
        self.site = Site("s", "S", 20.9, 107.0)
        self.config = EdgeConfig(gateway=f"gw-{uuid4().hex[:8]}", site=self.site)
        self.config = msgspec.structs.replace(
            self.config, broker=msgspec.structs.replace(self.config.broker, url=broker)
        )

        async def deliver(readings: object) -> None:
            self.read.extend(readings)  # type: ignore[arg-type]

        self.readers = Readers(
            Bring(deliver, deliver, lambda *_: None, lambda: NOW, Random(1), lambda _: None)
        )

    def values(self, sensor: str) -> list[float]:
        return [reading.value for reading in self.read if reading.sensor == sensor]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[asyncio.TaskGroup]:
        for port in self.ports:
            port.plug()
        async with asyncio.TaskGroup() as group:
            yield group
            await self.readers.end()
        for port in self.ports:
            port.unplug()

    def with_(self, **parts: object) -> EdgeConfig:
        return msgspec.structs.replace(self.config, **parts)


async def test_only_what_changes_is_opened_anew(tmp_path: Path) -> None:
    street = Street(tmp_path)
    first, second = street.ports
    async with street.open() as group:
        await street.readers.follow(street.with_(serial=(radar(first, "a"),)), group)
        await until(lambda: all(c.up for reader in street.readers for c in reader.counters()))
        kept = list(street.readers)
        first.send(speed(30.0)[:10])  # half a frame is on its way while the neighbour comes and goes
        await asyncio.sleep(SETTLE_S)
        await street.readers.follow(street.with_(serial=(radar(second, "b"), radar(first, "a"))), group)
        await until(lambda: all(c.up for reader in street.readers for c in reader.counters()))
        second.send(speed(50.0))
        await until(lambda: street.values("b") == [50.0])
        await street.readers.follow(street.with_(serial=(radar(first, "a"),)), group)
        first.send(speed(30.0)[10:])
        await until(lambda: street.values("a") == [30.0])
        assert list(street.readers) == kept
        await street.readers.follow(street.with_(serial=(radar(first, "a2"), radar(second, "b"))), group)
        await until(lambda: all(c.up for reader in street.readers for c in reader.counters()))
        assert not set(kept) & set(street.readers)
        first.send(speed(31.0))
        await until(lambda: street.values("a2") == [31.0])
        assert street.values("a") == [30.0]


async def test_a_source_comes_and_goes_on_a_link_that_stays(tmp_path: Path, mosquitto_url: str) -> None:
    street = Street(tmp_path, mosquitto_url)
    root = f"test-{uuid4().hex}"
    said: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(10)
    heard = asyncio.Event()

    async def speak(connection: Connection) -> None:
        heard.set()
        while True:
            topic, payload = await said.get()
            await connection.publish(topic, payload)

    def source(name: str) -> MqttSource:
        return MqttSource(topic=f"{root}/{name}", sensor=name, fields={"co2": FieldPath(path="v")})

    speaker = asyncio.create_task(
        keep_connected(BrokerUrl.parse(mosquitto_url), uuid4().hex, speak, rng=Random(2))
    )
    await heard.wait()

    async def says(name: str, value: float) -> None:
        await said.put((f"{root}/{name}", b'{"v": %g}' % value))

    async with street.open() as group:
        await street.readers.follow(street.with_(mqtt=(source("a"),)), group)
        (link,) = street.readers
        await until(lambda: link.counters()[0].up)
        await says("a", 1)
        await until(lambda: street.values("a") == [1])
        await street.readers.follow(street.with_(mqtt=(source("a"), source("b"))), group)
        assert list(street.readers) == [link]
        await asyncio.sleep(SETTLE_S)
        await says("b", 2)
        await until(lambda: street.values("b") == [2])
        await street.readers.follow(street.with_(mqtt=(source("b"),)), group)
        await asyncio.sleep(SETTLE_S)
        await says("a", 3)
        await says("b", 4)
        await until(lambda: street.values("b") == [2, 4])
        assert street.values("a") == [1]
        assert [counters.readings for counters in link.counters()] == [2]
    speaker.cancel()
    await asyncio.wait([speaker])


async def test_who_is_ended_while_it_waits_for_room_has_handed_over(tmp_path: Path) -> None:
    intake = Intake(capacity=2)
    some = [Reading("a", "co2", NOW + n, 1.0) for n in range(4)]
    await intake.put_surely(some[:2])
    surely, perhaps = (
        asyncio.create_task(put([one])) for put, one in ((intake.put_surely, some[2]), (intake.put, some[3]))
    )
    await asyncio.sleep(0)
    for task in (surely, perhaps):
        task.cancel()
    await asyncio.wait([surely, perhaps])
    assert await intake.group(0.01) == some[:3]


CONFIG = """
gateway = "gw-1"
site = {{ id = "s", name = "S", latitude = 20.9, longitude = 107.0 }}
[broker]
url = "mqtt://127.0.0.1:1"
[clock]
trust = "system"
[[serial]]
path = "{directory}/tty0"
protocol = "ops243"
sensor = "{sensor}"
period_s = 0
"""


@pytest.mark.parametrize("by_signal", [True, False])
async def test_the_agent_follows_its_file_and_refuses_a_bad_one(tmp_path: Path, by_signal: bool) -> None:
    port, path = PtyPort(tmp_path / "tty0"), tmp_path / "edge.toml"
    path.write_text(CONFIG.format(directory=tmp_path, sensor="old"))
    port.plug()
    log = (tmp_path / "log").open("wb")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "halong", "edge", "run", str(path), stderr=log, env=environment
    )

    def told() -> str:
        return (tmp_path / "log").read_text()

    def change(text: str) -> None:
        path.write_text(text)
        if by_signal:
            agent.send_signal(signal.SIGHUP)

    try:
        await until(lambda: "port open" in told())
        change(CONFIG.format(directory=tmp_path, sensor="not an id"))
        await until(lambda: "configuration refused" in told())
        assert "serial[0].sensor: id 'not an id' must be" in told()
        port.send(speed(30.0))
        await asyncio.sleep(SETTLE_S)
        change(CONFIG.format(directory=tmp_path, sensor="new"))
        await until(lambda: told().count("port open") == 2)
        port.send(speed(40.0))
        await asyncio.sleep(SETTLE_S)
    finally:
        agent.terminate()
        assert await agent.wait() == 0
        log.close()
        port.unplug()
    status = statusfile.read(tmp_path / "status.json")
    assert (status.accepted, status.config_problem) == (2, "")
    assert [(one.id, one.read) for one in status.sensors] == [("new", 1)]
    assert load_checked(path).sensor_count == 1
