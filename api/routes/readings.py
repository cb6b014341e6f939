"""Readings: the latest of the whole city, the history of one series, aggregates over windows."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from api.examples import example
from api.params import CITY_OFFSET_MS, duration_ms, rfc3339, span, strict_query
from api.problems import ProblemError, did_you_mean
from api.services import Services, known_quantity, view
from runtime.feed import encode_latest
from telemetry.quantities import QUANTITIES, Aggregate

MAX_READINGS = 10_000
MAX_WINDOWS = 50_000
HOUR_MS = 3_600_000

router = APIRouter(prefix="/v1", tags=["readings"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(view)]


@router.get("/latest", summary="The newest reading of every series", responses=example("latest"))
async def latest(
    hub: Hub, sensor: str | None = None, site: str | None = None, quantity: str | None = None
) -> dict[str, Any]:
    """Newest by observation, never by arrival. `t` is the time in ms since 1970 UTC."""
    if sensor is not None:
        hub.sensor(sensor)
    if quantity is not None:
        known_quantity(quantity)
    items = [
        {
            **encode_latest(found),
            "time": rfc3339(found.reading.observed_at),
            "unit": QUANTITIES[found.reading.quantity].unit,
        }
        for found in sorted(hub.latest(), key=lambda found: found.reading.series)
        if sensor in (None, found.reading.sensor)
        and site in (None, found.site)
        and quantity in (None, found.reading.quantity)
    ]
    return {"items": items, "next": None}


@router.get("/readings", summary="The readings of one series", responses=example("readings"))
async def readings(
    request: Request,
    hub: Hub,
    sensor: str,
    quantity: str,
    start: str | None = None,
    end: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_READINGS)] = 1000,
    cursor: str | None = None,
) -> Response:
    """In time order over [start, end), the last hour by default; `next` is the `cursor` of the following page.

    Times are RFC 3339 with a zone, or ms since 1970. With `Accept: text/csv` the page is CSV and `next` stands in the
    header `X-Next-Cursor`.
    """
    hub.sensor(sensor)
    known_quantity(quantity)
    start_ms, end_ms = span(start, end, now_ms=hub.clock(), default_ms=HOUR_MS)
    if cursor is not None:
        if not cursor.isdecimal():
            raise ProblemError(400, f"cursor {cursor!r} is not one that this API gave")
        start_ms = max(start_ms, int(cursor))
    rows = (
        await hub.store.readings(sensor, quantity, start_ms, end_ms, limit=limit) if start_ms < end_ms else []
    )
    following = str(rows[-1].observed_at + 1) if len(rows) == limit else None
    unit = QUANTITIES[quantity].unit
    if _wants_csv(request):
        lines = [(rfc3339(row.observed_at), row.value, row.flags) for row in rows]
        return _csv(("time", f"{quantity} ({unit})", "flags"), lines, following)
    items = [
        {"time": rfc3339(row.observed_at), "t": row.observed_at, "value": row.value, "flags": row.flags}
        for row in rows
    ]
    return JSONResponse(
        {"sensor": sensor, "quantity": quantity, "unit": unit, "items": items, "next": following}
    )


@router.get(
    "/aggregate", summary="One figure per window, for one or several sensors", responses=example("aggregate")
)
async def aggregate(
    request: Request,
    hub: Hub,
    sensor: Annotated[list[str], Query()],
    quantity: str,
    start: str | None = None,
    end: str | None = None,
    window: str = "PT5M",
    function: str | None = None,
) -> Response:
    """Windows are [start, end), labelled by their start and aligned to the city's clock (days begin at midnight in Hạ Long).

    Without `function` it is the quantity's own mean: energy mean for decibels, vector mean for directions, increase for
    counters, sum for counts. A window without readings is absent.
    """
    for one in sensor:
        hub.sensor(one)
    chosen = _function(function, known_quantity(quantity))
    window_ms = duration_ms(window, "window")
    start_ms, end_ms = span(start, end, now_ms=hub.clock(), default_ms=24 * HOUR_MS)
    windows = (end_ms - start_ms) // window_ms * len(sensor)
    if windows > MAX_WINDOWS:
        raise ProblemError(
            400,
            f"{windows} windows are more than {MAX_WINDOWS}: ask for a longer window, a shorter range or fewer sensors",
        )
    buckets = await hub.store.aggregate(
        sensor,
        quantity,
        start_ms,
        end_ms,
        window_ms=window_ms,
        function=chosen,
        offset_ms=-CITY_OFFSET_MS % window_ms,
    )
    if _wants_csv(request):
        lines = [(b.sensor, rfc3339(b.start_ms), b.value, b.count) for b in buckets]
        return _csv(("sensor", "start", f"{chosen} of {quantity}", "count"), lines, None)
    items = [
        {
            "sensor": b.sensor,
            "start": rfc3339(b.start_ms),
            "t": b.start_ms,
            "value": b.value,
            "count": b.count,
        }
        for b in buckets
    ]
    head = {"quantity": quantity, "unit": QUANTITIES[quantity].unit, "function": chosen, "window": window}
    return JSONResponse({**head, "items": items, "next": None})


def _function(name: str | None, quantity: str) -> Aggregate:
    if name is None:
        return QUANTITIES[quantity].aggregate
    try:
        return Aggregate(name)
    except ValueError:
        raise ProblemError(400, f"unknown function {name!r}, {did_you_mean(name, list(Aggregate))}") from None


def _wants_csv(request: Request) -> bool:
    return "text/csv" in request.headers.get("accept", "")


def _csv(head: Sequence[str], lines: Iterable[Sequence[object]], following: str | None) -> Response:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(lines)
    headers = {"X-Next-Cursor": following} if following is not None else None
    return PlainTextResponse(text.getvalue(), media_type="text/csv", headers=headers)
