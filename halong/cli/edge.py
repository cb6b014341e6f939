"""`halong edge …`: the agent of a gateway, and what a technician does at its cabinet (docs/technician.md)."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from halong.cli.edge_options import HERE, ConfigFile, SensorId, located, now_ms
from halong.cli.wire import monitor, scan
from halong.console import TIME, Config, fail, instant_ms, seconds
from halong.console import run as run_service


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
edge.command()(scan)
edge.command()(monitor)


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


@edge.command()
def status(
    config: ConfigFile = HERE,
    json: Annotated[bool, typer.Option("--json", help="The whole status, for programs.")] = False,
) -> None:
    """How the agent of this gateway does: ports, sensors, journal, hub. Reads the file it writes every ten seconds.

    Exit 0 when the agent runs and nothing is wrong, else 1.
    """
    from edge.statusfile import StatusError
    from halong import edge_status

    settings = located(config)
    try:
        good = edge_status.show(settings, now_ms(), as_json=json)
    except StatusError as error:
        raise fail(str(error)) from None
    raise typer.Exit(0 if good else 1)


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

    settings = located(config, sensor)
    if state is None:
        print(cabinet.tell_state(settings, sensor, now_ms()))
        return
    if state not in cabinet.STATES:
        raise fail(f"the state must be {', '.join(cabinet.STATES)}, not {state!r}", 2)
    if state == "measuring" and for_ is not None:
        raise fail("--for goes with calibrating and fault: measuring is what is left when they end", 2)
    lasts_s = seconds(for_) if for_ is not None else None
    try:
        print(cabinet.set_state(settings, sensor, state, lasts_s, now_ms()))
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

    settings = located(config, sensor)
    try:
        print(cabinet.replace(settings, sensor, new_serial, note, now_ms()))
    except cabinet.CabinetError as error:
        raise fail(str(error)) from None


@edge.command()
def export(
    config_or_data: Annotated[
        Path, typer.Argument(help="An agent's configuration, a journal's file, or a data directory.")
    ],
    from_: Annotated[str, typer.Option("--from", help=f"Start: {TIME}.")],
    to: Annotated[str, typer.Option(help="End, not itself included; default: now.")] = "",
    sensor: Annotated[str, typer.Option(help="Only this sensor.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write here instead of to the standard output.")] = None,
) -> None:
    """Any period of the journal as CSV: works while the agent runs, and after it died.

    Exit 0 only when every pack of the period could be read and, of a named sensor, there is something.
    """
    from edge.export import ExportError
    from halong import export as export_module

    start_ms = instant_ms(from_, "--from")
    end_ms = instant_ms(to, "--to") if to else now_ms()
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
    if sensor and not done.readings:
        raise fail(f"no reading of {sensor!r} in that period")


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

    settings = located(config, sensor)
    log.configure(process="test", level="error")
    work = proof.follow(
        settings,
        sensor,
        within_s=seconds(within),
        clock=now_ms,
        tell=lambda step, words: print(f"{step:12} {words}", flush=True),
    )
    try:
        asyncio.run(work)
    except (proof.MissingError, ExportError, OSError) as error:
        raise fail(str(error)) from None
