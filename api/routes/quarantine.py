"""The quarantine as a work queue: what was set aside and why, and another try once the cause is mended."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.examples import example
from api.orders import WAIT_S, ask, describe, find, who
from api.params import one_of, strict_query, time_ms
from api.problems import ProblemError
from api.services import Services, services
from storage.quarantine import Quarantine, QuarantineFilter, ReplayOrder, described
from telemetry.quarantine import Reason

SHOWN_BYTES = 4096

router = APIRouter(prefix="/v1", tags=["quarantine"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(services)]


@router.get(
    "/quarantine", summary="What was set aside instead of stored, and why", responses=example("quarantine")
)
async def quarantine(
    hub: Hub,
    reason: str | None = None,
    gateway: str | None = None,
    sensor: str | None = None,
    state: Literal["open", "settled", "all"] = "all",
    start: str | None = None,
    end: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Newest first; `start` and `end` bound when an entry was last seen. `payload` is base64, at most 4 KiB of it.

    An entry is `open` until a replay has stored it or found it stored already, or somebody has dismissed it. `total` counts
    every entry there ever was.
    """
    if cursor is not None and not (cursor.isdecimal() and len(cursor) < 19):
        raise ProblemError(400, f"cursor {cursor!r} is not one that this API gave")
    wanted = QuarantineFilter(
        reason=one_of(Reason, reason, "reason") if reason is not None else None,
        gateway=gateway,
        sensor=sensor,
        start_ms=time_ms(start, "start") if start is not None else None,
        end_ms=time_ms(end, "end") if end is not None else None,
        is_open=None if state == "all" else state == "open",
    )
    if gateway is not None and not _set_aside(hub, QuarantineFilter(gateway=gateway)):
        hub.check(gateway=gateway)
    if sensor is not None and not _set_aside(hub, QuarantineFilter(sensor=sensor)):
        hub.check(sensor=sensor)
    rows = hub.book.quarantined(limit, int(cursor) if cursor is not None else None, wanted=wanted)
    return {
        "items": [described(row, SHOWN_BYTES) for row in rows],
        "next": str(rows[-1].id) if len(rows) == limit else None,
        "total": hub.book.quarantine_total(),
    }


def _set_aside(hub: Services, wanted: QuarantineFilter) -> bool:
    """Whether anything was: a sensor or gateway that the inventory does not know is set aside for just that."""
    return bool(hub.book.quarantined(1, wanted=wanted))


class Order(BaseModel):
    """Which entries: their numbers, or every open one that matches all that is given."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[int, Field(ge=1, lt=2**63)]] = Field(default_factory=list, max_length=1000)
    reason: str | None = None
    gateway: str | None = None
    sensor: str | None = None
    accept: list[str] = Field(default_factory=list, max_length=len(Reason))


@router.post(
    "/quarantine/replay", summary="Try entries again once the cause is mended", responses=example("replay")
)
async def replay(
    hub: Hub, request: Request, order: Order, wait_s: Annotated[float, Query(ge=0, le=30)] = WAIT_S
) -> JSONResponse:
    """Each entry passes the same checks as when it came; what passes is stored by its own identity, so nothing is doubled.

    `accept` names reasons to waive, for readings an operator knows to be right. An entry is `stored`, `already there`, or
    `still refused` with the reason. 202 when it takes longer than `wait_s`: look at `/v1/commands/{id}`.
    """
    if not (order.ids or order.reason or order.gateway or order.sensor):
        raise ProblemError(400, "say which entries: ids, a reason, a gateway or a sensor")
    wanted = QuarantineFilter(
        ids=tuple(order.ids),
        reason=one_of(Reason, order.reason, "reason") if order.reason is not None else None,
        gateway=order.gateway,
        sensor=order.sensor,
    )
    accept = tuple(one_of(Reason, name, "reason") for name in order.accept)
    return await ask(hub, request, "replay", ReplayOrder(wanted, accept), wait_s)


class Dismissal(BaseModel):
    """Which entries, and why."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[int, Field(ge=1, lt=2**63)]] = Field(min_length=1, max_length=1000)
    note: Annotated[str, Field(min_length=1, max_length=500)]


@router.post("/quarantine/dismiss", summary="Take entries off the list", responses=example("dismissed"))
async def dismiss(hub: Hub, request: Request, order: Dismissal) -> dict[str, Any]:
    """They will not be stored and are no longer open; seen again, they are open again. Their number is answered."""
    with hub.book.writing() as database:
        wanted = QuarantineFilter(ids=tuple(order.ids))
        done = Quarantine(database).dismiss(wanted, f"{order.note} ({who(request)})", hub.clock())
    return {"dismissed": done}


@router.get("/commands/{number}", summary="What became of a command", responses=example("command"))
async def command(hub: Hub, number: int) -> dict[str, Any]:
    """`state` is `waiting` or `done`; `result` is what the command says of itself."""
    return describe(find(hub, number))
