"""`halong quarantine …`: look through what was set aside, and try it again once the cause is mended."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from halong.cli.records import (
    DATA,
    AsJson,
    Data,
    carry_out,
    now_ms,
    opened,
    print_json,
    print_table,
    shown,
    who,
)
from halong.cli.remote import Remote, Url
from halong.console import fail
from storage.quarantine import Quarantine, QuarantineFilter, ReplayOrder, described
from telemetry.quarantine import Reason
from telemetry.times import read

app = typer.Typer(
    no_args_is_help=True,
    help="What was set aside instead of stored: a work queue (docs/quarantine.md). Mend the cause, then replay.",
)
ByReason = Annotated[
    str | None, typer.Option("--reason", help='As `list` shows it: "not owner", undecodable, …')
]
ByGateway = Annotated[str | None, typer.Option("--gateway", help="Only what this gateway sent.")]
BySensor = Annotated[str | None, typer.Option("--sensor", help="Only readings of this sensor.")]


def _reason(text: str | None) -> Reason | None:
    if text is None:
        return None
    try:
        return Reason(text)
    except ValueError:
        raise fail(f"no reason {text!r}; known: {', '.join(Reason)}", 2) from None


@app.command("list")
def list_(
    data: Data = DATA,
    reason: ByReason = None,
    gateway: ByGateway = None,
    sensor: BySensor = None,
    every: Annotated[bool, typer.Option("--all", help="Also what a replay has settled.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Open entries, newest first."""
    wanted = QuarantineFilter(
        reason=_reason(reason), gateway=gateway, sensor=sensor, is_open=None if every else True
    )
    if url is not None:
        query = {"reason": wanted.reason, "gateway": gateway, "sensor": sensor}
        page = Remote(url).listed("/v1/quarantine", limit, **query, state="all" if every else "open")
        items, total = page["items"], page["total"]
    else:
        with opened(data) as book:
            items = [described(row) for row in book.quarantined(limit, wanted=wanted)]
            total = book.quarantine_total()
    if as_json:
        print_json({"items": items, "total": total})
        return
    head = ("id", "last seen", "count", "reason", "gateway", "sensor", "detail")
    print_table(
        head,
        [
            (r["id"], _time(r["last_seen"]), r["count"], r["reason"], r["gateway"], r["sensor"], _told(r))
            for r in items
        ],
    )


def _time(text: str) -> str:
    return shown(read(text))


def _told(row: Mapping[str, Any]) -> str:
    replay, detail = row["replay"], str(row["detail"])
    return detail if replay is None else f"{detail} [{replay['outcome']}: {replay['detail']}]"


@app.command()
def show(
    entry: Annotated[int, typer.Argument(help="The entry's id.")],
    data: Data = DATA,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """One entry whole, with its payload as text where it is text, else in hexadecimal. A hub (--url) shows 4 KiB of it."""
    if url is not None:
        items = Remote(url).get("/v1/quarantine", limit=1, cursor=entry + 1)["items"]
    else:
        with opened(data) as book:
            items = [described(row) for row in book.quarantined(1, wanted=QuarantineFilter(ids=(entry,)))]
    if not items or items[0]["id"] != entry:
        raise fail(f"no entry {entry} in the quarantine")
    found = items[0]
    if as_json:
        print_json(found)
        return
    for name in (
        "id",
        "reason",
        "detail",
        "topic",
        "gateway",
        "sensor",
        "count",
        "first_seen",
        "last_seen",
        "state",
    ):
        print(f"{name:11}{found[name]}")
    if replay := found["replay"]:
        print(f"replay     {_time(replay['at'])} {replay['outcome']}: {replay['detail']}")
    payload = base64.b64decode(found["payload"])
    text = payload.decode("utf-8", "replace")
    print(f"payload    {text if text.isprintable() else payload.hex(' ')}")


@app.command()
def dismiss(
    ids: Annotated[list[int], typer.Argument(help="Entries by id.")],
    note: Annotated[str, typer.Option(help="Why: it is kept with your name.")],
    data: Data = DATA,
    url: Url = None,
) -> None:
    """Take entries off the list that will not be stored; seen again, they are open again."""
    if url is not None:
        done = Remote(url).post("/v1/quarantine/dismiss", {"ids": ids, "note": note})["dismissed"]
    else:
        with opened(data) as book, book.writing() as database:
            wanted = QuarantineFilter(ids=tuple(ids))
            done = Quarantine(database).dismiss(wanted, f"{note} ({who()})", now_ms())
    print(f"{done} dismissed")
    raise typer.Exit(0 if done == len(set(ids)) else 1)


@app.command()
def replay(
    ids: Annotated[
        list[int] | None, typer.Argument(help="Entries by id; or give a reason, gateway or sensor.")
    ] = None,
    data: Data = DATA,
    reason: ByReason = None,
    gateway: ByGateway = None,
    sensor: BySensor = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            help='A reason to waive because you know better ("not owner", "impossible time"); repeatable.'
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Try entries again. What passes the checks is stored by its own identity: nothing is doubled.

    Exit 0 when every entry is stored now or was there already.
    """
    if not (ids or reason or gateway or sensor):
        raise fail("say which: ids, --reason, --gateway or --sensor", 2)
    waived = tuple(found for found in map(_reason, accept or ()) if found is not None)
    wanted = QuarantineFilter(ids=tuple(ids or ()), reason=_reason(reason), gateway=gateway, sensor=sensor)
    if url is not None:
        order = {"ids": ids or [], "reason": wanted.reason, "gateway": gateway, "sensor": sensor}
        result = Remote(url).carry_out("/v1/quarantine/replay", order | {"accept": waived})
    else:
        with opened(data) as book:
            result = carry_out(book, "replay", ReplayOrder(wanted, waived), patience_s=60.0)
    if as_json:
        print_json(result)
    else:
        for one in result["entries"]:
            print(f"{one['id']}: {one['outcome']} ({one['detail']})")
        print(", ".join(f"{result[name]} {name}" for name in ("stored", "already there", "still refused")))
    raise typer.Exit(1 if result["still refused"] else 0)
