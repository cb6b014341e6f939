"""`halong ledger` and `halong gateway`: is yesterday complete, and whom nobody should wait for any more."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from halong.cli.records import (
    DATA,
    AsJson,
    Data,
    carry_out,
    check_sensor,
    now_ms,
    opened,
    print_json,
    print_table,
    shown,
    unheld_store,
    who,
)
from halong.cli.remote import Remote, Url
from halong.console import TIME, fail, instant_ms
from storage.book import Book
from storage.ledger import Figures, LedgerRow, total
from storage.ledger import ledger as draw_up
from storage.store import StoreBusyError, StoreUnavailableError
from telemetry.times import DAY_MS, city_date, midnight_ms, rfc3339

SHOWN = (
    "expected",
    "read",
    "bad",
    "accepted",
    "stored",
    "quarantined",
    "late",
    "given_up",
    "lost",
    "pending",
)
gateway = typer.Typer(no_args_is_help=True, help="Gateways, as the hub keeps them in its book.")


def ledger(
    data: Data = DATA,
    day: Annotated[str | None, typer.Option(help="The city's day, 2026-11-23; today without it.")] = None,
    sensor: Annotated[str | None, typer.Option(help="Only this sensor, hour by hour.")] = None,
    hours: Annotated[bool, typer.Option("--hours", help="Every sensor, hour by hour.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Of every sensor: what was expected, read, accepted, stored, quarantined, late, given up, lost, pending.

    A figure with ~ is estimated by the sensor's period, because the gateway has not told (all of) the hour. Exit 0 when
    nothing is lost.
    """
    try:
        wanted = date.fromisoformat(day) if day is not None else city_date(now_ms())
    except ValueError:
        raise fail(f"--day must look like 2026-11-23, not {day!r}", 2) from None
    start_ms = midnight_ms(wanted)
    end_ms = start_ms + DAY_MS
    rows = (
        _asked(Remote(url), start_ms, end_ms, sensor)
        if url is not None
        else _found(data, start_ms, end_ms, sensor)
    )
    if as_json:
        print_json([_described(row) for row in rows])
    else:
        _print(rows, by_hour=hours or sensor is not None)
    raise typer.Exit(1 if any(row.figures.lost for row in rows) else 0)


def _asked(hub: Remote, start_ms: int, end_ms: int, sensor: str | None) -> list[LedgerRow]:
    """What the hub at the address answers."""
    items = hub.get("/v1/completeness", start=rfc3339(start_ms), end=rfc3339(end_ms), sensor=sensor)["items"]
    return [
        LedgerRow(
            one["sensor"],
            one["site"],
            one["gateway"],
            one["t"],
            msgspec.convert({name: one[name] for name in Figures.__struct_fields__}, Figures),
        )
        for one in items
    ]


def _found(data: Path, start_ms: int, end_ms: int, sensor: str | None) -> list[LedgerRow]:
    """From the files of this machine; the hub is asked where it holds the store."""
    with opened(data) as book:
        if sensor is not None:
            check_sensor(book, sensor)
        try:
            rows = asyncio.run(_unheld(book, data, start_ms, end_ms, sensor))
        except StoreBusyError:
            rows = None
        except StoreUnavailableError as error:
            raise fail(str(error)) from None
        if rows is None:  # the hub has the store, or InfluxDB's address
            span = {"start_ms": start_ms, "end_ms": end_ms, "sensor": sensor}
            result = carry_out(book, "ledger", span, patience_s=120.0)
            rows = msgspec.convert(result["rows"], list[LedgerRow])
    return rows


async def _unheld(
    book: Book, data: Path, start_ms: int, end_ms: int, sensor: str | None
) -> list[LedgerRow] | None:
    """Nobody holds the store: ask it ourselves; None where there is none. Raises StoreBusyError when the hub does."""
    async with unheld_store(book, data) as store:
        if store is None:
            return None
        return await draw_up(store, book, start_ms, end_ms, now_ms=now_ms(), sensor=sensor)


def _described(row: LedgerRow) -> dict[str, Any]:
    head = {"sensor": row.sensor, "site": row.site, "gateway": row.gateway, "hour": rfc3339(row.hour_ms)}
    return {**head, **msgspec.structs.asdict(row.figures)}


def _print(rows: list[LedgerRow], *, by_hour: bool) -> None:
    lines = []
    if by_hour:
        lines = [(row.sensor, shown(row.hour_ms)[11:16], *_cells(row.figures)) for row in rows]
    else:
        by_sensor: dict[str, list[Figures]] = {}
        for row in rows:
            by_sensor.setdefault(row.sensor, []).append(row.figures)
        lines = [(sensor, f"{len(some)} h", *_cells(total(some))) for sensor, some in by_sensor.items()]
    lines.append(("all", "", *_cells(total(row.figures for row in rows))))
    print_table(("sensor", "hour" if by_hour else "hours", *SHOWN, "complete"), lines)


def _cells(figures: Figures) -> list[str]:
    share = figures.completeness
    mark = "~" if figures.estimated else ""
    cells = []
    for name in SHOWN:
        value = getattr(figures, name)
        guessed = name in ("expected", "lost", "pending") and value
        cells.append("-" if value is None else f"{mark if guessed else ''}{value}")
    return [*cells, f"{mark}{share:.1%}" if share is not None else "-"]


@gateway.command()
def retire(
    name: Annotated[str, typer.Argument(help="The gateway's id.")],
    data: Data = DATA,
    since: Annotated[str | None, typer.Option(help=f"When it was gone; default: now. {TIME}.")] = None,
    url: Url = None,
) -> None:
    """A gateway will not come back: its sensors are free for others, what it accepted and did not bring counts as lost.

    If it does come back, its next birth undoes this.
    """
    at_ms = instant_ms(since, "--since") if since is not None else now_ms()
    if url is not None:
        Remote(url).carry_out(f"/v1/gateways/{quote(name, safe='')}/retire", {"since": rfc3339(at_ms)})
    else:
        with opened(data) as book:
            carry_out(book, "retire", {"gateway": name, "at_ms": at_ms, "who": who()})
    print(f"{name} is retired since {shown(at_ms)}")
