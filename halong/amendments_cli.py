"""`halong correction …` and `halong validity …`: what is known of stored values, dated, applied on reading."""

from typing import Annotated, Any

import msgspec
import typer

from halong.console import fail
from halong.records import (
    DATA,
    AsJson,
    Data,
    moment,
    now_ms,
    opened,
    print_json,
    print_table,
    rfc3339,
    shown,
    who,
)
from storage.amendments import AmendmentError, Corrected, Invalid, Noted, Pages
from telemetry.corrections import Correction, Form
from telemetry.inventory import check_id
from telemetry.quantities import QUANTITIES

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
From = Annotated[str, typer.Option("--from", help="Since when, RFC 3339: 2026-11-23T00:00:00+07:00.")]
Until = Annotated[str | None, typer.Option("--to", help="Until when; without it it still lasts.")]
Why = Annotated[str, typer.Option("--reason", help="Why: it is kept with your name.")]
Number = Annotated[int, typer.Argument(help="Its id, as `list` shows it.")]
Every = Annotated[bool, typer.Option("--all", help="Also what was taken back.")]


def _known(sensor: str, quantity: str | None) -> None:
    try:
        check_id(sensor)
    except ValueError as error:
        raise fail(str(error), 2) from None
    if quantity is not None and quantity not in QUANTITIES:
        raise fail(f"no quantity {quantity!r}; known: {', '.join(QUANTITIES)}", 2)


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
) -> None:
    """Correct a series from a date on."""
    _known(sensor, quantity)
    start_ms, end_ms = moment(from_, "--from"), moment(to, "--to") if to is not None else None
    with opened(data) as book:
        try:
            number = Pages(book).correct(
                sensor,
                quantity,
                Correction(form, factor, offset, kappa, humidity),
                start_ms,
                end_ms,
                reason=reason,
                who=who(),
                now_ms=now_ms(),
            )
        except AmendmentError as error:
            raise fail(str(error)) from None
    print(f"correction {number} of {sensor} {quantity} holds since {shown(start_ms)}")


@correction.command("list")
def list_corrections(data: Data = DATA, every: Every = False, as_json: AsJson = False) -> None:
    """Corrections in force."""
    with opened(data) as book:
        found = Pages(book).corrections(in_force=not every)
    if as_json:
        print_json([_described(one) | msgspec.to_builtins(one.correction) for one in found])
        return
    print_table((*HEAD, "correction"), [(*_cells(one), _words(one.correction)) for one in found])


@correction.command("remove")
def remove_correction(number: Number, data: Data = DATA) -> None:
    """Take a correction back: the raw values are shown again."""
    _undo(Corrected, number, data)


@validity.command("invalidate")
def invalidate(
    sensor: Sensor,
    from_: From,
    reason: Why,
    data: Data = DATA,
    to: Until = None,
    quantity: Annotated[str | None, typer.Option(help="Only this quantity.")] = None,
) -> None:
    """Declare a period invalid: its readings stay and are flagged, aggregates and indices leave them out."""
    _known(sensor, quantity)
    start_ms, end_ms = moment(from_, "--from"), moment(to, "--to") if to is not None else None
    with opened(data) as book:
        try:
            number = Pages(book).invalidate(
                sensor, quantity or "", start_ms, end_ms, reason=reason, who=who(), now_ms=now_ms()
            )
        except AmendmentError as error:
            raise fail(str(error)) from None
    print(f"period {number} of {sensor} is invalid since {shown(start_ms)}")


@validity.command("list")
def list_invalid(data: Data = DATA, every: Every = False, as_json: AsJson = False) -> None:
    """Invalid periods in force."""
    with opened(data) as book:
        found = Pages(book).invalid(in_force=not every)
    if as_json:
        print_json([_described(one) for one in found])
    else:
        print_table(HEAD, [_cells(one) for one in found])


@validity.command("undo")
def undo_invalid(number: Number, data: Data = DATA) -> None:
    """Take it back: the period counts again."""
    _undo(Invalid, number, data)


HEAD = ("id", "sensor", "quantity", "from", "to", "who", "reason")


def _undo(kind: type[Noted], number: int, data: Any) -> None:
    with opened(data) as book:
        if not Pages(book).undo(kind, number, who=who(), now_ms=now_ms()):
            raise fail(f"nothing with the id {number} is in force")
    print(f"{number} is taken back")


def _cells(one: Noted) -> tuple[object, ...]:
    return (
        one.id,
        one.sensor,
        one.quantity or "all",
        shown(one.start_ms),
        shown(one.end_ms),
        one.who,
        one.reason,
    )


def _words(correction: Correction) -> str:
    match correction.form:
        case Form.LINEAR:
            return f"× {correction.factor:g} {correction.offset:+g}"
        case Form.EPA:
            return f"epa by the humidity of {correction.humidity or 'its own'}"
        case Form.KOHLER:
            return f"κ {correction.kappa:g} by the humidity of {correction.humidity or 'its own'}"


def _described(one: Noted) -> dict[str, Any]:
    return {
        "id": one.id,
        "sensor": one.sensor,
        "quantity": one.quantity or None,
        "start": rfc3339(one.start_ms),
        "end": rfc3339(one.end_ms) if one.end_ms is not None else None,
        "reason": one.reason,
        "who": one.who,
        "noted": rfc3339(one.noted_ms),
        "undone": rfc3339(one.undone_ms) if one.undone_ms is not None else None,
    }
