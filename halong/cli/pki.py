"""`halong pki`: certificates for the broker, the hub and the gateways, and the mosquitto that demands them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from halong import mosquitto
from halong.authority import Authority, AuthorityError, Issued
from halong.console import fail
from halong.pki import BROKER, HUB, OPERATOR, Role
from telemetry.inventory import check_id
from telemetry.topics import DEFAULT_ROOT

app = typer.Typer(
    no_args_is_help=True,
    help="Certificates: a small authority for the broker, the hub and each gateway. Keep its directory off the network.",
)
Dir = Annotated[
    Path, typer.Option("--dir", help="The authority's directory; its keys are readable only by you.")
]
Days = Annotated[int, typer.Option(min=1, max=3650, help="How long it works.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
DIR = Path("pki")
SOON_DAYS = 30


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@app.command()
def init(
    host: Annotated[
        list[str],
        typer.Option(help="A name or address by which gateways reach the broker; repeatable."),
    ],
    directory: Dir = DIR,
    name: Annotated[str, typer.Option(help="The authority's own name.")] = "Ha Long telemetry",
    days: Days = 825,
) -> None:
    """Make the authority, with certificates for the broker, for the hub and for an operator's commands."""
    now = _now()
    try:
        authority = Authority.create(directory, name, now)
        authority.issue(BROKER, Role.BROKER, now, days, host)
        authority.issue(HUB, Role.HUB, now, days)
        authority.issue(OPERATOR, Role.OPERATOR, now, days)
    except (AuthorityError, OSError) as error:
        raise fail(str(error)) from None
    print(f"authority in {directory}; broker ({', '.join(host)}), hub and operator have certificates")
    print("next: `halong pki issue GATEWAY` for each gateway, `halong pki mosquitto` for the broker")


@app.command()
def issue(
    name: Annotated[str, typer.Argument(help="The gateway's id; or hub, operator, broker to renew theirs.")],
    directory: Dir = DIR,
    days: Days = 825,
    renew: Annotated[
        bool, typer.Option("--renew", help="Also when it has one that works: both work until it is replaced.")
    ] = False,
) -> None:
    """A certificate for one gateway: prints the directory whose three files belong on its machine."""
    role = {HUB: Role.HUB, OPERATOR: Role.OPERATOR, BROKER: Role.BROKER}.get(name, Role.GATEWAY)
    try:
        check_id(name)
        authority = Authority(directory)
        earlier = [one for one in authority.certificates if one.name == name]
        give = authority.renew if renew else authority.issue
        place = give(name, role, _now(), days, earlier[-1].hosts if earlier else ())
    except (AuthorityError, ValueError, OSError) as error:
        raise fail(str(error), 2) from None
    print(place)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The gateway's id.")],
    directory: Dir = DIR,
) -> None:
    """End all certificates of a name. Brokers refuse it once they have read the new list: restart mosquitto."""
    try:
        ended = Authority(directory).revoke(name, _now())
    except (AuthorityError, OSError) as error:
        raise fail(str(error)) from None
    if not ended:
        raise fail(f"{name} has no certificate that works; `halong pki list` shows them")
    print(f"{name}: {ended} revoked. Give the broker the new list (`halong pki mosquitto`) and restart it.")


@app.command("list")
def list_(directory: Dir = DIR, as_json: AsJson = False) -> None:
    """Every certificate that was ever issued, and whether it works."""
    try:
        rows = Authority(directory).certificates
    except AuthorityError as error:
        raise fail(str(error)) from None
    now = _now()
    if as_json:
        print(json.dumps([{**msgspec.to_builtins(row), "state": _state(row, now)} for row in rows]))
        return
    for row in rows:
        print(f"{row.name:24}  {row.role:8}  {_state(row, now):22}  {row.serial}")


def _state(row: Issued, now: datetime) -> str:
    if row.revoked is not None:
        return f"revoked {row.revoked.date()}"
    left = (row.not_after - now).days
    if row.not_after <= now:
        return f"expired {row.not_after.date()}"
    return f"{'ends soon' if left < SOON_DAYS else 'until'} {row.not_after.date()}"


@app.command("mosquitto")
def mosquitto_(
    out: Annotated[
        Path, typer.Option(help="Where mosquitto.conf, acl and the broker's certificate are written.")
    ],
    directory: Dir = DIR,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The TLS port.")] = 8883,
    address: Annotated[str, typer.Option(help="Listen only there; empty: everywhere.")] = "",
    root: Annotated[str, typer.Option(help="The topic root of this installation.")] = DEFAULT_ROOT,
    source: Annotated[
        list[str] | None,
        typer.Option(help="A topic filter of devices on this broker, which gateways may read; repeatable."),
    ] = None,
    installed: Annotated[
        str,
        typer.Option(help="Where this directory will lie on the broker's machine; empty: where it is."),
    ] = "",
    persistence: Annotated[
        str, typer.Option(help="Where mosquitto keeps its database.")
    ] = "/var/lib/mosquitto",
) -> None:
    """A mosquitto that asks everybody for a certificate and lets each gateway write only its own topics.

    The directory holds all that the broker's machine needs, and not the authority's key. Again after each `revoke`.
    """
    try:
        authority = Authority(directory)
        out.mkdir(parents=True, exist_ok=True)
        place = installed or str(out.resolve())
        text = mosquitto.configuration(port=port, address=address, directory=place, persistence=persistence)
        (out / "acl").write_text(mosquitto.access_list(root, source or ()), encoding="utf-8")
        (out / "mosquitto.conf").write_text(text, encoding="utf-8")
        authority.equip_broker(out)
    except (AuthorityError, OSError) as error:
        raise fail(str(error)) from None
    print(out / "mosquitto.conf")
