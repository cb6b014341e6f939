"""What calls nobody: muted patterns, and maintenance at a site or a sensor."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from api.examples import example
from api.orders import who
from api.params import strict_query, time_ms
from api.problems import ProblemError
from api.services import Services, known_quantity, services
from storage import quiet
from storage.quiet import Maintenance, Mute, Verdict
from telemetry.anomaly import AnomalyKind
from telemetry.times import DAY_MS, HOUR_MS, rfc3339

HOURS_MAX = 8784.0  # a year

router = APIRouter(prefix="/v1", tags=["alarms"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(services)]
Number = Annotated[int, Path(ge=1, le=2**53)]
Reason = Annotated[str, Field(max_length=500)]


class NewMute(BaseModel):
    """A pattern: a sensor (or gateway), and where given only that quantity and kind of anomaly."""

    model_config = ConfigDict(extra="forbid")
    sensor: Annotated[str, Field(min_length=1, max_length=64)]
    quantity: str | None = None
    kind: AnomalyKind | None = None
    verdict: Verdict = Verdict.OTHER
    hours: Annotated[float, Field(gt=0, le=HOURS_MAX, allow_inf_nan=False)] = 24.0
    reason: Reason = ""


class NewWork(BaseModel):
    """Maintenance at a site or at one sensor, [start, end)."""

    model_config = ConfigDict(extra="forbid")
    site: str | None = None
    sensor: str | None = None
    start: str
    end: str
    reason: Annotated[str, Field(min_length=1, max_length=500)]


@router.get("/mutes", summary="Patterns that raise no alarm", responses=example("mutes"))
async def mutes(hub: Hub, ended: bool = False) -> dict[str, Any]:
    """Those that work now, newest first; with `ended=true` the newest 1,000 there ever were."""
    with hub.book.reading() as database:
        found = quiet.mutes(database, None if ended else hub.clock())
    return {"items": [described_mute(one) for one in found], "next": None}


@router.post("/mutes", summary="Mute a pattern for a time", responses=example("mute"))
async def mute(hub: Hub, request: Request, asked: NewMute) -> dict[str, Any]:
    """An open alarm that consists of nothing else ends within a second; the anomalies are recorded all the same."""
    hub.check(subject=asked.sensor)
    quantity = known_quantity(asked.quantity) if asked.quantity is not None else ""
    now_ms = hub.clock()
    new = Mute(
        0,
        asked.sensor,
        quantity,
        asked.kind or "",
        asked.verdict,
        asked.reason.strip(),
        who(request),
        now_ms,
        now_ms + round(asked.hours * HOUR_MS),
    )
    with hub.book.writing() as database:
        return described_mute(quiet.mute(database, new))


@router.delete("/mutes/{number}", summary="Take a mute back", responses=example("mute"))
async def unmute(hub: Hub, request: Request, number: Number) -> dict[str, Any]:
    """What happens from now on raises alarms again. The record of it stays."""
    with hub.book.writing() as database:
        found = quiet.unmute(database, number, who=who(request), now_ms=hub.clock())
    if found is None:
        raise ProblemError(404, f"no mute {number} works now")
    return described_mute(found)


@router.get("/maintenance", summary="Where work goes on", responses=example("works"))
async def works(hub: Hub, ended: bool = False) -> dict[str, Any]:
    """What goes on now or is to come, newest first; with `ended=true` the newest 1,000 there ever were."""
    with hub.book.reading() as database:
        found = quiet.works(database, None if ended else hub.clock())
    return {"items": [_work(one) for one in found], "next": None}


@router.post("/maintenance", summary="Announce work at a site or a sensor", responses=example("work"))
async def announce(hub: Hub, request: Request, asked: NewWork) -> dict[str, Any]:
    """Nobody is called for an alarm that begins meanwhile; what still lasts at the end is told then."""
    if (asked.site is None) == (asked.sensor is None):
        raise ProblemError(400, "give either a site or a sensor")
    hub.check(subject=asked.sensor, site=asked.site)
    start_ms, end_ms, now_ms = time_ms(asked.start, "start"), time_ms(asked.end, "end"), hub.clock()
    if not start_ms < end_ms:
        raise ProblemError(400, "start must be before end")
    if end_ms <= now_ms or end_ms - start_ms > 366 * DAY_MS:
        raise ProblemError(400, "the work must end after now, and last up to a year")
    new = Maintenance(
        0,
        asked.site or "",
        asked.sensor or "",
        start_ms,
        end_ms,
        asked.reason.strip(),
        who(request),
        now_ms,
    )
    with hub.book.writing() as database:
        return _work(quiet.begin(database, new))


@router.delete("/maintenance/{number}", summary="The work is done", responses=example("work"))
async def finish(hub: Hub, request: Request, number: Number) -> dict[str, Any]:
    """Ended now, or called off. The record of it stays."""
    with hub.book.writing() as database:
        found = quiet.finish(database, number, who=who(request), now_ms=hub.clock())
    if found is None:
        raise ProblemError(404, f"no work {number} goes on or is to come")
    return _work(found)


def described_mute(one: Mute) -> dict[str, Any]:
    """A muted pattern as the API shows it."""
    return {
        "id": one.id,
        "sensor": one.sensor,
        "quantity": one.quantity or None,
        "kind": one.kind or None,
        "verdict": one.verdict,
        "reason": one.reason,
        "who": one.who,
        "noted": rfc3339(one.noted_ms),
        "until": rfc3339(one.until_ms),
        "ended": rfc3339(one.ended_ms) if one.ended_ms is not None else None,
        "ended_by": one.ended_by,
    }


def _work(one: Maintenance) -> dict[str, Any]:
    return {
        "id": one.id,
        "site": one.site or None,
        "sensor": one.sensor or None,
        "start": rfc3339(one.start_ms),
        "end": rfc3339(one.end_ms),
        "reason": one.reason,
        "who": one.who,
        "noted": rfc3339(one.noted_ms),
        "ended": rfc3339(one.ended_ms) if one.ended_ms is not None else None,
        "ended_by": one.ended_by,
    }
