"""`halong correction …` and `halong validity …`: what is known of stored values, dated, applied on reading."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from halong.cli.records import (
    DATA,
    AsJson,
    Data,
    check_sensor,
    now_ms,
    opened,
    print_json,
    print_table,
    shown,
    who,
)
from halong.cli.remote import Remote, Url
from halong.console import TIME, fail, instant_ms
from storage.amendments import AmendmentError, Corrected, Invalid, Noted, Pages, described
from telemetry.corrections import Correction, Form
from telemetry.names import did_you_mean
from telemetry.quantities import QUANTITIES
from telemetry.times import read, rfc3339

correction = typer.Typer(
    no_args_is_help=True,
    help="Factors, offsets and corrections for humidity, dated, applied on reading; the raw values stay"
    " (docs/corrections.md).",
)
validity = typer.Typer(
    no_args_is_help=True,
    help="Periods of a sensor that are left out of aggregates and indices (docs/corrections.md).",
)
Sensor = Annotated[str, typer.Argument(help="The sensor's id.")]
From = Annotated[str, typer.Option("--from", help=f"Since when: {TIME}.")]
Until = Annotated[str | None, typer.Option("--to", help="Until when; without it it still lasts.")]
Why = Annotated[str, typer.Option("--reason", help="Why: it is kept with your name.")]
Number = Annotated[int, typer.Argument(help="Its id, as `list` shows it.")]
Every = Annotated[bool, typer.Option("--all", help="Also what was taken back.")]


def _check_quantity(quantity: str | None) -> None:
    if quantity is not None and quantity not in QUANTITIES:
        raise fail(f"no quantity {quantity!r}, {did_you_mean(quantity, QUANTITIES)}", 2)


@correction.command("add")
def add_correction(
    sensor: Sensor,
    quantity: Annotated[str, typer.Argument(help="pm25, temperature, …")],
    from_: From,
    reason: Why,
    data: Data = DATA,
    to: Until = None,
    form: Annotated[Form, typer.Option(help="linear, epa (PM2.5 of a PMS5003), kappa-kohler.")] = Form.LINEAR,
    factor: Annotated[float, typer.Option(help="linear: raw value times this …")] = 1.0,
    offset: Annotated[float, typer.Option(help="… plus this.")] = 0.0,
    kappa: Annotated[
        float, typer.Option(min=0, max=2, help="kappa-kohler: hygroscopicity of the particles.")
    ] = 0.4,
    humidity: Annotated[
        str, typer.Option(help="The sensor whose humidity counts; default: the sensor itself.")
    ] = "",
    url: Url = None,
) -> None:
    """Correct a series from a date on."""
    _check_quantity(quantity)
    start_ms, end_ms = instant_ms(from_, "--from"), instant_ms(to, "--to") if to is not None else None
    found = Correction(form, factor, offset, kappa, humidity)
    if url is not None:
        asked = {"sensor": sensor, "quantity": quantity, **msgspec.to_builtins(found)}
        number = Remote(url).post("/v1/corrections", asked | _period(start_ms, end_ms, reason))["id"]
    else:
        with _noting(data, sensor, humidity) as pages:
            number = pages.correct(
                sensor, quantity, found, start_ms, end_ms, reason=reason, who=who(), now_ms=now_ms()
            )
    print(f"correction {number} of {sensor} {quantity} holds since {shown(start_ms)}")


@correction.command("list")
def list_corrections(
    data: Data = DATA, every: Every = False, as_json: AsJson = False, url: Url = None
) -> None:
    """Corrections in force."""
    if url is not None:
        found = Remote(url).get("/v1/corrections", undone=every)["items"]
    else:
        with opened(data) as book:
            found = [described(one) for one in Pages(book).corrections(in_force=not every)]
    if as_json:
        print_json(found)
    else:
        print_table((*HEAD, "correction"), [(*_cells(one), _words(one)) for one in found])


@correction.command("remove")
def remove_correction(number: Number, data: Data = DATA, url: Url = None) -> None:
    """Take a correction back: the raw values are shown again."""
    _undo(Corrected, number, data, url)


@validity.command("invalidate")
def invalidate(
    sensor: Sensor,
    from_: From,
    reason: Why,
    data: Data = DATA,
    to: Until = None,
    quantity: Annotated[str | None, typer.Option(help="Only this quantity.")] = None,
    url: Url = None,
) -> None:
    """Declare a period invalid: its readings stay and are flagged, aggregates and indices leave them out."""
    _check_quantity(quantity)
    start_ms, end_ms = instant_ms(from_, "--from"), instant_ms(to, "--to") if to is not None else None
    if url is not None:
        asked = {"sensor": sensor, "quantity": quantity} | _period(start_ms, end_ms, reason)
        number = Remote(url).post("/v1/validity", asked)["id"]
    else:
        with _noting(data, sensor) as pages:
            number = pages.invalidate(
                sensor, quantity or "", start_ms, end_ms, reason=reason, who=who(), now_ms=now_ms()
            )
    print(f"period {number} of {sensor} is invalid since {shown(start_ms)}")


@validity.command("list")
def list_invalid(data: Data = DATA, every: Every = False, as_json: AsJson = False, url: Url = None) -> None:
    """Invalid periods in force."""
    if url is not None:
        found = Remote(url).get("/v1/validity", undone=every)["items"]
    else:
        with opened(data) as book:
            found = [described(one) for one in Pages(book).invalid(in_force=not every)]
    if as_json:
        print_json(found)
    else:
        print_table(HEAD, [_cells(one) for one in found])


@validity.command("undo")
def undo_invalid(number: Number, data: Data = DATA, url: Url = None) -> None:
    """Take it back: the period counts again."""
    _undo(Invalid, number, data, url)


HEAD = ("id", "sensor", "quantity", "from", "to", "who", "reason")


@contextmanager
def _noting(data: Path, *sensors: str) -> Iterator[Pages]:
    with opened(data) as book:
        for sensor in filter(None, sensors):
            check_sensor(book, sensor)
        try:
            yield Pages(book)
        except AmendmentError as error:
            raise fail(str(error)) from None


def _period(start_ms: int, end_ms: int | None, reason: str) -> dict[str, Any]:
    """As the API takes it."""
    return {
        "start": rfc3339(start_ms),
        "end": rfc3339(end_ms) if end_ms is not None else None,
        "reason": reason,
    }


def _undo(kind: type[Noted], number: int, data: Path, url: str | None) -> None:
    if url is not None:
        Remote(url).delete(f"/v1/{'corrections' if kind is Corrected else 'validity'}/{number}")
    else:
        with opened(data) as book:
            if not Pages(book).undo(kind, number, who=who(), now_ms=now_ms()):
                raise fail(f"nothing with the id {number} is in force")
    print(f"{number} is taken back")


def _cells(one: Mapping[str, Any]) -> tuple[object, ...]:
    period = (shown(read(one[name])) if one[name] else "" for name in ("start", "end"))
    return (one["id"], one["sensor"], one["quantity"] or "all", *period, one["who"], one["reason"])


def _words(one: Mapping[str, Any]) -> str:
    match one["form"]:
        case Form.LINEAR:
            return f"× {one['factor']:g} {one['offset']:+g}"
        case Form.EPA:
            return f"epa by the humidity of {one['humidity']}"
        case _:
            return f"κ {one['kappa']:g} by the humidity of {one['humidity']}"
