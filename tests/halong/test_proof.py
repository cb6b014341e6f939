"""A reading is followed from the port to the acknowledgement; whatever is missing is named."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from edge import holders
from edge.agent import run as run_agent
from edge.config import EdgeConfig, check
from firmware_sim.street import run_device
from halong.proof import MissingError, follow
from runtime.config import parse
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry import topics
from telemetry.messages import Ack

PATIENCE_S = 30.0
CONFIG = """
gateway = "gw-1"
[site]
id = "bai-chay"
name = "Bãi Cháy"
latitude = 20.9
longitude = 107.0
[broker]
url = "{url}"
root = "{root}"
[clock]
trust = "system"
[[serial]]
path = "{directory}/pm"
protocol = "mhz19"
sensor = "co2-1"
period_s = 0.3
[[serial]]
path = "{directory}/absent"
protocol = "sds011"
sensor = "pm-2"
"""


class Cabinet:
    """An agent with one simulated device, and a hub that acknowledges when it is willing."""

    def __init__(self, directory: Path, url: str) -> None:
        text = CONFIG.format(directory=directory, url=url, root=f"test-{uuid4().hex}")
        config = parse(text, EdgeConfig, "edge.toml")
        check(config)
        self.config, self._directory = config.located_in(directory), directory
        self.told: list[tuple[str, str]] = []
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, *, hub: bool) -> None:
        device = run_device(
            "mhz19",
            link=self._directory / "pm",
            sensor="co2-1",
            record=None,
            seed=1,
            faults=[],
            stop=self._stop,
        )
        self._tasks = [
            asyncio.create_task(device),
            asyncio.create_task(run_agent(self.config, stop=self._stop)),
        ]
        if hub:
            root = self.config.broker.root
            acknowledging = keep_connected(
                BrokerUrl.parse(self.config.broker.url),
                f"hub-{root}",
                self._acknowledge,
                subscriptions=[f"{root}/up/#"],
                rng=Random(1),
            )
            self._hub = asyncio.create_task(acknowledging)
        async with asyncio.timeout(PATIENCE_S):
            while holders.of_journal(Path(self.config.journal.path)) is None:
                await asyncio.sleep(0.05)

    async def _acknowledge(self, connection: Connection) -> None:
        async for message in connection.messages():
            parsed = topics.parse_up(self.config.broker.root, message.topic)
            assert parsed is not None
            name = parsed.name
            ack = Ack({name.journal: [(name.seq, name.seq)]}, 0, 16)
            await connection.publish(topics.ack(self.config.broker.root, name.gateway), ack.encode())

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        if hasattr(self, "_hub"):
            self._hub.cancel()
            await asyncio.gather(self._hub, return_exceptions=True)

    async def follow(self, sensor: str, within_s: float) -> None:
        await follow(
            self.config,
            sensor,
            within_s=within_s,
            clock=lambda: time.time_ns() // 1_000_000,
            tell=lambda step, words: self.told.append((step, words)),
        )


async def test_every_step_is_told_up_to_the_acknowledgement(tmp_path: Path, mosquitto_url: str) -> None:
    cabinet = Cabinet(tmp_path, mosquitto_url)
    await cabinet.start(hub=True)
    try:
        await cabinet.follow("co2-1", PATIENCE_S)
        with pytest.raises(MissingError, match=r"no reading of pm-2 in 0.5 s"):
            await cabinet.follow("pm-2", 0.5)
    finally:
        await cabinet.stop()
    steps = [step for step, _ in cabinet.told][:5]
    assert steps == ["agent", "read", "journaled", "sent", "acknowledged"]
    words = dict(cabinet.told[:5])
    assert words["agent"] == f"runs as process {os.getpid()}"
    assert "co2" in words["read"]
    assert words["sent"] == "the broker has carried it"


async def test_without_a_hub_it_is_sent_and_not_acknowledged(tmp_path: Path, mosquitto_url: str) -> None:
    cabinet = Cabinet(tmp_path, mosquitto_url)
    await cabinet.start(hub=False)
    try:
        with pytest.raises(MissingError, match=r"not acknowledged in 1.5 s"):
            await cabinet.follow("co2-1", 1.5)
    finally:
        await cabinet.stop()
    assert [step for step, _ in cabinet.told] == ["agent", "read", "journaled", "sent"]


async def test_without_a_broker_it_is_not_sent(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path, "mqtt://127.0.0.1:1")
    await cabinet.start(hub=False)
    try:
        with pytest.raises(MissingError, match=r"not sent: the broker at mqtt://127.0.0.1:1 does not answer"):
            await cabinet.follow("co2-1", 1.5)
    finally:
        await cabinet.stop()


def test_without_an_agent_it_says_so_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(CONFIG.format(directory=tmp_path, url="mqtt://127.0.0.1:1", root="r"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "halong", "edge", "test", "co2-1", "--config", config],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 1
    assert done.stderr.startswith("halong: no agent runs on")
    assert done.stderr.count("\n") == 1
