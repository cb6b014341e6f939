"""Readings: the latest of the whole city, the history of one series."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from api import answers
from api.answers import Form
from api.examples import example
from api.params import span, strict_query
from api.problems import ProblemError
from api.services import Services, known_quantity, view
from runtime.feed import Latest, encode_latest
from telemetry.quantities import QUANTITIES
from telemetry.reading import Reading
from telemetry.times import HOUR_MS, rfc3339

MAX_READINGS = 10_000

router = APIRouter(prefix="/v1", tags=["readings"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(view)]
Format = Annotated[str | None, Query(description="json, csv, parquet, senml; instead of Accept")]


class _Item(msgspec.Struct, gc=False):
    """A reading of the series that was asked for."""

    time: str
    t: int
    value: float
    flags: int


def encode_with_unit(latest: Latest) -> bytes:
    """A reading as /v1/latest shows it."""
    reading = latest.reading
    return msgspec.json.encode(
        {
            **encode_latest(latest),
            "time": rfc3339(reading.observed_at),
            "unit": QUANTITIES[reading.quantity].unit if reading.quantity in QUANTITIES else "",
        }
    )


def newest(
    hub: Services,
    encode: Callable[[Latest], bytes],
    *,
    sensor: str | None = None,
    site: str | None = None,
    quantity: str | None = None,
) -> list[tuple[Latest, bytes]]:
    """The newest readings that were asked for and may be seen, with their bytes, by series."""
    pieces = hub.caches.newest(encode).pieces(hub.feed.latest)
    if sensor is None and site is None and quantity is None and hub.allowed is None:
        return list(pieces)
    return [
        (found, piece)
        for found, piece in pieces
        if sensor in (None, found.reading.sensor)
        and site in (None, found.site)
        and quantity in (None, found.reading.quantity)
        and hub.may_see(found.site)
    ]


@router.get("/latest", summary="The newest reading of every series", responses=example("latest"))
async def latest(
    request: Request,
    hub: Hub,
    sensor: str | None = None,
    site: str | None = None,
    quantity: str | None = None,
    raw: bool = False,
    format: Format = None,  # noqa: A002  # the name of the query parameter
) -> Response:
    """Newest by observation, never by arrival. `t` is the time in ms since 1970 UTC. JSON, CSV, Parquet or SenML.

    Corrections are applied and flagged, invalid periods flagged; `raw=true` gives what the sensors said in the last day.
    """
    form = answers.wanted(request, format, (Form.JSON, Form.CSV, Form.PARQUET, Form.SENML))
    hub.check(sensor=sensor, site=site)
    if quantity is not None:
        known_quantity(quantity)
    found = newest(hub, encode_with_unit, sensor=sensor, site=site, quantity=quantity)
    if raw:
        found = await hub.caches.turns.ask(request, lambda: _said(hub, found))
    match form:
        case Form.SENML:
            return answers.senml((one.site, one.reading) for one, _ in found)
        case Form.CSV | Form.PARQUET:
            return await _tabular(form, [one.reading for one, _ in found], [one.site for one, _ in found])
        case _:
            body = b'{"items":[%b],"next":null}' % b",".join(piece for _, piece in found)
            return Response(body, media_type="application/json")


async def _said(hub: Services, shown: Sequence[tuple[Latest, bytes]]) -> list[tuple[Latest, bytes]]:
    """The same series as the sensors said them."""
    rows = {one.series: one for one in await hub.reads(raw=True).latest(hub.clock() - 24 * HOUR_MS)}
    said = [one._replace(reading=rows[one.reading.series]) for one, _ in shown if one.reading.series in rows]
    return [(one, encode_with_unit(one)) for one in said]


async def _tabular(form: Form, readings: Sequence[Reading], sites: Sequence[str]) -> Response:
    if form is Form.CSV:
        lines = (
            (r.sensor, site, r.quantity, rfc3339(r.observed_at), r.value, r.flags)
            for r, site in zip(readings, sites, strict=True)
        )
        return answers.text(("sensor", "site", "quantity", "time", "value", "flags"), lines)
    return await answers.table(
        {
            "sensor": np.array([r.sensor for r in readings], dtype=object),
            "site": np.array(sites, dtype=object),
            "quantity": np.array([r.quantity for r in readings], dtype=object),
            "time": answers.times(r.observed_at for r in readings),
            "value": np.array([r.value for r in readings], np.float64),
            "flags": np.array([r.flags for r in readings], np.int32),
        }
    )


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
    raw: bool = False,
    format: Format = None,  # noqa: A002  # the name of the query parameter
) -> Response:
    """In time order over [start, end), the last hour by default; `next` is the `cursor` of the following page.

    Times are RFC 3339 with a zone, or ms since 1970. As JSON, CSV, Parquet or SenML (by `Accept` or `format`); all but JSON
    have `next` in the header `X-Next-Cursor`. Corrections are applied and flagged, invalid periods flagged; `raw=true` gives
    what the sensor said.
    """
    form = answers.wanted(request, format, (Form.JSON, Form.CSV, Form.PARQUET, Form.SENML))
    site = hub.sensor(sensor).site
    known_quantity(quantity)
    start_ms, end_ms = span(start, end, now_ms=hub.clock(), default_ms=HOUR_MS)
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 15):
            raise ProblemError(400, f"cursor {cursor[:40]!r} is not one that this API gave")
        start_ms = max(start_ms, int(cursor))
    rows = (
        await hub.caches.turns.ask(
            request, lambda: hub.reads(raw).readings(sensor, quantity, start_ms, end_ms, limit=limit)
        )
        if start_ms < end_ms
        else []
    )
    following = str(rows[-1].observed_at + 1) if len(rows) == limit else None
    headers = {"X-Next-Cursor": following} if following is not None else {}
    unit = QUANTITIES[quantity].unit
    match form:
        case Form.CSV:
            lines = ((rfc3339(row.observed_at), row.value, row.flags) for row in rows)
            return answers.text(("time", f"{quantity} ({unit})", "flags"), lines, headers)
        case Form.PARQUET:
            columns = {
                "time": answers.times(row.observed_at for row in rows),
                quantity: np.array([row.value for row in rows], np.float64),
                "flags": np.array([row.flags for row in rows], np.int32),
            }
            return await answers.table(columns, headers)
        case Form.SENML:
            return answers.senml(((site, row) for row in rows), headers)
        case _:
            items = [_Item(rfc3339(row.observed_at), row.observed_at, row.value, row.flags) for row in rows]
            head = {"sensor": sensor, "quantity": quantity, "unit": unit}
            return answers.json({**head, "items": items, "next": following})
