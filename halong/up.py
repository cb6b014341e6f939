"""`halong up`: the whole city on one command, and the account of it at the end.

Order of the end: stop the devices, let the journals drain, stop the agents and the hub, then count.
"""

import asyncio
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog
from rich.console import Console

from firmware_sim import city
from firmware_sim.faults import check_sensors, parse_fault
from halong import broker, street
from halong.broker import BrokerKind
from halong.hub import BrokerSettings, StoreSettings, store_url
from halong.installation import (
    Paths,
    UpError,
    check_port,
    check_report,
    drain,
    edge_command,
    free_port,
    fresh_files,
    hub_command,
    hub_config,
    now_ms,
    only_one,
    sim_command,
    start_broker,
    wait_ready,
)
from halong.keys import new_key
from halong.processes import Processes
from halong.reckoning import print_account, reckon
from halong.serving import ApiSettings
from halong.status import Status
from runtime.mqtt import BrokerUrl, clear_retained
from storage.book import Book
from storage.keys import Keys, Role
from storage.open import open_store
from telemetry.topics import DEFAULT_ROOT

log = structlog.get_logger(__name__)


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


async def up(options: Options, *, stop: asyncio.Event, console: Console) -> int:
    """Run the city until `stop` or for `for_s` seconds; 0 when the account balances. Raises UpError."""
    paths = Paths(options.data.resolve())
    plan = city.plan(options.seed, options.gateways)
    gateways = [gateway.id for gateway in plan.gateways]
    _check_names(options, plan)
    check_report(options.report)
    began_ms = now_ms()
    async with AsyncExitStack() as stack:
        stack.enter_context(only_one(paths.data))
        fresh_files(paths)
        check_port(options.host, options.port)
        processes = Processes(paths.logs)
        stack.push_async_callback(processes.stop_all)
        url = await _broker(options, paths, processes)
        config = hub_config(
            paths,
            broker=BrokerSettings(url, options.root),
            store=StoreSettings(options.influx_url) if options.store == "influx" else StoreSettings(),
            api=ApiSettings(options.host, options.port),
        )
        key = stack.enter_context(_operator_key(paths))
        street.write_gateways(plan, paths.edge, ports=paths.ports, broker=url, root=options.root)
        console.print("starting broker and hub …")
        await processes.start("hub", hub_command(paths))
        await wait_ready(options.host, options.port, processes)
        console.print(f"starting {options.gateways} gateways and their sensors …")
        devices = sim_command(
            paths, seed=options.seed, gateways=options.gateways, broker_url=url, faults=options.faults
        )
        await processes.start("sim", devices)
        for gateway in gateways:
            await processes.start(gateway, edge_command(paths, gateway))
        console.print(
            f"[bold]Hạ Long is up[/]: page http://{options.host}:{options.port}/   API docs /docs   data {paths.data}"
            f"   key to acknowledge with: {paths.key}"
        )
        await _watch(options, processes, console, len(gateways), stop, key)
        console.print("stopping the devices, draining the journals …")
        await processes.stop("sim")
        drained = await drain([paths.journal(gateway) for gateway in gateways], console)
        await processes.stop(*gateways)
        await processes.stop("hub")
        store = open_store(store_url(config, paths.data, os.environ))
        report = await reckon(
            paths, store, plan, seed=options.seed, began_ms=began_ms, processes=processes, drained=drained
        )
        cleared = await clear_retained(BrokerUrl.parse(url), f"{options.root}/#")
        log.info("retained topics cleared", topics=cleared)
    report["restarts"] = dict(processes.restarts)
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print_account(report, console)
    return 0 if report["balanced"] else 1


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


async def _broker(options: Options, paths: Paths, processes: Processes) -> str:
    """The address of the broker that was given, or of one of our own; raises UpError."""
    try:
        if options.broker is not None:
            BrokerUrl.parse(options.broker)
            return options.broker
        kind = broker.choose(options.broker_kind)
    except (ValueError, broker.NoBrokerError) as error:
        raise UpError(str(error)) from None
    return await start_broker(kind, free_port(), paths, processes)


@contextmanager
def _operator_key(paths: Paths) -> Iterator[str]:
    """A key for this run, to acknowledge with: in a file that only its owner can read."""
    key = new_key()
    with Book(paths.book) as book:
        Keys(book).add(key, "halong up", Role.OPERATOR, by="up", now_ms=now_ms())
    paths.key.unlink(missing_ok=True)
    with os.fdopen(os.open(paths.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
    try:
        yield key
    finally:
        paths.key.unlink(missing_ok=True)
        with Book(paths.book) as book:
            Keys(book).revoke(key.split("_")[1], "up", now_ms())


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
