"""An edge agent with 50 serial sensors at 1 Hz beside a bare pyserial loop that only reads the same ports.

Everything is real: simulated devices on pseudo-terminals in a process of their own, a broker, a hub that stores and acknowledges.
The agent's figures are taken from /proc: CPU seconds a second, resident memory, bytes written. The devices speak by themselves,
each in its own phase: a command that sets a device up would start all fifty clocks at once.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.processes import module, rss_mb, running, wait_for
from firmware_sim import street as sim_street
from firmware_sim.city import City, DevicePlan, GatewayPlan
from halong import broker
from halong.hub import BrokerSettings, HubConfig
from halong.installation import free_port
from halong.serving import ApiSettings
from halong.street import edge_config
from telemetry.inventory import Site
from telemetry.topics import DEFAULT_ROOT

SENSORS = 50
SETTLE_S = 6.0
QUANTITIES = ("temperature", "humidity", "pressure")
FIELDS = {"fields": {quantity: {"path": place} for place, quantity in enumerate(QUANTITIES)}}
DAY_S = 86_400


class Usage(NamedTuple):
    """CPU seconds a second, resident MB, MB written a day, seconds until the first readings."""

    cpu: float
    rss_mb: float
    written_mb_day: float
    started_s: float


def plan() -> City:
    """One gateway with 50 boards that say three values a second."""
    sensors = tuple(
        DevicePlan(f"pm-{i}", f"pm-{i}", "line-delimited", "serial", QUANTITIES, 1.0) for i in range(SENSORS)
    )
    return City(1, (GatewayPlan("gw-bench", Site("bench", "Bench", 20.95, 107.08), sensors),))


def measure(seconds: float) -> tuple[Usage, Usage]:
    """(the agent, the bare loop), one after the other on the same ports."""
    with tempfile.TemporaryDirectory(prefix="halong-bench-") as name:
        directory = Path(name)
        port = free_port()
        url = f"mqtt://127.0.0.1:{port}"
        (gateway,) = plan().gateways
        config = edge_config(gateway, ports=directory / "ports", broker=url, root=DEFAULT_ROOT)
        boards = tuple(msgspec.structs.replace(device, options=FIELDS) for device in config.serial)
        config = msgspec.structs.replace(config, serial=boards)
        (directory / "edge.toml").write_bytes(msgspec.toml.encode(config))
        hub = HubConfig(str(directory / "hub"), BrokerSettings(url), api=ApiSettings(port=free_port()))
        (directory / "hub.toml").write_bytes(msgspec.toml.encode(hub))
        journal = directory / "journal.db"
        with (
            running(broker.command(broker.choose(), port, directory / "broker")),
            running(module("halong", "hub", str(directory / "hub.toml"))),
            running(module("bench.agent", str(directory), url)),
        ):
            wait_for(lambda: len(list((directory / "ports").glob("pm-*"))) == SENSORS)
            agent = module("halong", "edge", "run", str(directory / "edge.toml"))
            ours = _measure(agent, seconds, lambda: journal.exists() and journal.stat().st_size > 0)
            bare = _measure(module("bench.bare_reader", str(directory / "ports")), seconds, lambda: True)
        return ours, bare


def _measure(command: list[str], seconds: float, begun: Callable[[], bool]) -> Usage:
    began = time.monotonic()
    with running(command) as pid:
        wait_for(begun)
        started_s = time.monotonic() - began
        time.sleep(SETTLE_S)
        cpu, written, at = _cpu_s(pid), _written(pid), time.monotonic()
        time.sleep(seconds)
        lasted = time.monotonic() - at
        return Usage(
            (_cpu_s(pid) - cpu) / lasted,
            rss_mb(pid),
            (_written(pid) - written) / lasted * DAY_S / 1e6,
            started_s,
        )


def _cpu_s(pid: int) -> float:
    """CPU time of all threads, exact to the nanosecond (the kernel's scheduler statistics)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


async def _street(directory: Path, url: str) -> None:
    await sim_street.run(
        plan(),
        directory=directory / "ports",
        broker=url,
        record=directory / "truth.jsonl",
        seed=1,
        faults=(),
        stop=asyncio.Event(),
    )


if __name__ == "__main__":
    asyncio.run(_street(Path(sys.argv[1]), sys.argv[2]))
