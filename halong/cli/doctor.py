"""`halong doctor`: is this machine, and this installation, as it should be? Every finding with its cure."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from halong.console import fail, load_either
from halong.doctor.finding import Level

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
    from halong.doctor import judge, look
    from halong.doctor.examine import examine
    from runtime import log

    if not configs and (user or mosquitto or reference):
        raise fail(
            "give the configurations too: --user, --mosquitto and --reference are looked at with them", 2
        )
    log.configure(process="doctor", level="critical")
    findings = judge.programs(look.programs())
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


def _installation(
    configs: list[Path], user: str | None, mosquitto: Path | None, references: "list[str] | tuple[()]"
) -> "Installation":
    from edge.config import load_checked
    from edge.settings import EdgeConfig
    from halong.doctor import look
    from halong.doctor.examine import Installation
    from runtime.config import ConfigError

    edges, hubs = [], []
    for path in configs:
        settings = load_either(path)
        if not isinstance(settings, EdgeConfig):
            hubs.append((path, settings))
            continue
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
