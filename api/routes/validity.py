"""Periods of a sensor that an operator has declared invalid."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from api.examples import example
from api.orders import who
from api.params import strict_query
from api.problems import ProblemError
from api.routes.corrections import Reason, noted, period
from api.services import Services, known_quantity, services
from storage.amendments import AmendmentError, Invalid, Pages

router = APIRouter(prefix="/v1", tags=["validity"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(services)]


class NewPeriod(BaseModel):
    """From `start` on, or up to `end`; without a quantity everything the sensor said."""

    model_config = ConfigDict(extra="forbid")

    sensor: str
    quantity: str | None = None
    start: str
    end: str | None = None
    reason: Reason


@router.get("/validity", summary="Periods declared invalid", responses=example("validity"))
async def periods(hub: Hub, sensor: str | None = None, undone: bool = False) -> dict[str, Any]:
    """Those in force, with `undone=true` those taken back as well. `quantity` null is everything the sensor said."""
    found = Pages(hub.book).invalid(in_force=not undone)
    return {"items": [noted(one) for one in found if sensor in (None, one.sensor)], "next": None}


@router.post("/validity", summary="Declare a period of a sensor invalid", responses=example("invalid"))
async def invalidate(hub: Hub, request: Request, asked: NewPeriod) -> dict[str, Any]:
    """Its readings stay, carry flag 1024, and are left out of aggregates, of indices and of what counts as complete."""
    hub.sensor(asked.sensor)
    quantity = known_quantity(asked.quantity) if asked.quantity is not None else ""
    start_ms, end_ms = period(asked.start, asked.end)
    pages = Pages(hub.book)
    try:
        number = pages.invalidate(
            asked.sensor,
            quantity,
            start_ms,
            end_ms,
            reason=asked.reason,
            who=who(request),
            now_ms=hub.clock(),
        )
    except AmendmentError as error:
        raise ProblemError(400, str(error)) from None
    return next(noted(one) for one in pages.invalid() if one.id == number)


@router.delete("/validity/{number}", summary="Take it back", responses=example("invalid"))
async def undo(hub: Hub, request: Request, number: int) -> dict[str, Any]:
    """The period counts again. The record of it stays."""
    pages = Pages(hub.book)
    if not pages.undo(Invalid, number, who=who(request), now_ms=hub.clock()):
        raise ProblemError(404, f"no invalid period {number} is in force")
    return next(noted(one) for one in pages.invalid(in_force=False) if one.id == number)
