"""`halong edge scan` and `halong edge monitor`: the commands that look at the wire."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halong.cli.edge_options import HERE, ConfigFile, located, now_ms
from halong.console import fail, run, seconds

if TYPE_CHECKING:
    from edge.settings import EdgeConfig


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
        configure.written(header, ())
        found_ports = scanning.ports_of(ports or ())
        names = scanning.names_of(values or (), found_ports)
        if write is not None and write.exists() and not force:
            raise scanning.ScanError(f"{write} is there already: give another name, or --force to replace it")
        work = scanning.scan(
            found_ports,
            listen_s=seconds(listen, "--listen"),
            units=scanning.units_of(units),
            maps=map_ or (),
            clock=now_ms,
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
    from halong import monitor as monitoring
    from halong import scan as scanning
    from runtime import log

    log.configure(process="monitor", level="error")  # what the ports say of themselves is in the counters
    try:
        settings = _watched(port_or_config, config, units)
        by_agent = monitoring.held_by_agent(settings)
        if by_agent:
            print("halong: the agent holds the ports, these are its frames", file=sys.stderr)
        screen = monitoring.Screen(lambda text: print(text, flush=True), as_json=as_json)
        counted = run(
            lambda stop: monitoring.watch(
                settings,
                monitoring.ended(stop, seconds(for_) if for_ is not None else None),
                screen,
                by_agent=by_agent,
                clock=now_ms,
            )
        )
    except (monitoring.MonitorError, scanning.ScanError) as error:
        raise fail(str(error)) from None
    print(monitoring.as_json(counted) if as_json else "\n".join(monitoring.summary(counted)))
    if not screen.good:
        raise fail("no good frame was seen")


def _watched(port_or_config: Path | None, config: Path, units: str) -> "EdgeConfig":
    """The ports to watch: of a configuration, one of them, or what a scan finds on a bare port."""
    from halong import monitor as monitoring
    from halong import scan as scanning

    if port_or_config is None or port_or_config.suffix == ".toml":
        return located(port_or_config or config)
    port = str(port_or_config)
    if config.exists() and (settings := monitoring.only(located(config), port)) is not None:
        return settings
    found = monitoring.recognised(port, scanning.units_of(units), now_ms)
    return asyncio.run(found)
