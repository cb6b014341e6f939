"""The run: a city with a proxy on every connection, faults by the plan, and the account at the end. One TaskGroup."""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import structlog
from rich.console import Console

from firmware_sim import city
from halong import broker, influxd, sets, street
from halong.broker import BrokerKind
from halong.chaos import plan
from halong.chaos.asking import Asking
from halong.chaos.asking import paths as paths_to_ask
from halong.chaos.faults import City
from halong.chaos.memory import Memory
from halong.chaos.plan import Fault, Target
from halong.chaos.proxy import Proxy
from halong.chaos.verdict import judge, print_verdict
from halong.hub import BrokerSettings, StoreSettings
from halong.installation import (
    Paths,
    UpError,
    check_report,
    drain,
    free_port,
    fresh_files,
    hub_config,
    now_ms,
    only_one,
    sim_command,
    start_broker,
    wait_port,
    wait_ready,
)
from halong.processes import Processes
from halong.reckoning import print_account, reckon
from halong.serving import ApiSettings
from storage.open import open_store
from telemetry.topics import DEFAULT_ROOT

SETTLE_S = 3.0  # before the first fault and after the last
DRAIN_S = 240.0
TELL_EVERY_S = 10.0
DATABASE = "halong"

log = structlog.get_logger(__name__)


class Options(NamedTuple):
    """What `halong chaos` was asked."""

    data: Path
    faults: int
    seed: int
    store: str = "embedded"
    broker: BrokerKind | None = None
    gateways: int = 4
    every_s: float = 0.9
    report: Path | None = None


def fresh_seed() -> int:
    """A seed nobody has chosen."""
    return secrets.randbelow(1_000_000)


async def chaos(options: Options, *, stop: asyncio.Event, console: Console) -> int:
    """Run until the plan is played (or `stop`); 0 when the account balances. Raises UpError, StoreUnavailableError."""
    paths = Paths(options.data.resolve())
    streets = city.plan(options.seed, options.gateways)
    gateways = [gateway.id for gateway in streets.gateways]
    schedule = plan.schedule(options.seed, options.faults, _targets(options, gateways), options.every_s)
    check_report(options.report)
    began_ms = now_ms()
    async with AsyncExitStack() as stack:
        stack.enter_context(only_one(paths.data))
        fresh_files(paths)
        processes = Processes(paths.logs)
        stack.push_async_callback(processes.stop_all)
        kind, broker_port, api_port = _choose(options), free_port(), free_port()
        url = await start_broker(kind, broker_port, paths, processes)
        store_port = await _start_influxd(paths, processes) if options.store == "influx" else None
        wires = await _wires(stack, options, gateways, broker_port, store_port)
        _configure(options, paths, streets, wires, broker_url=url, api_port=api_port)
        memory = Memory(processes)
        await processes.start("hub", _stepped("hub", paths.hub, _step_file(paths, "hub"), paths.trace))
        await wait_ready("127.0.0.1", api_port, processes)
        devices = sim_command(paths, seed=options.seed, gateways=options.gateways, broker_url=url, faults=[])
        await processes.start("sim", devices)
        for gateway in gateways:
            config = paths.edge(gateway) / "edge.toml"
            await processes.start(gateway, _stepped("agent", config, _step_file(paths, gateway)))
        hurt = City(
            processes,
            wires,
            broker_kind=kind,
            broker_port=broker_port,
            broker_directory=paths.broker,
            step_file=lambda name: _step_file(paths, name),
            root=DEFAULT_ROOT,
            seed=options.seed,
        )
        console.print(
            f"seed {options.seed}: {len(schedule)} faults in {schedule[-1].at_s:.0f} s on {len(gateways)} gateways,"
            f" {kind}, store {options.store}; data {paths.data}",
            highlight=False,
        )
        asking = Asking(api_port, paths_to_ask(streets.gateways[0].devices, began_ms))
        journals = [paths.journal(gateway) for gateway in gateways]
        played: Counter[str] = Counter()
        async with asyncio.TaskGroup() as group:
            meanwhile = [
                group.create_task(memory.watch(), name="memory"),
                group.create_task(asking.run(), name="asking"),
                group.create_task(_tell(played, journals, memory, console), name="progress"),
            ]
            await _play(schedule, hurt, played, paths, stop)
            console.print("all faults are over: stopping the devices, draining the journals …")
            await asyncio.sleep(SETTLE_S)
            await processes.stop("sim")
            drained = await drain(journals, console, DRAIN_S)
            for task in meanwhile:
                task.cancel()
        await processes.stop(*gateways)
        await processes.stop("hub")
        direct = (
            f"http://127.0.0.1:{store_port}/{DATABASE}" if store_port else f"duckdb:{paths.data}/store.duckdb"
        )
        report = await reckon(
            paths,
            open_store(direct),
            streets,
            seed=options.seed,
            began_ms=began_ms,
            processes=processes,
            drained=drained,
        )
    missed = Counter(f"{fault.kind} of {fault.target}" for fault in hurt.not_played)
    played.subtract(fault.kind for fault in hurt.not_played)
    report |= {"store": options.store, "broker": str(kind), "faults": played.total()}
    report |= {"faults_by_kind": dict(sorted((+played).items())), "not_played": dict(sorted(missed.items()))}
    report |= {"restarts": dict(processes.restarts)}
    report |= {"meddled_packets": sum(wire.touched for wire in wires.values()), "rubbish": hurt.rubbish}
    report |= {"asked": dict(sorted(asking.answers.items())), "bugs": +asking.bugs}
    report |= judge(report, paths, processes, memory)
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print_account(report, console)
    print_verdict(report, console)
    return 0 if report["passed"] else 1


