"""What is known of the raw values of a series: dated corrections, applied on reading."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from api.examples import example
from api.orders import who
from api.params import rfc3339, strict_query, time_ms
from api.problems import ProblemError, did_you_mean
from api.services import Services, known_quantity, services
from storage.amendments import AmendmentError, Corrected, Noted, Pages
from telemetry.corrections import Correction, Form

router = APIRouter(prefix="/v1", tags=["corrections"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(services)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class NewCorrection(BaseModel):
    """A correction from `start` on, or up to `end`; see `telemetry/corrections.py` for what the forms compute."""

    model_config = ConfigDict(extra="forbid")

    sensor: str
    quantity: str
    form: str = Form.LINEAR.value
    factor: Number = 1.0
    offset: Number = 0.0
    kappa: Annotated[float, Field(allow_inf_nan=False, ge=0, le=2)] = 0.4
    humidity: str = ""
    start: str
    end: str | None = None
    reason: Reason


@router.get("/corrections", summary="Corrections of raw values", responses=example("corrections"))
async def corrections(hub: Hub, sensor: str | None = None, removed: bool = False) -> dict[str, Any]:
    """Those in force, with `removed=true` those taken back as well."""
    found = Pages(hub.book).corrections(in_force=not removed)
    return {"items": [described(one) for one in found if sensor in (None, one.sensor)], "next": None}


@router.post("/corrections", summary="Correct a series from a date on", responses=example("correction"))
async def correct(hub: Hub, request: Request, asked: NewCorrection) -> dict[str, Any]:
    """Readings, aggregates and the latest show corrected values at once, past ones too; the raw ones stay in the store."""
    hub.sensor(asked.sensor)
    known_quantity(asked.quantity)
    if asked.form not in list(Form):
        raise ProblemError(400, f"unknown form {asked.form!r}, {did_you_mean(asked.form, list(Form))}")
    if asked.humidity:
        hub.sensor(asked.humidity)
    correction = Correction(Form(asked.form), asked.factor, asked.offset, asked.kappa, asked.humidity)
    start_ms, end_ms = period(asked.start, asked.end)
    pages = Pages(hub.book)
    try:
        number = pages.correct(
            asked.sensor,
            asked.quantity,
            correction,
            start_ms,
            end_ms,
            reason=asked.reason,
            who=who(request),
            now_ms=hub.clock(),
        )
    except AmendmentError as error:
        raise ProblemError(409, str(error)) from None
    return next(described(one) for one in pages.corrections() if one.id == number)


@router.delete("/corrections/{number}", summary="Take a correction back", responses=example("correction"))
async def remove(hub: Hub, request: Request, number: int) -> dict[str, Any]:
    """The raw values are shown again. The record of it stays."""
    pages = Pages(hub.book)
    if not pages.undo(Corrected, number, who=who(request), now_ms=hub.clock()):
        raise ProblemError(404, f"no correction {number} is in force")
    return next(described(one) for one in pages.corrections(in_force=False) if one.id == number)


def period(start: str, end: str | None) -> tuple[int, int | None]:
    """[start, end) in ms; without an end it still lasts."""
    return time_ms(start, "start"), time_ms(end, "end") if end is not None else None


def noted(one: Noted) -> dict[str, Any]:
    """A dated fact as the API shows it."""
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
        "undone_by": one.undone_by,
    }


def described(one: Corrected) -> dict[str, Any]:
    """A correction as the API shows it."""
    correction = one.correction
    figures: dict[str, Any] = {"form": correction.form}
    if correction.form is Form.LINEAR:
        figures |= {"factor": correction.factor, "offset": correction.offset}
    else:
        figures |= {"humidity": correction.humidity or one.sensor}
    if correction.form is Form.KOHLER:
        figures["kappa"] = correction.kappa
    return noted(one) | figures
