"""Anomalies: what was unusual and why; taken note of, and commented."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.examples import example
from api.orders import who
from api.params import one_of, strict_query, time_ms
from api.problems import ProblemError
from api.services import Services, view
from storage.notes import NOTES_MAX, Note, Notes, TooManyNotesError
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.times import rfc3339

COMMENT_CHARACTERS = 1000

router = APIRouter(prefix="/v1", tags=["anomalies"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(view)]


class Acknowledgement(BaseModel):
    """Somebody looks after it."""

    model_config = ConfigDict(extra="forbid")
    comment: Annotated[str, Field(max_length=COMMENT_CHARACTERS, examples=["Sent a technician"])] = ""


class Comment(BaseModel):
    """What somebody has to say about it."""

    model_config = ConfigDict(extra="forbid")
    comment: Annotated[str, Field(min_length=1, max_length=COMMENT_CHARACTERS, examples=["Filter changed"])]


@router.get("/anomalies", summary="What was unusual, and why", responses=example("anomalies"))
async def anomalies(
    hub: Hub,
    sensor: str | None = None,
    site: str | None = None,
    kind: str | None = None,
    open: bool = False,  # noqa: A002  # the name of the query parameter
    start: str | None = None,
    end: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> dict[str, Any]:
    """Newest first. `end` is null while it lasts; `text` and `text_vi` say it in one sentence; `acknowledged` is who takes
    care of it since when, or null. `sensor` may be a gateway, or `hub` for its clock. `next` is the `cursor` of the
    following page."""
    hub.check(subject=sensor, site=site)
    found = hub.book.anomalies(
        start_ms=time_ms(start, "start") if start is not None else None,
        end_ms=time_ms(end, "end") if end is not None else None,
        sensor=sensor,
        site=site,
        sites=hub.allowed,
        kind=one_of(AnomalyKind, kind, "kind") if kind is not None else None,
        open_only=open,
        limit=limit,
        before_id=cursor,
    )
    notes = Notes(hub.book).of([one.id for one in found])
    items = [describe(one, notes.get(one.id, ())) for one in found]
    return {"items": items, "next": found[-1].id if len(found) == limit else None}


@router.get("/anomalies/{anomaly_id}", summary="One anomaly, with its comments", responses=example("anomaly"))
async def one_anomaly(hub: Hub, anomaly_id: str) -> dict[str, Any]:
    """`comments` are the oldest first."""
    return _whole(hub, _found(hub, anomaly_id))


@router.post(
    "/anomalies/{anomaly_id}/acknowledge", summary="Take note of an anomaly", responses=example("anomaly")
)
async def acknowledge(
    request: Request, hub: Hub, anomaly_id: str, body: Acknowledgement | None = None
) -> dict[str, Any]:
    """For an operator. The first to do so is shown; it does not end the anomaly."""
    return _note(request, hub, anomaly_id, body.comment if body else "", acknowledges=True)


@router.post("/anomalies/{anomaly_id}/comments", summary="Comment an anomaly", responses=example("anomaly"))
async def comment(request: Request, hub: Hub, anomaly_id: str, body: Comment) -> dict[str, Any]:
    """For an operator."""
    return _note(request, hub, anomaly_id, body.comment, acknowledges=False)


def _note(
    request: Request, hub: Services, anomaly_id: str, text: str, *, acknowledges: bool
) -> dict[str, Any]:
    found = _found(hub, anomaly_id)
    note = Note(found.id, hub.clock(), who(request), acknowledges, text.strip())
    try:
        Notes(hub.book).add(note)
    except TooManyNotesError:
        raise ProblemError(409, f"this anomaly has {NOTES_MAX} comments, it takes no more") from None
    hub.feed.anomaly(found)  # whoever listens looks again
    return _whole(hub, found)


def _found(hub: Services, anomaly_id: str) -> Anomaly:
    found = hub.book.anomaly(anomaly_id)
    if found is None or not hub.may_see(found.site):
        raise ProblemError(404, f"no anomaly {anomaly_id[:40]!r}")
    return found


def _whole(hub: Services, found: Anomaly) -> dict[str, Any]:
    notes = Notes(hub.book).of([found.id]).get(found.id, [])
    return {**describe(found, notes), "comments": comments(notes)}


def comments(notes: Sequence[Note]) -> list[dict[str, Any]]:
    """What was said of an anomaly or an alarm, as the API shows it."""
    return [
        {
            "time": rfc3339(note.at_ms),
            "who": note.who,
            "acknowledges": note.acknowledges,
            "comment": note.comment,
        }
        for note in notes
    ]


def describe(one: Anomaly, notes: Sequence[Note]) -> dict[str, Any]:
    """An anomaly as the API shows it."""
    first = next((note for note in notes if note.acknowledges), None)
    return {
        "id": one.id,
        "sensor": one.sensor,
        "quantity": one.quantity,
        "site": one.site,
        "kind": one.kind,
        "severity": one.severity,
        "start": rfc3339(one.start_ms),
        "start_ms": one.start_ms,
        "end": rfc3339(one.end_ms) if one.end_ms is not None else None,
        "end_ms": one.end_ms,
        "score": one.score,
        "value": one.value,
        "expected": one.expected,
        "low": one.low,
        "high": one.high,
        "text": one.text,
        "text_vi": one.text_vi,
        "acknowledged": {"time": rfc3339(first.at_ms), "who": first.who} if first else None,
    }