def _stepped(what: str, config: Path, step_file: Path, *more: Path) -> list[str]:
    """What runs an agent or the hub with a clock that can be stepped, by the real time at first."""
    step_file.unlink(missing_ok=True)
    return [sys.executable, "-m", "halong.chaos.stepped", what, *map(str, (config, step_file, *more))]


def _step_file(paths: Paths, name: str) -> Path:
    return (paths.data if name == "hub" else paths.edge(name)) / "clock-step"


def _targets(options: Options, gateways: Sequence[str]) -> list[tuple[Target, str]]:
    """Everything that can be hurt; a wire has the name of the process that uses it."""
    targets = [(kind, gateway) for gateway in gateways for kind in (Target.AGENT, Target.UPLINK)]
    targets += [(Target.HUB, "hub"), (Target.HUB_LINK, "hub"), (Target.BROKER, "broker")]
    if options.store == "influx":
        targets += [(Target.STORE, "influxd"), (Target.STORE_LINK, "store")]
    return [*targets, (Target.STRANGER, "rogue")]


def _choose(options: Options) -> BrokerKind:
    try:
        return broker.choose(options.broker)
    except broker.NoBrokerError as error:
        raise UpError(str(error)) from None


async def _start_influxd(paths: Paths, processes: Processes) -> int:
    if influxd.influxd_path() is None:
        raise UpError("influxd is not installed: apt install influxdb, or take --store embedded")
    port = free_port()
    await processes.start("influxd", influxd.command(port, free_port(), paths.data / "influxd"))
    if not await wait_port("127.0.0.1", port):
        raise UpError(f"influxd does not answer; see {processes.log_path('influxd')}")
    return port


async def _wires(
    stack: AsyncExitStack, options: Options, gateways: Sequence[str], broker_port: int, store_port: int | None
) -> dict[str, Proxy]:
    """A proxy between each process and the server it uses, open while the stack is."""
    packs = f"{DEFAULT_ROOT}/up/"
    plans: list[tuple[str, int, str | None]] = [(name, broker_port, packs) for name in (*gateways, "hub")]
    if store_port is not None:
        plans.append(("store", store_port, None))
    return {
        name: await stack.enter_async_context(
            Proxy(name, port, topic=topic, rng=Random(f"{options.seed}/{name}")).listening()
        )
        for name, port, topic in plans
    }


def _configure(
    options: Options,
    paths: Paths,
    streets: city.City,
    wires: dict[str, Proxy],
    *,
    broker_url: str,
    api_port: int,
) -> None:
    """Everybody's configuration: packs and acknowledgements pass the proxies, the devices' own messages do not."""
    uplinks = {gateway.id: f"mqtt://127.0.0.1:{wires[gateway.id].port}" for gateway in streets.gateways}
    store = StoreSettings()
    if options.store == "influx":
        store = StoreSettings(f"http://127.0.0.1:{wires['store'].port}/{DATABASE}")
    hub_config(
        paths,
        broker=BrokerSettings(f"mqtt://127.0.0.1:{wires['hub'].port}", DEFAULT_ROOT),
        store=store,
        api=ApiSettings("127.0.0.1", api_port),
    )
    street.write_gateways(
        streets, paths.edge, ports=paths.ports, broker=broker_url, root=DEFAULT_ROOT, uplinks=uplinks
    )


async def _play(
    schedule: Sequence[Fault], hurt: City, played: Counter[str], paths: Paths, stop: asyncio.Event
) -> None:
    """Every fault in its time, and until the last is over; what was played is written down. `stop` ends it early."""
    await asyncio.sleep(SETTLE_S)
    began = time.monotonic()
    with (paths.data / "faults.jsonl").open("w", encoding="utf-8", buffering=1) as record:
        async with asyncio.TaskGroup() as group:
            for fault in schedule:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), max(0.0, began + fault.at_s - time.monotonic()))
                if stop.is_set():
                    return
                record.write(json.dumps({"at": now_ms(), **fault._asdict()}) + "\n")
                played[fault.kind] += 1
                group.create_task(hurt.play(fault), name=f"{fault.kind} {fault.target}")


async def _tell(played: Counter[str], journals: Sequence[Path], memory: Memory, console: Console) -> None:
    """A line now and then: how far it is, what waits, how big the processes are."""
    began = time.monotonic()
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        waiting = await asyncio.to_thread(sets.count_waiting, journals)
        console.print(
            f"{time.monotonic() - began:5.0f} s  {sum(played.values()):4} faults  {waiting:4} packs waiting"
            f"  hub {memory.now('hub')} MB, agents {memory.largest(exclude=('hub', 'broker', 'sim', 'influxd'))} MB,"
            f" broker {memory.now('broker')} MB",
            highlight=False,
        )
