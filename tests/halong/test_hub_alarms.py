"""A whole hub by its configuration: a gateway dies, people are called, an operator acknowledges, it comes back."""

import asyncio
import json
import urllib.request
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import msgspec
from typer.testing import CliRunner

from halong.__main__ import app
from halong.hub import HubConfig, check, run
from runtime.config import parse
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry import topics
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, State
from tests.halong.test_hub import PATIENCE_S, now_ms
from tests.ingest.alarms.receivers import Receiver, free_port, receiving

CONFIG = """
data = "{data}"
[broker]
url = "{broker}"
root = "{root}"
[api]
port = {port}
[[alarms.channels]]
name = "ops"
kind = "webhook"
url = "{url}"
language = "en"
[[alarms.channels]]
name = "boss"
kind = "webhook"
url = "{url}/boss"
after_s = 3600
[alarms.heartbeat]
url = "{url}/alive"
every_s = 1
"""


class Gateway:
    """A gateway that is there or gone, and what stands on the alarm topic."""

    def __init__(self, url: str, root: str) -> None:
        self._url, self._root = url, root
        self.connection: Connection | None = None
        self.alarms: list[list[dict[str, Any]]] = []

    async def run(self) -> None:
        listen = [f"{self._root}/alarm/+"]
        await keep_connected(
            BrokerUrl.parse(self._url), f"gw-{uuid4().hex}", self._talk, subscriptions=listen, rng=Random(1)
        )

    async def _talk(self, connection: Connection) -> None:
        self.connection = connection
        birth = Birth(
            "gw-1",
            Site("bai-chay", "Bãi Cháy", 20.9, 107.0),
            (Sensor("pm-1", "x", ("pm25",), 60.0),),
            (1, 1),
            1,
        )
        await connection.publish(topics.birth(self._root, "gw-1"), msgspec.json.encode(birth), retain=True)
        async for message in connection.messages():
            self.alarms.append(json.loads(message.payload) if message.payload else [])

    async def says(self, *, online: bool) -> None:
        assert self.connection is not None
        state = State("gw-1", online, (1, 1), now_ms() if online else 0)
        await self.connection.publish(
            topics.state(self._root, "gw-1"), msgspec.json.encode(state), retain=True
        )


def told(receiver: Receiver, path: str) -> list[Any]:
    return [body for _, body, asked in receiver.requests if asked == path]


async def test_from_a_dead_gateway_to_people_and_back(tmp_path: Path, mosquitto_url: str) -> None:
    root, port = f"test-{uuid4().hex}", free_port()
    data = tmp_path / "data"
    async with receiving() as receiver, asyncio.timeout(4 * PATIENCE_S):
        text = CONFIG.format(data=data, broker=mosquitto_url, root=root, port=port, url=receiver.url)
        config = parse(text, HubConfig, "hub.toml")
        check(config)
        stop = asyncio.Event()
        hub = asyncio.create_task(run(config, stop=stop))
        gateway = Gateway(mosquitto_url, root)
        talking = asyncio.create_task(gateway.run())
        while gateway.connection is None or not told(receiver, "/hook/alive"):
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)
        await gateway.says(online=True)
        await asyncio.sleep(0.5)
        await gateway.says(online=False)  # as the broker says it of one that has died
        while not told(receiver, "/hook"):
            await asyncio.sleep(0.05)
        (opened,) = told(receiver, "/hook")
        assert (opened["state"], opened["alarm"]["severity"]) == ("open", "critical")
        assert opened["text"] == "Gateway gw-1 at Bãi Cháy lost its connection; its sensors cannot be heard."
        assert [one["id"] for one in gateway.alarms[-1]] == [opened["alarm"]["id"]]

        def listed() -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/alarms?state=open", timeout=5) as answer:
                return json.load(answer)

        shown = await asyncio.to_thread(listed)
        assert [one["id"] for one in shown["items"]] == [opened["alarm"]["id"]]
        ack = ["alarm", "ack", opened["alarm"]["id"], "--data", str(data)]
        assert (await asyncio.to_thread(CliRunner().invoke, app, ack)).exit_code == 0
        while len(told(receiver, "/hook")) < 2:
            await asyncio.sleep(0.05)
        stop.set()
        await hub
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    assert [body["state"] for body in told(receiver, "/hook")] == ["open", "acknowledged"]
    assert told(receiver, "/hook/boss") == []
    assert told(receiver, "/hook/alive")[-1]["ready"] == {"broker": True, "store": True, "clock": True}
