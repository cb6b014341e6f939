"""`halong doctor`: is this machine, and this installation, as it should be? Every finding with its cure."""

import asyncio
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from halong.console import fail, load
from halong.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from halong.doctor.examine import Installation

MOSQUITTO = Path("/etc/mosquitto/mosquitto.conf")


def doctor(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(help="Edge and hub configurations; without any, only the programs here."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Whom the service runs as, like halong; default: you.")
    ] = None,
    mosquitto: Annotated[
        Path | None,
        typer.Option(
            help=f"The broker's configuration, when it runs here; default: {MOSQUITTO} if it is there."
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(help="An HTTP server whose clock is right, like http://hub.example:8080/; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, a list of findings.")] = False,
) -> None:
    """Look at a whole installation: ports, clocks, permissions, versions, certificates, disk, broker, database.

    Every finding says what to do. Nothing is changed. Exit 1 when something is a fault.
    """
    from halong.doctor.examine import examine
    from runtime import log

    log.configure(process="doctor", level="critical")
    findings = _programs()
    if configs:
        findings += asyncio.run(examine(_installation(configs, user, mosquitto, reference or ())))
    if as_json:
        print(msgspec.json.encode(findings).decode())
    else:
        for finding in findings:
            print(f"{finding.level:7}  {finding.check}, {finding.where}: {finding.what}")
            if finding.cure:
                print(f"{'':7}  → {finding.cure}")
    raise typer.Exit(any(finding.level is Level.FAULT for finding in findings))


def _programs() -> list[Finding]:
    from halong.commands import examine as look_around
    from halong.doctor.finding import fault, good

    return [
        fault("programs", one.what, f"missing: {one.detail}", one.detail)
        if one.needed and not one.good
        else good("programs", one.what, one.detail)
        for one in look_around()
    ]


def _installation(
    configs: list[Path], user: str | None, mosquitto: Path | None, references: "list[str] | tuple[()]"
) -> "Installation":
    from edge.config import check, load_checked
    from edge.settings import EdgeConfig
    from halong import hub
    from halong.doctor import look
    from halong.doctor.examine import Installation
    from runtime.config import ConfigError

    agents_own = set(EdgeConfig.__struct_fields__) - set(hub.HubConfig.__struct_fields__)
    edges, hubs = [], []
    for path in configs:
        try:
            is_edge = bool(agents_own & tomllib.loads(path.read_text(encoding="utf-8")).keys())
        except (OSError, ValueError):
            is_edge = True  # the loader says it better
        if not is_edge:
            hubs.append((path, load(path, hub.HubConfig, hub.check)))
            continue
        load(path, EdgeConfig, check)
        try:
            edges.append((path, load_checked(path)))
        except ConfigError as error:
            raise fail(str(error), 2) from None
    try:
        account = look.account(user)
    except ValueError as error:
        raise fail(f"--user: {error}", 2) from None
    here = mosquitto or (MOSQUITTO if MOSQUITTO.exists() else None)
    return Installation(edges, hubs, account, here, references)
