"""The command line. Every command: `--help` worth reading, exit 0 only on success, one clear line for what a user can cause."""

import asyncio
import json
import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from halong import alarm_cli, amendments_cli, backup_cli, doctor_cli, ledger_cli, store_cli
from halong.aqi_cli import app as aqi_app
from halong.console import Config, fail, load, run, seconds
from halong.detect_cli import app as detect_app
from halong.edge_cli import edge
from halong.key_cli import app as key_app
from halong.pki_cli import app as pki_app
from halong.quarantine_cli import app as quarantine_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Hạ Long telemetry: from the sensors of a city to data that can be trusted. `halong up` shows it all.",
)
sim = typer.Typer(
    no_args_is_help=True, help="Simulated sensors that speak their real bytes and record what they sent."
)
app.add_typer(sim, name="sim")
app.add_typer(edge, name="edge")
app.add_typer(aqi_app, name="aqi")
app.add_typer(detect_app, name="detect")
app.add_typer(alarm_cli.app, name="alarm")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(key_app, name="key")
app.add_typer(pki_app, name="pki")
app.command()(doctor_cli.doctor)
app.add_typer(amendments_cli.correction, name="correction")
app.add_typer(amendments_cli.validity, name="validity")
app.add_typer(ledger_cli.gateway, name="gateway")

Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        help="KIND@T[+SECONDS], also SENSOR:KIND@T or SENSOR/QUANTITY:KIND@T. From second T on: spike, stuck, jitter, range,"
        " rate, noise, drift, bias, zero, unit, silence, gap, garbage or clock; repeatable.",
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same city.")]
Gateways = Annotated[int, typer.Option(min=1, max=12, help="How many gateways of the simulated city.")]


@app.command()
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
    from halong.installation import UpError
    from halong.up import Kill, Options
    from halong.up import up as run_up
    from runtime import log
    from storage.store import StoreUnavailableError

    if store not in ("embedded", "influx"):
        raise fail(f"--store must be embedded or influx, not {store!r}", 2)
    if embedded_broker is not None and embedded_broker not in list(BrokerKind):
        raise fail(f"--embedded-broker must be one of {', '.join(BrokerKind)}, not {embedded_broker!r}", 2)
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
    log.configure(process="up", level="error")
    try:
        code = run(lambda stop: run_up(options, stop=stop, console=Console()))
    except (UpError, StoreUnavailableError) as error:
        raise fail(str(error)) from None
    raise typer.Exit(code)


def _kill(text: str) -> tuple[str, float]:
    name, _, at = text.partition("@")
    try:
        seconds = float(at)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise fail(f"--kill must look like hub@10, not {text!r}", 2)
    return name, seconds


def _serve(part: str, config: Path, trace: Path | None = None) -> None:
    from halong import hub as hub_module
    from runtime import log
    from runtime.config import ConfigError
    from storage.store import StoreUnavailableError

    settings = load(config, hub_module.HubConfig, hub_module.check)
    if part != "hub" and settings.store.url.startswith("duckdb:"):
        raise fail(
            f"the embedded store belongs to one process, the hub: run `halong hub {config}`, or use InfluxDB",
            2,
        )
    log.configure(process=part)
    try:
        run(lambda stop: hub_module.run(settings, stop=stop, part=part, trace=trace))  # type: ignore[arg-type]
    except (ConfigError, StoreUnavailableError, OSError) as error:
        raise fail(str(error)) from None


@app.command()
def hub(
    config: Config,
    trace: Annotated[Path | None, typer.Option(help="Append what each commit stored, as JSON lines.")] = None,
) -> None:
    """Ingest and API in one process: what an operations centre runs."""
    _serve("hub", config, trace)


@app.command()
def ingest(config: Config) -> None:
    """Ingest alone, with InfluxDB as the store."""
    _serve("ingest", config)


@app.command()
def api(config: Config) -> None:
    """The API and the page alone, with InfluxDB as the store."""
    _serve("api", config)


@app.command()
def check(configs: Annotated[list[Path], typer.Argument(help="Edge or hub configurations.")]) -> None:
    """Check configurations whole, before any port opens. Exit 0 when all can be used."""
    import tomllib

    from edge.config import EdgeConfig
    from edge.config import check as check_edge
    from edge.volume import described
    from halong import hub as hub_module

    agents_own = set(EdgeConfig.__struct_fields__) - set(hub_module.HubConfig.__struct_fields__)
    for path in configs:
        try:
            is_edge = bool(agents_own & tomllib.loads(path.read_text(encoding="utf-8")).keys())
        except (OSError, ValueError):
            is_edge = True  # the loader says it better
        if is_edge:
            settings = load(path, EdgeConfig, check_edge)
            print(
                f"{path}: gateway {settings.gateway} at {settings.site.id}, {settings.sensor_count} sensors: good"
            )
            print(f"  {described(settings)}")
        else:
            load(path, hub_module.HubConfig, hub_module.check)
            print(f"{path}: hub: good")


