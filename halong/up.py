"""`halong up`: the whole city on one command, and the account of it at the end.

Order of the end: stop the devices, let the journals drain, stop the agents and the hub, then count.
"""

import asyncio
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import numpy as np
import structlog
from rich.console import Console

from firmware_sim import city
from firmware_sim.faults import check_sensors, parse_fault
from halong import broker, street, verify
from halong.account import Account, Sequences, Window, compare
from halong.broker import BrokerKind
from halong.hub import BrokerSettings, HubConfig, StoreSettings, store_url
from halong.key_cli import make_key
from halong.processes import Processes
from halong.serving import ApiSettings
from halong.status import Status
from runtime.mqtt import BrokerUrl, clear_retained
from storage.book import Book
from storage.keys import Keys, Role
from storage.open import open_store
from telemetry.topics import DEFAULT_ROOT

START_S = 30.0
DRAIN_S = 60.0
OPEN_S = 15.0  # an agent that has no reading of a device so long after its start has no excuse any more
UNCOMMITTED_MS = 1000  # what an agent has read and not yet journalled is gone when it is killed

log = structlog.get_logger(__name__)


class UpError(Exception):
    """`halong up` cannot start; the message says what to do."""


class Kill(NamedTuple):
    """kill -9 of a process `at_s` seconds after the city is up."""

    at_s: float
    name: str


class Options(NamedTuple):
    """What `halong up` was asked."""

    data: Path
    for_s: float | None = None
    report: Path | None = None
    seed: int = 1
    gateways: int = 12
    store: str = "embedded"
    influx_url: str = "http://127.0.0.1:8086/halong"
    broker: str | None = None
    broker_kind: BrokerKind | None = None
    root: str = DEFAULT_ROOT
    host: str = "127.0.0.1"
    port: int = 8080
    kills: Sequence[Kill] = ()
    faults: Sequence[str] | None = None


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


async def up(options: Options, *, stop: asyncio.Event, console: Console) -> int:
    """Run the city until `stop` or for `for_s` seconds; 0 when the account balances. Raises UpError."""
    paths = Paths(options.data.resolve())
    plan = city.plan(options.seed, options.gateways)
    gateways = [gateway.id for gateway in plan.gateways]
    _check_names(options, plan)
    began_ms = _now_ms()
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_one(paths.data))
        _fresh_files(paths)
        _check_port(options.host, options.port)
        processes = Processes(paths.logs)
        stack.push_async_callback(processes.stop_all)
        url = await _start_broker(options, paths, processes)
        config = _hub_config(options, paths, url)
        key = stack.enter_context(_operator_key(paths))
        street.write_gateways(plan, paths.edge, ports=paths.ports, broker=url, root=options.root)
        console.print("starting broker and hub …")
        await processes.start("hub", [*_halong(), "hub", str(paths.hub), "--trace", str(paths.trace)])
        await _wait_ready(options, processes)
        console.print(f"starting {options.gateways} gateways and their sensors …")
        await processes.start("sim", _sim_command(options, paths, url))
        for gateway in gateways:
            await processes.start(
                gateway, [*_halong(), "edge", "run", str(paths.edge(gateway) / "edge.toml")]
            )
        console.print(
            f"[bold]Hạ Long is up[/]: page http://{options.host}:{options.port}/   API docs /docs   data {paths.data}"
            f"   key to acknowledge with: {paths.key}"
        )
        await _watch(options, processes, console, len(gateways), stop, key)
        console.print("stopping the devices, draining the journals …")
        await processes.stop("sim")
        drained = await _drain([paths.journal(gateway) for gateway in gateways], console)
        await processes.stop(*gateways)
        await processes.stop("hub")
        report = await _report(options, paths, config, plan, began_ms, processes, drained=drained)
        cleared = await clear_retained(BrokerUrl.parse(url), f"{options.root}/#")
        log.info("retained topics cleared", topics=cleared)
    report["restarts"] = dict(processes.restarts)
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _print_account(report, console)
    return 0 if report["balanced"] else 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _halong() -> list[str]:
    return [sys.executable, "-m", "halong"]


def _check_names(options: Options, plan: city.City) -> None:
    """Kills and faults name what will be there; raises UpError."""
    own_broker = ["broker"] if options.broker is None else []
    processes = ["hub", "sim", *own_broker, *(gateway.id for gateway in plan.gateways)]
    for kill in options.kills:
        if kill.name not in processes:
            raise UpError(f"--kill: there is no process {kill.name!r}, there are {', '.join(processes)}")
    try:
        faults = [parse_fault(text) for text in options.faults or ()]
        check_sensors(faults, [device.sensor for gateway in plan.gateways for device in gateway.devices])
    except ValueError as error:
        raise UpError(str(error)) from None


