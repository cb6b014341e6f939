"""Anomalies."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from api.examples import example
from api.params import rfc3339, strict_query, time_ms
from api.problems import ProblemError, did_you_mean
from api.services import Services, view
from telemetry.anomaly import Anomaly, AnomalyKind

router = APIRouter(prefix="/v1", tags=["anomalies"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(view)]


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
) -> dict[str, Any]:
    """Newest first. `end` is null while it lasts; `text` and `text_vi` say it in one sentence."""
    found = hub.book.anomalies(
        start_ms=time_ms(start, "start") if start is not None else None,
        end_ms=time_ms(end, "end") if end is not None else None,
        sensor=sensor,
        site=site,
        sites=hub.allowed,
        kind=_kind(kind),
        open_only=open,
        limit=limit,
    )
    return {"items": [_anomaly(one) for one in found], "next": None}


def _kind(name: str | None) -> AnomalyKind | None:
    if name is None:
        return None
    try:
        return AnomalyKind(name)
    except ValueError:
        raise ProblemError(400, f"unknown kind {name!r}, {did_you_mean(name, list(AnomalyKind))}") from None


def _anomaly(one: Anomaly) -> dict[str, Any]:
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
    }
