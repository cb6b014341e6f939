"""`halong edge …`: the agent of a gateway, and what a technician does at its cabinet (docs/technician.md)."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from halong.console import Config, fail, instant_ms, load, near, seconds
from halong.console import run as run_service

if TYPE_CHECKING:
    from edge.settings import EdgeConfig

ConfigFile = Annotated[
    Path,
    typer.Option("--config", envvar="HALONG_EDGE_CONFIG", help="The configuration of this gateway's agent."),
]
HERE = Path("edge.toml")
SensorId = Annotated[str, typer.Argument(help="The sensor's id in the configuration.")]


class EdgeGroup(TyperGroup):
    """`halong edge FILE` is short for `halong edge run FILE`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name, and what is left of them."""
        if self.get_command(ctx, args[0]) is None and args[0].endswith(".toml"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


edge = typer.Typer(
    cls=EdgeGroup,
    no_args_is_help=True,
    help="The agent of one gateway, and what a technician does at its cabinet (docs/technician.md)."
    " `halong edge FILE.toml` is short for `halong edge run FILE.toml`.",
)


@edge.command()
def run(config: Config) -> None:
    """The agent of one gateway: reads its sensors and loses nothing it has accepted.

    A changed configuration is taken over while it runs, by itself or on SIGHUP: only the ports it changes are opened anew. A
    bad one is refused, `halong edge status` says why. Gateway, site, broker, journal, clock and metrics need a restart.
    """
    from edge.agent import run as run_agent
    from edge.config import load_checked
    from edge.configfile import ConfigFile
    from runtime import log
    from runtime.config import ConfigError
    from runtime.sdnotify import Notifier

    async def agent(stop: asyncio.Event) -> None:
        file = ConfigFile(config, load_checked)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, file.ask)
        await run_agent(settings, stop=stop, file=file, notifier=Notifier(os.environ))

    try:
        settings = load_checked(config)
    except ConfigError as error:
        raise fail(str(error), 2) from None
    log.configure(process=settings.gateway)
    try:
        run_service(agent)
    except ConfigError as error:
        raise fail(str(error)) from None


def _settings(config: Path, sensor: str | None = None) -> "EdgeConfig":
    """The configuration with its journal located; a mistake, or a sensor that is not in it, ends the command."""
    from edge.config import EdgeConfig, check

    settings: EdgeConfig = load(config, EdgeConfig, check).located_in(config.parent)
    known = [listed.id for listed in settings.sensors()]
    if sensor is not None and sensor not in known:
        raise fail(f"{config} has no sensor {sensor!r}, {near(sensor, known)}", 2)
    return settings


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@edge.command()
def status(
    config: ConfigFile = HERE,
    json: Annotated[bool, typer.Option("--json", help="The whole status, for programs.")] = False,
) -> None:
    """How the agent of this gateway does: ports, sensors, journal, hub. Reads the file it writes every ten seconds.

    Exit 0 when the agent runs and nothing is wrong, else 1.
    """
    from halong import edge_status

    settings = _settings(config)
    if not edge_status.show(settings, _now_ms(), as_json=json):
        raise typer.Exit(1)


@edge.command()
def state(
    sensor: SensorId,
    state: Annotated[
        str | None,
        typer.Argument(help="calibrating, fault or measuring; without: say what holds now."),
    ] = None,
    for_: Annotated[
        str | None,
        typer.Option("--for", help="Ends by itself after so long; calibrating: 1h unless said, fault: open."),
    ] = None,
    config: ConfigFile = HERE,
) -> None:
    """Say what an instrument is doing: its readings carry it from now on, into packs, store and export.

    It is durable, survives restarts, and ends by itself. `measuring` ends it at once.
    """
    from halong import cabinet

    settings = _settings(config, sensor)
    if state is None:
        print(cabinet.tell_state(settings, sensor, _now_ms()))
        return
    if state not in cabinet.STATES:
        raise fail(f"the state must be {', '.join(cabinet.STATES)}, not {state!r}", 2)
    if state == "measuring" and for_ is not None:
        raise fail("--for goes with calibrating and fault: measuring is what is left when they end", 2)
    lasts_s = seconds(for_) if for_ is not None else None
    try:
        print(cabinet.set_state(settings, sensor, state, lasts_s, _now_ms()))
    except cabinet.CabinetError as error:
        raise fail(str(error)) from None


@edge.command()
def replace(
    sensor: SensorId,
    new_serial: Annotated[str, typer.Option(help="The serial number of the new device.")] = "",
    note: Annotated[str, typer.Option(help="Anything worth remembering of the swap.")] = "",
    config: ConfigFile = HERE,
) -> None:
    """Write down that a device was swapped: the sensor keeps its id, the inventory gets the change with its date."""
    from halong import cabinet

    settings = _settings(config, sensor)
    try:
        print(cabinet.replace(settings, sensor, new_serial, note, _now_ms()))
    except cabinet.CabinetError as error:
        raise fail(str(error)) from None


@edge.command()
def export(
    config_or_data: Annotated[
        Path, typer.Argument(help="An agent's configuration, a journal's file, or a data directory.")
    ],
    from_: Annotated[str, typer.Option("--from", help="Start: 2026-11-23, or 2026-11-23T00:00:00+07:00.")],
    to: Annotated[str, typer.Option(help="End, not itself included; default: now.")] = "",
    sensor: Annotated[str, typer.Option(help="Only this sensor.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write here instead of to the standard output.")] = None,
) -> None:
    """Any period of the journal as CSV: works while the agent runs, and after it died. Days are those of Hạ Long.

    Exit 0 only when every pack of the period could be read.
    """
    from edge.export import ExportError
    from halong import export as export_module

    start_ms = instant_ms(from_, "--from")
    end_ms = instant_ms(to, "--to") if to else _now_ms()
    if start_ms >= end_ms:
        raise fail("--from must be before --to", 2)
    try:
        journals = export_module.find_journals(config_or_data)
        done = export_module.to_file(journals, out, start_ms, end_ms, sensor)
    except (ExportError, OSError) as error:
        raise fail(str(error)) from None
    where = f" to {out}" if out is not None else ""
    print(f"halong: {done.readings} readings of {done.packs} packs{where}", file=sys.stderr)
    if done.damaged:
        raise fail(f"{done.damaged} packs are damaged and are left out")


@edge.command()
def scan(
    ports: Annotated[
        list[str] | None,
        typer.Argument(help="Ports by path or pattern; default: every serial port of this machine."),
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Write a configuration that works here.")] = None,
    listen: Annotated[
        str, typer.Option(help="Listen so long at each line setting; longer for radars on a quiet road.")
    ] = "2.5s",
    units: Annotated[str, typer.Option(help="Modbus addresses to ask on each line, 1-247.")] = "1-10",
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="A register map of your own (TOML) to try; repeatable.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            help="Names for values that do not say what they are: [PORT=]temperature,humidity:%RH,-; repeatable."
        ),
    ] = None,
    gateway: Annotated[str, typer.Option(help="The gateway's id; default: from this machine's name.")] = "",
    site: Annotated[str, typer.Option(help="The site's id.")] = "site-1",
    place: Annotated[str, typer.Option(help="Where it stands: LATITUDE,LONGITUDE.")] = "20.9500,107.0500",
    broker: Annotated[str, typer.Option(help="The broker of the centre.")] = "mqtt://127.0.0.1:1883",
    force: Annotated[bool, typer.Option(help="Replace the file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was found as JSON.")] = False,
) -> None:
    """What hangs on the serial ports: by listening, then by questions that change nothing on any device.

    Nothing is ever set: no Modbus write, no mode, no calibration. Stop the agent first, it holds its ports. Exit 0 when
    something was found.
    """
    import json

    from rich.console import Console

    from edge.scanning import configure
    from halong import scan as scanning
    from runtime.config import ConfigError
    from telemetry.inventory import Site

    try:
        latitude, longitude = map(float, place.split(","))
    except ValueError:
        raise fail(f"--place must be LATITUDE,LONGITUDE in degrees, not {place!r}", 2) from None
    header = configure.Header(
        gateway or scanning.gateway_name(), Site(site, site, latitude, longitude), broker
    )
    try:
        names = configure.parse_names(values or ())
        configure.written(header, ())
        found_ports = scanning.ports_of(ports or ())
        if write is not None and write.exists() and not force:
            raise scanning.ScanError(f"{write} is there already: give another name, or --force to replace it")
        work = scanning.scan(
            found_ports,
            listen_s=seconds(listen, "--listen"),
            units=scanning.units_of(units),
            maps=map_ or (),
            clock=_now_ms,
            console=Console(stderr=True),
        )
        reports = scanning.named(asyncio.run(work), names)
    except (scanning.ScanError, ConfigError, ValueError) as error:
        raise fail(str(error), 2) from None
    if as_json:
        print(json.dumps(scanning.as_json(found_ports, reports), ensure_ascii=False, indent=1))
    else:
        Console(width=None if sys.stdout.isatty() else 200).print(scanning.table(found_ports, reports))
    if write is not None:
        try:
            count = scanning.write(write, header, reports, force=force)
        except (scanning.ScanError, OSError) as error:
            raise fail(str(error)) from None
        print(f"halong: {write} reads {count} sensors; next: halong check {write}", file=sys.stderr)
    if not any(report.found for report in reports):
        raise fail("nothing was recognised on any port")


@edge.command("test")
def follow_reading(
    sensor: SensorId,
    within: Annotated[str, typer.Option("--for", help="Wait so long at most.")] = "60s",
    config: ConfigFile = HERE,
) -> None:
    """Does the centre have it? Follows the sensor's next reading from the port to the acknowledgement, a line a step.

    The agent must be running. Exit 0 only when the centre has acknowledged.
    """
    from edge.export import ExportError
    from halong import proof
    from runtime import log

    settings = _settings(config, sensor)
    log.configure(process="test", level="error")
    work = proof.follow(
        settings,
        sensor,
        within_s=seconds(within),
        clock=_now_ms,
        tell=lambda step, words: print(f"{step:12} {words}", flush=True),
    )
    try:
        asyncio.run(work)
    except (proof.MissingError, ExportError, OSError) as error:
        raise fail(str(error)) from None


@edge.command()
def monitor(
    port_or_config: Annotated[
        Path | None,
        typer.Argument(help="A serial port, or an agent's configuration; default: --config, all its ports."),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="Stop by itself after so long; else Ctrl-C.")
    ] = None,
    units: Annotated[str, typer.Option(help="Modbus addresses to look for on a bare port.")] = "1-10",
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a line, the counters as the last one.")
    ] = False,
    config: ConfigFile = HERE,
) -> None:
    """Live frames, bytes beside their meaning, then error counters by port and by device of a bus.

    A port that is free is read here; beside the running agent its own frames are shown. A bare port that no configuration
    names is recognised first, as `scan` does. Exit 0 when at least one good frame was seen.
    """
    import json

    from halong import monitor as monitoring
    from halong import scan as scanning
    from runtime import log

    log.configure(process="monitor", level="error")  # what the ports say of themselves is in the counters
    try:
        is_port = port_or_config is not None and port_or_config.suffix != ".toml"
        given = config if is_port or port_or_config is None else port_or_config
        settings = _settings(given) if given.exists() or not is_port else None
        if is_port and settings is not None and str(port_or_config) in monitoring.paths(settings):
            settings = monitoring.only(settings, str(port_or_config))
        elif is_port:
            found = monitoring.recognised(str(port_or_config), scanning.units_of(units), _now_ms)
            settings = asyncio.run(found).located_in(Path("/nonexistent"))
        assert settings is not None
        if not monitoring.paths(settings):
            raise monitoring.MonitorError(f"{given} has no serial port")
        held = monitoring.holder(settings)
        if held not in ("", "agent"):
            raise monitoring.MonitorError(
                f"{held}: stop it, or give the configuration of the agent that holds it"
            )
        good = 0

        def tell(event: monitoring.Event) -> None:
            nonlocal good
            good += event["verdict"] != "reject"
            print(json.dumps(event, ensure_ascii=False) if as_json else monitoring.line(event), flush=True)

        async def watch(stop: asyncio.Event) -> monitoring.Counted:
            if for_ is not None:
                asyncio.get_running_loop().call_later(seconds(for_), stop.set)
            if held == "agent":
                print("halong: the agent holds the ports, these are its frames", file=sys.stderr)
                return await monitoring.beside(settings, stop, tell)
            return await monitoring.free(settings, stop, _now_ms, tell)

        counted = run_service(watch)
    except (monitoring.MonitorError, scanning.ScanError) as error:
        raise fail(str(error)) from None
    if as_json:
        print(monitoring.as_json(counted))
    else:
        print("\n".join(monitoring.summary(counted)))
    if not good:
        raise fail("no good frame was seen")