def _only_one(data: Path) -> IO[str]:
    """A lock on the data directory for as long as we live; raises UpError."""
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "up.lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise UpError(f"another halong up is running with {data}; stop it, or give another --data") from None
    return lock


def _fresh_files(paths: Paths) -> None:
    """The simulator's record and ingest's trace belong to one run; journals, store and book stay."""
    for path in (paths.truth, paths.trace):
        path.unlink(missing_ok=True)


def _check_port(host: str, port: int) -> None:
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


async def _start_broker(options: Options, paths: Paths, processes: Processes) -> str:
    if options.broker is not None:
        try:
            BrokerUrl.parse(options.broker)
        except ValueError as error:
            raise UpError(str(error)) from None
        return options.broker
    try:
        kind = broker.choose(options.broker_kind)
    except broker.NoBrokerError as error:
        raise UpError(str(error)) from None
    port = free_port()
    await processes.start("broker", broker.command(kind, port, paths.broker))
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
        except OSError:
            await asyncio.sleep(0.05)
            continue
        return f"mqtt://127.0.0.1:{port}"
    raise UpError(f"the broker ({kind}) does not answer; see {processes.log_path('broker')}")


@contextmanager
def _operator_key(paths: Paths) -> Iterator[str]:
    """A key for this run, to acknowledge with: in a file that only its owner can read."""
    with Book(paths.book) as book:
        key = make_key(book, "halong up", Role.OPERATOR, by="up")
    paths.key.unlink(missing_ok=True)
    with os.fdopen(os.open(paths.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
    try:
        yield key
    finally:
        paths.key.unlink(missing_ok=True)
        with Book(paths.book) as book:
            Keys(book).revoke(key.split("_")[1], "up", _now_ms())


def _hub_config(options: Options, paths: Paths, broker_url: str) -> HubConfig:
    store = StoreSettings(options.influx_url) if options.store == "influx" else StoreSettings()
    config = HubConfig(
        data=str(paths.data),
        broker=BrokerSettings(broker_url, options.root),
        store=store,
        api=ApiSettings(options.host, options.port),
    )
    paths.hub.write_bytes(msgspec.toml.encode(config))
    return config


def _sim_command(options: Options, paths: Paths, broker_url: str) -> list[str]:
    command = [*_halong(), "sim", "city", "--seed", str(options.seed), "--gateways", str(options.gateways)]
    command += ["--directory", str(paths.ports), "--broker", broker_url, "--record", str(paths.truth)]
    for fault in options.faults or ():
        command += ["--fault", fault]
    return command if options.faults is not None else [*command, "--demo-faults"]


async def _wait_ready(options: Options, processes: Processes) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            _, writer = await asyncio.open_connection(options.host, options.port)
            writer.close()
        except OSError:
            if processes.restarts.get("hub", 0) > 2:
                break
            await asyncio.sleep(0.1)
            continue
        return
    lines = processes.log_path("hub").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise UpError(f"the hub does not start: {lines[-1] if lines else 'it says nothing'}")


async def _watch(
    options: Options, processes: Processes, console: Console, gateways: int, stop: asyncio.Event, key: str
) -> None:
    """Show the city and carry out the kills until it is time to stop."""
    status = Status(f"http://{options.host}:{options.port}", console, expected=gateways, key=key)
    showing = asyncio.create_task(status.show(), name="status")
    killing = asyncio.create_task(_kill(options.kills, processes), name="kills")
    try:
        await asyncio.wait_for(stop.wait(), options.for_s)
    except TimeoutError:
        pass
    finally:
        for task in (showing, killing):
            task.cancel()
        await asyncio.gather(showing, killing, return_exceptions=True)


async def _kill(kills: Sequence[Kill], processes: Processes) -> None:
    began = time.monotonic()
    for kill in sorted(kills):
        await asyncio.sleep(max(0.0, kill.at_s - (time.monotonic() - began)))
        processes.kill(kill.name)


async def _drain(journals: Sequence[Path], console: Console) -> bool:
    """Wait until every pack is acknowledged; False when some are left after a minute."""
    deadline = time.monotonic() + DRAIN_S
    await asyncio.sleep(0.6)  # the last group commits
    while True:
        waiting = await asyncio.to_thread(verify.count_waiting, journals)
        if not waiting:
            return True
        if time.monotonic() > deadline:
            console.print(f"[red]{waiting} packs are still not acknowledged after {DRAIN_S:.0f} s")
            return False
        await asyncio.sleep(0.2)


async def _report(
    options: Options,
    paths: Paths,
    config: HubConfig,
    plan: city.City,
    began_ms: int,
    processes: Processes,
    *,
    drained: bool,
) -> dict[str, Any]:
    journals = {g.id: paths.journal(g.id) for g in plan.gateways if paths.journal(g.id).exists()}
    emitted = verify.read_emitted([paths.truth])
    accepted = verify.read_accepted(journals, since_ms=began_ms)
    store = open_store(store_url(config, paths.data, os.environ))
    await store.open()
    try:
        stored = await verify.read_stored(store, began_ms, _now_ms() + 60_000, emitted.sensors)
    finally:
        await store.close()
    with Book(paths.book) as book:
        anomalies = book.anomalies(start_ms=began_ms, limit=1000)
        quarantined = book.quarantine_total()
    commits = verify.read_commits(paths.trace)
    account = compare(
        emitted.readings,
        accepted.readings,
        stored,
        periods_s=emitted.periods_s,
        windows=[*emitted.windows, *_agent_windows(plan, emitted.periods_s, accepted.readings, processes)],
        timeless=accepted.timeless,
        committed_ms={key: commits[pack] for key, pack in accepted.pack_of.items() if pack in commits},
    )
    return {
        "seed": options.seed,
        "seconds": round((_now_ms() - began_ms) / 1000, 1),
        "gateways": len(plan.gateways),
        "sensors": len(emitted.sensors),
        "protocols": sorted(set(emitted.protocols.values())),
        **_figures(account),
        "damaged": accepted.damaged,
        "undatable": accepted.count_timeless(verify.UNDATABLE),
        "undated": accepted.count_timeless(verify.UNDATED),
        "quarantined": quarantined,
        "anomalies": len(anomalies),
        "drained": drained,
        "balanced": account.balanced and drained and account.stored > 0,
        "examples": list(account.examples),
    }


def _agent_windows(
    plan: city.City, periods_s: Mapping[str, float], accepted: Sequences, processes: Processes
) -> list[Window]:
    """When no agent listened to a device: until its first reading after each start, at most `OPEN_S` and one period.

    An MQTT device is not heard either while the broker is away.
    """
    windows = []
    for gateway in plan.gateways:
        for device in gateway.devices:
            period_ms = round(1000 * periods_s.get(device.sensor, 0.0))
            carriers = (gateway.id, "broker") if device.link == "mqtt" else (gateway.id,)
            gaps = [(0, processes.first_start_ms(gateway.id), "agent starting")]
            gaps += [
                (o.start_ms - UNCOMMITTED_MS, o.end_ms, f"{o.name} down")
                for o in processes.outages
                if o.name in carriers
            ]
            for start_ms, end_ms, cause in gaps:
                latest = end_ms + round(OPEN_S * 1000)
                settled = min(accepted.first_from(device.sensor, end_ms, latest), latest)
                named = cause.replace(gateway.id, "agent")
                windows.append(Window(device.sensor, start_ms, settled + period_ms, named))
    return windows


def _figures(account: Account) -> dict[str, Any]:
    latencies = account.latencies_ms
    p50, p99 = (
        (round(float(np.percentile(latencies, p)), 1) for p in (50, 99)) if len(latencies) else (None, None)
    )
    return {
        "emitted": account.emitted,
        "accepted": account.accepted,
        "missed": account.missed,
        "missed_by_cause": dict(account.causes),
        "unexplained": account.unexplained,
        "foreign": account.foreign,
        "stored": account.stored,
        "lost": account.lost,
        "duplicates": account.duplicates,
        "altered": account.altered,
        "latency_ms": {"p50": p50, "p99": p99},
    }


def _print_account(report: dict[str, Any], console: Console) -> None:
    good = report["balanced"]
    console.print(
        f"\n[bold]Account[/] of {report['seconds']} s, {report['gateways']} gateways, {report['sensors']} sensors"
    )
    console.print(
        f"  emitted {report['emitted']}   accepted {report['accepted']}   stored {report['stored']}",
        highlight=False,
    )
    console.print(
        f"  [{'green' if good else 'bold red'}]lost {report['lost']}   duplicates {report['duplicates']}   "
        f"unexplained {report['unexplained']}[/]   missed {report['missed']} {report['missed_by_cause'] or ''}",
        highlight=False,
    )
    latency = report["latency_ms"]
    console.print(
        f"  quarantined {report['quarantined']}   anomalies {report['anomalies']}   "
        f"latency p50 {latency['p50']} ms, p99 {latency['p99']} ms",
        highlight=False,
    )
    for example in report["examples"][:5]:
        console.print(f"  [red]{example}", highlight=False)