@app.command()
def decode(
    protocol: Annotated[
        str, typer.Argument(help="A protocol: pms5003, sds011, modbus-rtu, nmea0183, senml-json, …")
    ],
    hex_: Annotated[
        list[str] | None, typer.Option("--hex", help="The bytes, in hexadecimal; repeatable.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="The bytes, as text; repeatable.")] = None,
    meta: Annotated[
        str, typer.Option(help="What else is known, as JSON: request_hex, topic, device, config, headers …")
    ] = "{}",
) -> None:
    """What these bytes mean, as JSON: verdict, decoded fields, readings; a line for each frame."""
    from edge.decode import decode_all

    if bool(hex_) == bool(text):
        raise fail("give the bytes with --hex or with --text", 2)
    try:
        pieces = [bytes.fromhex(part) for part in hex_ or ()] + [part.encode() for part in text or ()]
        known = json.loads(meta)
        if not isinstance(known, dict):
            raise fail("--meta must be a JSON object", 2)
        reports = decode_all(protocol, pieces, known)
    except json.JSONDecodeError as error:
        raise fail(f"--meta is not JSON: {error}", 2) from None
    except ValueError as error:
        raise fail(str(error), 2) from None
    for report in reports:
        answer = {"verdict": report.verdict, "decoded": report.decoded, "readings": report.readings}
        if report.reason:
            answer["reason"] = report.reason
        line = json.dumps(answer, ensure_ascii=False)
        print(
            line.encode("utf-8", "backslashreplace").decode()
        )  # half a character (a surrogate) stays escaped


@sim.command("device")
def sim_device(
    protocol: Annotated[str, typer.Argument(help="A protocol of docs/drivers.md, or replay.")],
    pty: Annotated[Path, typer.Option(help="Link the pseudo-terminal here.")],
    seed: Seed = 1,
    fault: Faults = None,
    record: Annotated[Path | None, typer.Option(help="Write what was sent here, as JSON lines.")] = None,
    sensor: Annotated[
        str | None, typer.Option(help="The sensor's id in the record; default: the protocol.")
    ] = None,
    series: Annotated[
        list[str] | None,
        typer.Option(
            help="FILE:QUANTITY[:UNIT] for replay: a CSV with a column `value`, a row a second; repeatable."
        ),
    ] = None,
) -> None:
    """One device on a pseudo-terminal, until stopped. `replay` plays recorded series as NDJSON lines."""
    from firmware_sim import street as sim_street
    from firmware_sim.faults import parse_fault
    from runtime import log

    log.configure(process="sim", level="warning")
    try:
        faults = [parse_fault(text) for text in fault or ()]
        run(
            lambda stop: sim_street.run_device(
                protocol,
                link=pty,
                sensor=sensor or protocol,
                record=record,
                seed=seed,
                faults=faults,
                stop=stop,
                series=series or (),
            )
        )
    except (ValueError, OSError) as error:
        raise fail(str(error), 2) from None


@sim.command("publisher")
def sim_publisher(
    protocol: Annotated[
        str,
        typer.Argument(
            help="chirpstack-v4, tts-v3, sparkplug-b, tasmota, zigbee2mqtt, shelly-gen2, json, senml-json, senml-cbor"
        ),
    ],
    broker: Annotated[str, typer.Option(help="The broker it publishes to.")],
    name: Annotated[
        str, typer.Option(help="The name in its topics: a DevEUI, GROUP/NODE, a device's name.")
    ] = "",
    period: Annotated[float, typer.Option(min=0.05, help="Seconds from message to message.")] = 1.0,
    seed: Seed = 1,
    record: Annotated[Path | None, typer.Option(help="Write what was sent here, as JSON lines.")] = None,
    sensor: Annotated[
        str | None, typer.Option(help="The sensor's id in the record; default: the protocol.")
    ] = None,
) -> None:
    """One device that publishes over MQTT, until stopped."""
    from firmware_sim import publishing
    from runtime import log

    log.configure(process="sim", level="warning")
    try:
        run(
            lambda stop: publishing.run(
                protocol,
                broker=broker,
                name=name,
                sensor=sensor or protocol,
                record=record,
                seed=seed,
                period_s=period,
                stop=stop,
            )
        )
    except (ValueError, OSError) as error:
        raise fail(str(error), 2) from None


@sim.command("city")
def sim_city(
    directory: Annotated[
        Path, typer.Option(help="Link the pseudo-terminals below this directory, one per sensor.")
    ],
    broker: Annotated[str, typer.Option(help="The broker of the MQTT sensors.")],
    record: Annotated[Path, typer.Option(help="Write what was sent here, as JSON lines.")],
    seed: Seed = 1,
    gateways: Gateways = 12,
    fault: Faults = None,
    demo_faults: Annotated[bool, typer.Option(help="A few faults by themselves, one of each kind.")] = False,
) -> None:
    """The sensors of a simulated Hạ Long, until stopped."""
    from firmware_sim import city
    from firmware_sim import street as sim_street
    from firmware_sim.faults import parse_fault
    from runtime import log

    log.configure(process="sim", level="info")
    try:
        faults = [parse_fault(text) for text in fault or ()] + (
            city.demo_faults(seed, gateways) if demo_faults else []
        )
        plan = city.plan(seed, gateways)
        run(
            lambda stop: sim_street.run(
                plan, directory=directory, broker=broker, record=record, seed=seed, faults=faults, stop=stop
            )
        )
    except (ValueError, OSError) as error:
        raise fail(str(error), 2) from None


@app.command()
def verify(
    record: Annotated[list[Path], typer.Option(help="What simulated devices say they sent; repeatable.")],
    store: Annotated[
        str,
        typer.Option(help="duckdb:FILE, or http://host:8086/database, user:secret in HALONG_STORE_SECRET."),
    ],
    journal: Annotated[
        list[Path] | None,
        typer.Option(help="Journals of agents; repeatable. Without: emitted against stored."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The account as JSON.")] = False,
) -> None:
    """Compare emitted, accepted and stored reading by reading. Exit 0 when the account balances."""
    from halong import storesecret
    from halong.commands import verify_sets
    from storage.store import StoreUnavailableError

    address = storesecret.of_command(store) if store.startswith("http") else store
    try:
        account = asyncio.run(verify_sets(record, address, journal or []))
    except (ValueError, OSError, StoreUnavailableError) as error:
        raise fail(str(error), 2) from None
    if as_json:
        print(json.dumps(account.figures, ensure_ascii=False))
    else:
        for name, value in account.figures.items():
            print(f"{name:12} {value}")
    for example in account.examples[:10]:
        print(example, file=sys.stderr)
    raise typer.Exit(0 if account.balanced else 1)


@app.command()
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
    from halong.installation import UpError
    from runtime import log
    from storage.store import StoreUnavailableError

    if store not in ("embedded", "influx"):
        raise fail(f"--store must be embedded or influx, not {store!r}", 2)
    if broker is not None and broker not in list(BrokerKind):
        raise fail(f"--broker must be one of {', '.join(BrokerKind)}, not {broker!r}", 2)
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
    log.configure(process="chaos", level="error")
    try:
        code = run(lambda stop: run_chaos(options, stop=stop, console=Console()))
    except (UpError, StoreUnavailableError) as error:
        raise fail(str(error)) from None
    raise typer.Exit(code)


@app.command()
def resend(
    gateway: Annotated[str, typer.Option(help="The gateway whose journal is asked.")],
    from_: Annotated[str, typer.Option("--from", help="Start, RFC 3339: 2026-11-23T00:00:00+07:00.")],
    to: Annotated[str, typer.Option(help="End, RFC 3339.")],
    broker: Annotated[str, typer.Option(help="The broker.")] = "mqtt://127.0.0.1:1883",
    root: Annotated[str, typer.Option(help="The topic root.")] = "halong/v1",
) -> None:
    """Ask a gateway to send a period once more: it heals a restored store, and changes nothing that is there."""
    from halong.commands import ask_resend
    from runtime import log

    log.configure(process="resend", level="error")
    try:
        asyncio.run(ask_resend(gateway, from_, to, broker, root))
    except (ValueError, OSError) as error:
        raise fail(str(error), 2) from None


app.command()(ledger_cli.ledger)
app.command()(backup_cli.backup)
app.command()(backup_cli.restore)
store_cli.register(app)


def main() -> None:
    """Entry point of the `halong` program."""
    app()


if __name__ == "__main__":
    main()
