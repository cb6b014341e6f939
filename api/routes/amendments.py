"""What is known of stored values afterwards: dated corrections, and periods an operator has declared invalid."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from api.examples import example
from api.orders import who
from api.params import strict_query, time_ms
from api.problems import ProblemError
from api.services import Services, known_quantity, services
from storage.amendments import AmendmentError, Corrected, Invalid, Noted, OverlapError, Pages, described
from telemetry.corrections import Correction, Form
from telemetry.names import did_you_mean

router = APIRouter(prefix="/v1", tags=["amendments"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(services)]
Figure = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Number = Annotated[int, Path(ge=1, le=2**53)]


class _New(BaseModel):
    """From `start` on, or up to `end`."""

    model_config = ConfigDict(extra="forbid")

    sensor: str
    start: str
    end: str | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]

    def period(self) -> tuple[int, int | None]:
        """[start, end) in ms; without an end it still lasts."""
        return time_ms(self.start, "start"), time_ms(self.end, "end") if self.end is not None else None


class NewCorrection(_New):
    """See `telemetry/corrections.py` for what the forms compute."""

    quantity: str
    form: str = Form.LINEAR.value
    factor: Figure = 1.0
    offset: Figure = 0.0
    kappa: Annotated[float, Field(allow_inf_nan=False, ge=0, le=2)] = 0.4
    humidity: str = ""


class NewPeriod(_New):
    """Without a quantity everything the sensor said."""

    quantity: str | None = None


@router.get("/corrections", summary="Corrections of raw values", responses=example("corrections"))
async def corrections(hub: Hub, sensor: str | None = None, undone: bool = False) -> dict[str, Any]:
    """Those in force, with `undone=true` those taken back as well."""
    return _page(hub, Pages(hub.book).corrections(in_force=not undone), sensor)


@router.get("/validity", summary="Periods declared invalid", responses=example("validity"))
async def periods(hub: Hub, sensor: str | None = None, undone: bool = False) -> dict[str, Any]:
    """Those in force, with `undone=true` those taken back as well. `quantity` null is everything the sensor said."""
    return _page(hub, Pages(hub.book).invalid(in_force=not undone), sensor)


@router.post(
    "/corrections",
    summary="Correct a series from a date on",
    responses=example("correction"),
)
async def correct(hub: Hub, request: Request, asked: NewCorrection) -> dict[str, Any]:
    """Readings, aggregates and the latest show corrected values at once, past ones too; the raw ones stay in the store."""
    hub.sensor(asked.sensor)
    known_quantity(asked.quantity)
    if asked.form not in list(Form):
        raise ProblemError(400, f"unknown form {asked.form!r}, {did_you_mean(asked.form, list(Form))}")
    if asked.humidity:
        hub.sensor(asked.humidity)
    correction = Correction(Form(asked.form), asked.factor, asked.offset, asked.kappa, asked.humidity)
    with _noting(hub) as pages:
        number = pages.correct(
            asked.sensor,
            asked.quantity,
            correction,
            *asked.period(),
            reason=asked.reason,
            who=who(request),
            now_ms=hub.clock(),
        )
    return _one(pages.corrections(), number)


@router.post(
    "/validity",
    summary="Declare a period of a sensor invalid",
    responses=example("invalid"),
)
async def invalidate(hub: Hub, request: Request, asked: NewPeriod) -> dict[str, Any]:
    """Its readings stay, carry flag 1024, and are left out of aggregates, of indices and of what counts as complete."""
    hub.sensor(asked.sensor)
    quantity = known_quantity(asked.quantity) if asked.quantity is not None else ""
    with _noting(hub) as pages:
        number = pages.invalidate(
            asked.sensor,
            quantity,
            *asked.period(),
            reason=asked.reason,
            who=who(request),
            now_ms=hub.clock(),
        )
    return _one(pages.invalid(), number)


@router.delete(
    "/corrections/{number}",
    summary="Take a correction back",
    responses=example("correction"),
)
async def remove(hub: Hub, request: Request, number: Number) -> dict[str, Any]:
    """The raw values are shown again. The record of it stays."""
    pages = Pages(hub.book)
    if not pages.undo(Corrected, number, who=who(request), now_ms=hub.clock()):
        raise ProblemError(404, f"no correction {number} is in force")
    return _one(pages.corrections(in_force=False), number)


@router.delete("/validity/{number}", summary="Take it back", responses=example("invalid"))
async def undo(hub: Hub, request: Request, number: Number) -> dict[str, Any]:
    """The period counts again. The record of it stays."""
    pages = Pages(hub.book)
    if not pages.undo(Invalid, number, who=who(request), now_ms=hub.clock()):
        raise ProblemError(404, f"no invalid period {number} is in force")
    return _one(pages.invalid(in_force=False), number)


@contextmanager
def _noting(hub: Services) -> Iterator[Pages]:
    try:
        yield Pages(hub.book)
    except AmendmentError as error:
        raise ProblemError(409 if isinstance(error, OverlapError) else 400, str(error)) from None


def _page(hub: Services, found: Iterable[Noted], sensor: str | None) -> dict[str, Any]:
    hub.check(sensor=sensor)
    return {"items": [described(one) for one in found if sensor in (None, one.sensor)], "next": None}


def _one(found: Iterable[Noted], number: int) -> dict[str, Any]:
    return next(described(one) for one in found if one.id == number)
