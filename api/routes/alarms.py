"""Alarms: what people are called for; acknowledged, commented, muted."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.examples import example
from api.orders import who
from api.params import strict_query, time_ms
from api.problems import ProblemError
from api.routes.anomalies import Acknowledgement, Comment, comments
from api.routes.quiet import HOURS_MAX, described_mute
from api.services import Services, view
from storage import alarms as page
from storage import quiet
from storage.notes import NOTES_MAX, Note, Notes, TooManyNotesError
from storage.quiet import Verdict
from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import Severity
from telemetry.times import HOUR_MS, rfc3339

router = APIRouter(prefix="/v1", tags=["alarms"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(view)]
OPEN_MAX = 500  # of the alarms that are not closed, in the overview


class Feedback(BaseModel):
    """Why its patterns (sensor, quantity, kind) are to raise no alarm for `hours`."""

    model_config = ConfigDict(extra="forbid")
    verdict: Verdict
    hours: Annotated[float, Field(gt=0, le=HOURS_MAX, allow_inf_nan=False, examples=[24])] = 24.0
    reason: Annotated[str, Field(max_length=500, examples=["they dig up the street"])] = ""


@router.get("/alarms", summary="What people are called for", responses=example("alarms"))
async def alarms(
    hub: Hub,
    state: Annotated[list[AlarmState] | None, Query(max_length=3)] = None,
    family: Annotated[list[AlarmFamily] | None, Query(max_length=2)] = None,
    severity: Annotated[list[Severity] | None, Query(max_length=3)] = None,
    site: Annotated[str | None, Query(max_length=64)] = None,
    sensor: Annotated[str | None, Query(max_length=64)] = None,
    start: str | None = None,
    end: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> dict[str, Any]:
    """Newest first. `state`, `family` and `severity` may be given several times. An alarm stands for all `anomalies` of a site
    or sensor that belong together; what speaks of one of them is the gravest. `sensor` may be a gateway, or `hub` for its
    clock. `next` is the `cursor` of the following page."""
    hub.check(subject=sensor, site=site)
    with hub.book.reading() as database:
        found = page.listed(
            database,
            states=state or (),
            families=family or (),
            severities=severity or (),
            site=site,
            sensor=sensor,
            sites=hub.allowed,
            start_ms=time_ms(start, "start") if start is not None else None,
            end_ms=time_ms(end, "end") if end is not None else None,
            limit=limit,
            before_id=cursor,
        )
    items = [describe(one) for one in found]
    return {"items": items, "next": found[-1].id if len(found) == limit else None}


def current(hub: Services, *, site: str | None, closed: int) -> list[dict[str, Any]]:
    """What is not closed, `OPEN_MAX` at most, and the `closed` newest of those that are."""
    with hub.book.reading() as database:
        found = [
            one
            for states, limit in (
                ((AlarmState.OPEN, AlarmState.ACKNOWLEDGED), OPEN_MAX),
                ((AlarmState.CLOSED,), closed),
            )
            for one in page.listed(database, states=states, site=site, sites=hub.allowed, limit=limit)
        ]
    return [describe(one) for one in found]


@router.get("/alarms/{alarm_id}", summary="One alarm, with its comments", responses=example("alarm"))
async def one_alarm(hub: Hub, alarm_id: str) -> dict[str, Any]:
    """`comments` are the oldest first."""
    return _whole(hub, _found(hub, alarm_id))


@router.post("/alarms/{alarm_id}/acknowledge", summary="Look after an alarm", responses=example("alarm"))
async def acknowledge(
    request: Request, hub: Hub, alarm_id: str, body: Acknowledgement | None = None
) -> dict[str, Any]:
    """For an operator. The first to do so is shown, and told to everybody within a second; nobody is called by an
    escalation any more. It does not end the alarm."""
    return _note(request, hub, alarm_id, body.comment if body else "", acknowledges=True)


@router.post("/alarms/{alarm_id}/comments", summary="Comment an alarm", responses=example("alarm"))
async def comment(request: Request, hub: Hub, alarm_id: str, body: Comment) -> dict[str, Any]:
    """For an operator."""
    return _note(request, hub, alarm_id, body.comment, acknowledges=False)


@router.post("/alarms/{alarm_id}/mute", summary="Say that it was none", responses=example("mutes"))
async def mute(request: Request, hub: Hub, alarm_id: str, body: Feedback) -> dict[str, Any]:
    """For an operator. Ends the alarm; the patterns of its anomalies raise none for `hours`. The anomalies are recorded all
    the same. What was muted, pattern by pattern, can be taken back at `/v1/mutes`."""
    found, now_ms = _found(hub, alarm_id), hub.clock()
    with hub.book.writing() as database:
        muted = quiet.mute_alarm(
            database,
            found,
            body.verdict,
            until_ms=now_ms + round(body.hours * HOUR_MS),
            reason=body.reason.strip(),
            who=who(request),
            now_ms=now_ms,
        )
    return {"items": [described_mute(one) for one in muted], "next": None}


def _note(request: Request, hub: Services, alarm_id: str, text: str, *, acknowledges: bool) -> dict[str, Any]:
    found = _found(hub, alarm_id)
    try:
        Notes(hub.book).add(Note(found.id, hub.clock(), who(request), acknowledges, text.strip()))
    except TooManyNotesError:
        raise ProblemError(409, f"this alarm has {NOTES_MAX} comments, it takes no more") from None
    return _whole(hub, found)


def _found(hub: Services, alarm_id: str) -> Alarm:
    with hub.book.reading() as database:
        found = page.find(database, alarm_id)
    if found is None or not hub.may_see(found.site):
        raise ProblemError(404, f"no alarm {alarm_id[:40]!r}")
    return found


def _whole(hub: Services, found: Alarm) -> dict[str, Any]:
    notes = Notes(hub.book).of([found.id]).get(found.id, [])
    shown = describe(found)
    first = next((note for note in notes if note.acknowledges), None)
    if shown["acknowledged"] is None and first is not None:  # ingest takes it up within a second
        shown["acknowledged"] = {"time": rfc3339(first.at_ms), "who": first.who}
        shown["state"] = AlarmState.ACKNOWLEDGED if found.state is AlarmState.OPEN else found.state
    return {**shown, "comments": comments(notes)}


def describe(one: Alarm) -> dict[str, Any]:
    """An alarm as the API shows it."""
    content: dict[str, Any] = msgspec.to_builtins(one)
    taken_ms, taken_by = content.pop("acknowledged_ms"), content.pop("acknowledged_by")
    return {
        **content,
        "start": rfc3339(one.start_ms),
        "end": rfc3339(one.end_ms) if one.end_ms is not None else None,
        "acknowledged": {"time": rfc3339(taken_ms), "who": taken_by} if taken_ms is not None else None,
    }
