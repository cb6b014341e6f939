"""An installation of `halong up` or `halong chaos`: its files, and how its processes are started and waited for."""

import asyncio
import fcntl
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec
from rich.console import Console

from halong import broker, sets
from halong.broker import BrokerKind
from halong.hub import BrokerSettings, HubConfig, StoreSettings
from halong.processes import Processes
from halong.serving import ApiSettings

START_S = 30.0
DRAIN_S = 60.0


class UpError(Exception):
    """`halong up` cannot start; the message says what to do."""


class Paths:
    """Where everything of an installation lies below its data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.logs = data / "logs"
        self.ports = data / "ports"
        self.hub = data / "hub.toml"
        self.broker = data / "broker"
        self.book = data / "book.sqlite"
        self.trace = data / "commits.jsonl"
        self.key = data / "operator.key"
        self.truth = data / "truth.jsonl"

    def edge(self, gateway: str) -> Path:
        """A gateway's directory: its configuration and its journal."""
        return self.data / "gateways" / gateway

    def journal(self, gateway: str) -> Path:
        """A gateway's journal."""
        return self.edge(gateway) / "journal.db"


def now_ms() -> int:
    """Wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def program() -> list[str]:
    """The command line of this very program."""
    return [sys.executable, "-m", "halong"]


def only_one(data: Path) -> IO[str]:
    """A lock on the data directory for as long as we live; raises UpError."""
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "up.lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise UpError(f"another halong up is running with {data}; stop it, or give another --data") from None
    return lock


def fresh_files(paths: Paths) -> None:
    """The simulator's record and ingest's trace belong to one run; journals, store and book stay."""
    paths.trace.unlink(missing_ok=True)
    paths.truth.write_bytes(b"")  # who stops before the simulator begins has an account too, of nothing


def check_report(report: Path | None) -> None:
    """Raises UpError when the account could not be written there at the end."""
    if report is not None and not report.absolute().parent.is_dir():
        raise UpError(f"--report {report}: there is no directory {report.absolute().parent}")


def check_port(host: str, port: int) -> None:
    """Raises UpError when nobody can listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UpError(
                f"cannot listen on {host}:{port} ({error.strerror}); give another with --port"
            ) from None


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def start_broker(kind: BrokerKind, port: int, paths: Paths, processes: Processes) -> str:
    """The broker on 127.0.0.1:`port`, running and answering; its address. Raises UpError."""
    await processes.start("broker", broker.command(kind, port, paths.broker))
    if not await wait_port("127.0.0.1", port):
        raise UpError(f"the broker ({kind}) does not answer; see {processes.log_path('broker')}")
    return f"mqtt://127.0.0.1:{port}"


def hub_config(
    paths: Paths, *, broker: BrokerSettings, store: StoreSettings, api: ApiSettings, write: bool = True
) -> HubConfig:
    """The hub's configuration, written where the hub is told to look."""
    config = HubConfig(data=str(paths.data), broker=broker, store=store, api=api)
    if write:
        paths.hub.write_bytes(msgspec.toml.encode(config))
    return config


def sim_command(
    paths: Paths, *, seed: int, gateways: int, broker_url: str, faults: Sequence[str] | None
) -> list[str]:
    """What runs the simulated city; `faults` None: those of a demonstration."""
    command = [*program(), "sim", "city", "--seed", str(seed), "--gateways", str(gateways)]
    command += ["--directory", str(paths.ports), "--broker", broker_url, "--record", str(paths.truth)]
    for fault in faults or ():
        command += ["--fault", fault]
    return command if faults is not None else [*command, "--demo-faults"]


def edge_command(paths: Paths, gateway: str) -> list[str]:
    """What runs the agent of a gateway."""
    return [*program(), "edge", "run", str(paths.edge(gateway) / "edge.toml")]


def hub_command(paths: Paths) -> list[str]:
    """What runs the hub."""
    return [*program(), "hub", str(paths.hub), "--trace", str(paths.trace)]


async def wait_ready(host: str, port: int, processes: Processes) -> None:
    """Return when the hub's API listens; raises UpError."""
    if await wait_port(host, port, give_up=lambda: processes.restarts.get("hub", 0) > 2):
        return
    lines = processes.log_path("hub").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise UpError(f"the hub does not start: {lines[-1] if lines else 'it says nothing'}")


async def wait_port(host: str, port: int, give_up: Callable[[], bool] = lambda: False) -> bool:
    """Whether somebody listens there within `START_S`."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and not give_up():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return True
    return False


async def drain(journals: Sequence[Path], console: Console, within_s: float = DRAIN_S) -> bool:
    """Wait until every pack is acknowledged; False when some are left after `within_s`."""
    deadline = time.monotonic() + within_s
    await asyncio.sleep(0.6)  # the last group commits
    while True:
        waiting = await asyncio.to_thread(sets.count_waiting, journals)
        if not waiting:
            return True
        if time.monotonic() > deadline:
            console.print(f"[red]{waiting} packs are still not acknowledged after {within_s:.0f} s")
            return False
        await asyncio.sleep(0.2)
