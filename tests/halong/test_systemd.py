"""Agent and hub as services: a real notify socket, real signals."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from tests.waiting import until

ROOT = Path(__file__).parents[2]
EDGE = """
gateway = "gw-1"
site = { id = "s", name = "S", latitude = 20.9, longitude = 107.0 }
broker = { url = "mqtt://127.0.0.1:1" }
[[serial]]
path = "/nowhere"
protocol = "pms5003"
sensor = "pm-1"
"""
HUB = """
data = "%s"
[broker]
url = "mqtt://127.0.0.1:1"
[api]
port = %d
"""


class Service:
    """A process of ours under a systemd that hears it."""

    def __init__(self, directory: Path, *command: str) -> None:
        self.words: list[str] = []
        self._command = command
        self._address = str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._address)
        self._socket.setblocking(False)
        self.process: asyncio.subprocess.Process

    async def __aenter__(self) -> "Service":
        asyncio.get_running_loop().add_reader(
            self._socket, lambda: self.words.append(self._socket.recv(4096).decode())
        )
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NOTIFY_SOCKET": self._address,
            "WATCHDOG_USEC": "300000",
        }
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "halong", *self._command, env=environment, stderr=asyncio.subprocess.DEVNULL
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def count(self, word: str) -> int:
        return sum(heard.split("\n")[0] == word for heard in self.words)


async def test_the_agent_is_ready_fed_reloaded_and_stopped(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text(EDGE)
    async with Service(tmp_path, "edge", "run", str(tmp_path / "edge.toml")) as service:
        await until(lambda: service.count("READY=1") == 1 and service.count("WATCHDOG=1") >= 3)
        assert any(word.startswith("STATUS=0 readings accepted, ") for word in service.words)
        service.process.send_signal(signal.SIGHUP)
        await until(lambda: service.count("READY=1") == 2)
        places = [n for n, word in enumerate(service.words) if word.startswith(("READY", "RELOADING"))]
        assert [service.words[n].split("=")[0] for n in places] == ["READY", "RELOADING", "READY"]
        (tmp_path / "edge.toml").write_text("gateway = 5")
        service.process.send_signal(signal.SIGHUP)
        await until(lambda: service.count("READY=1") == 3)
        service.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.3)
        fed = service.count("WATCHDOG=1")
        await asyncio.sleep(0.5)
        assert service.count("WATCHDOG=1") == fed
        service.process.send_signal(signal.SIGCONT)
        await until(lambda: service.count("WATCHDOG=1") > fed)
        service.process.terminate()
        assert await service.process.wait() == 0
        await until(lambda: service.count("STOPPING=1") == 1)


async def test_the_hub_is_ready_fed_and_stopped(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "hub.toml").write_text(HUB % (tmp_path / "data", port))
    async with Service(tmp_path, "hub", str(tmp_path / "hub.toml")) as service:
        await until(lambda: service.count("READY=1") == 1 and service.count("WATCHDOG=1") >= 3)
        assert "STATUS=hub is up, store duckdb:store.duckdb" in service.words
        service.process.terminate()
        assert await service.process.wait() == 0
        await until(lambda: service.count("STOPPING=1") == 1)


def test_the_units_name_commands_that_are_there() -> None:
    for name, command in (
        ("edge", "halong edge run /etc/halong/edge.toml"),
        ("hub", "halong hub /etc/halong/hub.toml"),
    ):
        unit = (ROOT / "deploy" / "systemd" / f"halong-{name}.service").read_text()
        assert f"/{command}\n" in unit
        assert "Type=notify\n" in unit
        assert "WatchdogSec=" in unit
