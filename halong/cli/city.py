"""`halong up` and `halong chaos`: the whole city as processes, and what befalls it."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from halong.cli.sim import Faults, Gateways, Seed
from halong.console import fail, run, seconds


def up(
    data: Annotated[Path, typer.Option(help="Where journals, store, logs and configurations live.")] = Path(
        "halong-data"
    ),
    for_: Annotated[
        str | None, typer.Option("--for", help="Stop by itself after so long: 30s, 5m, 2h.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the account here as JSON.")] = None,
    seed: Seed = 1,
    gateways: Gateways = 12,
    store: Annotated[str, typer.Option(help="embedded (DuckDB, no server) or influx.")] = "embedded",
    influx_url: Annotated[
        str, typer.Option(help="With --store influx; user:secret in HALONG_STORE_SECRET.")
    ] = "http://127.0.0.1:8086/halong",
    broker: Annotated[
        str | None, typer.Option(help="Use this broker (mqtt://host:1883) instead of starting one.")
    ] = None,
    embedded_broker: Annotated[
        str | None, typer.Option(help="Start this one: mosquitto, iotcore or amqtt.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address of the page and the API.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the page and the API.")] = 8080,
    kill: Annotated[
        list[str] | None,
        typer.Option(help="PROCESS@SECONDS: kill -9 of hub, broker, sim or a gateway; repeatable."),
    ] = None,
    fault: Faults = None,
) -> None:
    """The whole city on one command: broker, simulated sensors, edge agents, hub; the account at the end.

    Ctrl-C stops everything in order. Exit 0 only when nothing is lost, doubled or unexplained.
    """
    from rich.console import Console

    from halong.broker import BrokerKind
    from halong.up import Kill, Options
    from halong.up import up as run_up

    _check(store, embedded_broker, "--embedded-broker")
    options = Options(
        data=data,
        for_s=seconds(for_) if for_ is not None else None,
        report=report,
        seed=seed,
        gateways=gateways,
        store=store,
        influx_url=influx_url,
        broker=broker,
        broker_kind=BrokerKind(embedded_broker) if embedded_broker else None,
        host=host,
        port=port,
        kills=tuple(Kill(at, name) for name, at in map(_kill, kill or ())),
        faults=fault,
    )
    _play("up", lambda stop: run_up(options, stop=stop, console=Console()))


def _play(name: str, city: Callable[[asyncio.Event], Coroutine[Any, Any, int]]) -> None:
    """Run it until its end or a signal; its verdict is the exit."""
    from halong.installation import UpError
    from runtime import log
    from storage.store import StoreUnavailableError

    log.configure(process=name, level="error")
    try:
        code = run(city)
    except (UpError, StoreUnavailableError) as error:
        raise fail(str(error)) from None
    raise typer.Exit(code)


def _check(store: str, broker: str | None, option: str) -> None:
    from halong.broker import BrokerKind

    if store not in ("embedded", "influx"):
        raise fail(f"--store must be embedded or influx, not {store!r}", 2)
    if broker is not None and broker not in list(BrokerKind):
        raise fail(f"{option} must be one of {', '.join(BrokerKind)}, not {broker!r}", 2)


def _kill(text: str) -> tuple[str, float]:
    name, _, at = text.partition("@")
    try:
        seconds = float(at)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise fail(f"--kill must look like hub@10, not {text!r}", 2)
    return name, seconds


def chaos(
    faults: Annotated[int, typer.Option(min=1, help="How many faults.")] = 12,
    seed: Annotated[
        int | None, typer.Option(help="The same seed plays the same faults; without it a new one is drawn.")
    ] = None,
    store: Annotated[
        str, typer.Option(help="embedded (DuckDB) or influx (an influxd of its own).")
    ] = "embedded",
    broker: Annotated[
        str | None,
        typer.Option(help="mosquitto, iotcore or amqtt; default: what is installed, in this order."),
    ] = None,
    gateways: Gateways = 4,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds from fault to fault, on the average.")] = 0.9,
    data: Annotated[
        Path | None, typer.Option(help="Where everything is kept; default: halong-data/chaos-SEED.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the account here as JSON.")] = None,
) -> None:
    """The merciless test: agents, broker, hub and database are killed, paused and restarted, their connections cut,
    slowed and silenced, packets doubled, reordered and changed, disks filled, rubbish published. All servers are its own.

    At the end the account: nothing accepted may be lost or doubled, nothing missed without a reason, nobody may have
    crashed. Exit 0 only then. `--seed` plays a failing run again.
    """
    from rich.console import Console

    from halong.broker import BrokerKind
    from halong.chaos.run import Options, fresh_seed
    from halong.chaos.run import chaos as run_chaos

    _check(store, broker, "--broker")
    seed = fresh_seed() if seed is None else seed
    options = Options(
        data=data or Path("halong-data") / f"chaos-{seed}",
        faults=faults,
        seed=seed,
        store=store,
        broker=BrokerKind(broker) if broker else None,
        gateways=gateways,
        every_s=every,
        report=report,
    )
    _play("chaos", lambda stop: run_chaos(options, stop=stop, console=Console()))
