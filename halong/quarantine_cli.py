"""`halong quarantine …`: look through what was set aside, and try it again once the cause is mended."""

import base64
from typing import Annotated, Any

import typer

from halong.console import fail
from halong.records import (
    DATA,
    AsJson,
    Data,
    carry_out,
    now_ms,
    opened,
    print_json,
    print_table,
    rfc3339,
    shown,
    who,
)
from storage.quarantine import Quarantine, QuarantineFilter, QuarantineRow, ReplayOrder
from telemetry.quarantine import Reason

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
) -> None:
    """Open entries, newest first."""
    wanted = QuarantineFilter(
        reason=_reason(reason), gateway=gateway, sensor=sensor, is_open=None if every else True
    )
    with opened(data) as book:
        rows = book.quarantined(limit, wanted=wanted)
        total = book.quarantine_total()
    if as_json:
        print_json({"items": [_described(row) for row in rows], "total": total})
        return
    head = ("id", "last seen", "count", "reason", "gateway", "sensor", "detail")
    print_table(
        head,
        [(r.id, shown(r.last_ms), r.count, r.reason, r.gateway, r.sensor, _told(r)) for r in rows],
    )


def _told(row: QuarantineRow) -> str:
    return row.detail if row.replay is None else f"{row.detail} [{row.replay.outcome}: {row.replay.detail}]"


def _described(row: QuarantineRow) -> dict[str, Any]:
    replay = row.replay
    return {
        "id": row.id,
        "reason": row.reason,
        "detail": row.detail,
        "topic": row.topic,
        "gateway": row.gateway,
        "sensor": row.sensor,
        "payload": base64.b64encode(row.payload).decode(),
        "count": row.count,
        "first_seen": rfc3339(row.first_ms),
        "last_seen": rfc3339(row.last_ms),
        "state": "open" if row.open else "settled",
        "replay": {"at": rfc3339(replay.at_ms), "outcome": replay.outcome, "detail": replay.detail}
        if replay
        else None,
    }


@app.command()
def show(
    entry: Annotated[int, typer.Argument(help="The entry's id.")], data: Data = DATA, as_json: AsJson = False
) -> None:
    """One entry whole, with its payload as text where it is text, else in hexadecimal."""
    with opened(data) as book:
        rows = book.quarantined(1, wanted=QuarantineFilter(ids=(entry,)))
    if not rows:
        raise fail(f"no entry {entry} in the quarantine")
    row = rows[0]
    described = _described(row)
    if as_json:
        print_json(described)
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
        print(f"{name:11}{described[name]}")
    if row.replay is not None:
        print(f"replay     {shown(row.replay.at_ms)} {row.replay.outcome}: {row.replay.detail}")
    text = row.payload.decode("utf-8", "replace")
    print(f"payload    {text if text.isprintable() else row.payload.hex(' ')}")


@app.command()
def dismiss(
    ids: Annotated[list[int], typer.Argument(help="Entries by id.")],
    note: Annotated[str, typer.Option(help="Why: it is kept with your name.")],
    data: Data = DATA,
) -> None:
    """Take entries off the list that will not be stored; seen again, they are open again."""
    with opened(data) as book, book.writing() as database:
        done = Quarantine(database).dismiss(QuarantineFilter(ids=tuple(ids)), f"{note} ({who()})", now_ms())
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
) -> None:
    """Try entries again. What passes the checks is stored by its own identity: nothing is doubled.

    Exit 0 when every entry is stored now or was there already.
    """
    if not (ids or reason or gateway or sensor):
        raise fail("say which: ids, --reason, --gateway or --sensor", 2)
    waived = tuple(found for found in map(_reason, accept or ()) if found is not None)
    wanted = QuarantineFilter(ids=tuple(ids or ()), reason=_reason(reason), gateway=gateway, sensor=sensor)
    with opened(data) as book:
        result = carry_out(book, "replay", ReplayOrder(wanted, waived), patience_s=60.0)
    if as_json:
        print_json(result)
    else:
        for one in result["entries"]:
            print(f"{one['id']}: {one['outcome']} ({one['detail']})")
        print(", ".join(f"{result[name]} {name}" for name in ("stored", "already there", "still refused")))
    raise typer.Exit(1 if result["still refused"] else 0)
