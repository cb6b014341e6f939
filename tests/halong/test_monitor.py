"""Frames are shown with their meaning and counted, on free ports and beside a running agent."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge import holders
from edge.config import EdgeConfig
from halong import monitor
from halong.monitor import Event, MonitorError
from tests.peers import GATEWAY, agent, device, edge_config
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
CONFIG = """
[broker]
url = "mqtt://127.0.0.1:1"
[[serial]]
path = "{directory}/co2"
protocol = "mhz19"
sensor = "co2-1"
period_s = 0.3
[[modbus]]
path = "{directory}/bus"
timeout_s = 0.1
[[modbus.unit]]
unit = 1
map = "air-station"
sensor = "air-1"
period_s = 0.5
[[modbus.unit]]
unit = 2
map = "air-station"
sensor = "air-2"
period_s = 0.5
"""


def clock() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def street(directory: Path) -> AsyncIterator[EdgeConfig]:
    """A gas sensor, and a bus on which unit 2 is dead."""
    async with device("mhz19", directory / "co2"), device("modbus-rtu", directory / "bus"):
        yield edge_config(CONFIG, directory=directory).located_in(directory)


class Screen:
    """Stops when both live devices have been seen often enough."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.stop = asyncio.Event()

    def tell(self, event: Event) -> None:
        self.events.append(event)
        if all(len(self.of(sensor)) >= 4 for sensor in ("co2-1", "air-1")):
            self.stop.set()

    def of(self, sensor: str) -> list[Event]:
        return [event for event in self.events if event["sensor"] == sensor]


def looks_right(screen: Screen, counted: monitor.Counted) -> None:
    gas, air = screen.of("co2-1")[-1], screen.of("air-1")[-1]
    assert gas["frame"].startswith("ff86")
    assert gas["request"] == "ff0186000000000079"
    assert {"co2", "device_temperature"} == {one["quantity"] for one in gas["values"]}
    assert air["request"].startswith("010301f4")
    assert air["frame"].startswith("01031c")
    assert "ppm" in monitor.line(gas)
    assert f"{air['request']} ? {air['frame'][:20]}" in monitor.line(air)
    ports = {Path(port.name).name: port for port in counted.ports}
    assert ports["co2"].frames >= 4
    units = {device.sensor: device for device in ports["bus"].devices}
    assert units["air-1"].asked >= 3
    assert units["air-1"].unanswered == 0
    assert units["air-2"].asked == units["air-2"].unanswered >= 1
    assert any("air-2: asked" in line for line in monitor.summary(counted))


async def test_free_ports_are_read_here(tmp_path: Path) -> None:
    screen = Screen()
    async with street(tmp_path) as config:
        assert not monitor.held_by_agent(config)
        async with asyncio.timeout(PATIENCE_S):
            counted = await monitor.free(config, screen.stop, clock, screen.tell)
    looks_right(screen, counted)


async def test_beside_the_agent_its_frames_are_shown(tmp_path: Path) -> None:
    screen = Screen()
    async with street(tmp_path) as config, agent(config):
        await until(lambda: (tmp_path / "tap.sock").exists() and (tmp_path / "status.json").exists())
        assert monitor.held_by_agent(config)
        assert (tmp_path / "tap.sock").stat().st_mode & 0o077 == 0
        async with asyncio.timeout(PATIENCE_S):
            counted = await monitor.beside(config, screen.stop, screen.tell)
    assert len(screen.of("co2-1")) >= 4
    assert counted.since == "since the agent's start"
    assert {Path(port.name).name for port in counted.ports} == {"co2", "bus"}
    assert not (tmp_path / "tap.sock").exists()


async def test_an_agent_that_ends_is_told(tmp_path: Path) -> None:
    async with street(tmp_path) as config:
        async with agent(config) as stop:
            await until(lambda: (tmp_path / "tap.sock").exists())
            with pytest.raises(MonitorError, match=r"the agent has ended"):
                async with asyncio.timeout(PATIENCE_S):
                    await monitor.beside(config, asyncio.Event(), lambda event: stop.set())
        with pytest.raises(MonitorError, match=r"cannot be listened to"):
            await monitor.beside(config, asyncio.Event(), lambda event: None)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "halong", "edge", "monitor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


def test_a_bare_port_is_recognised_and_a_held_one_told(tmp_path: Path) -> None:
    link, config = tmp_path / "co2", tmp_path / "edge.toml"
    device = subprocess.Popen(
        [sys.executable, "-m", "halong", "sim", "device", "mhz19", "--pty", link], cwd=ROOT
    )
    try:
        while not link.exists():
            time.sleep(0.05)
        done = run(link, "--for", "1s", "--json", "--config", config)
        assert done.returncode == 0, done.stderr
        *frames, counted = map(json.loads, done.stdout.splitlines())
        assert frames[-1]["sensor"] == "monitor-co2-1"
        assert frames[-1]["values"][0]["quantity"] == "co2"
        assert counted["ports"][0]["frames"] == len(frames)
        script = "import serial, sys, time; s = serial.Serial(sys.argv[1], exclusive=True); print(1, flush=True); time.sleep(60)"
        holder = subprocess.Popen([sys.executable, "-c", script, link], stdout=subprocess.PIPE)
        assert holder.stdout is not None
        holder.stdout.readline()
        port = CONFIG.format(directory=tmp_path).partition("[[modbus]]")[0]
        config.write_text(GATEWAY + port, encoding="utf-8")
        held = run(config, "--for", "1s")
        holder.kill()
        holder.wait()
        holder.stdout.close()
    finally:
        device.kill()
        device.wait()
    assert held.returncode == 1
    assert f"{link} is held by process {holder.pid}" in held.stderr
    assert held.stderr.count("\n") == 1


def test_who_holds_a_journal_is_told(tmp_path: Path) -> None:
    assert holders.of_journal(tmp_path / "journal.db") is None
