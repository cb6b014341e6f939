"""Aggregates over windows: one or several functions, one or several sensors."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from api import answers, filling
from api.answers import Form
from api.examples import example
from api.filling import Fill, Window
from api.params import Name, duration_ms, span, strict_query
from api.problems import ProblemError
from api.services import Services, known_quantity, view
from storage.inventory import SensorRow
from telemetry.names import did_you_mean
from telemetry.quantities import QUANTITIES, Aggregate
from telemetry.times import CITY_OFFSET_MS, HOUR_MS, rfc3339

MAX_WINDOWS = 50_000
MAX_SENSORS = 200
MAX_READINGS = 50_000_000  # behind an answer, when windows are not whole hours

router = APIRouter(prefix="/v1", tags=["readings"], dependencies=[Depends(strict_query)])


@router.get(
    "/aggregate", summary="One figure per window, for one or several sensors", responses=example("aggregate")
)
async def aggregate(
    request: Request,
    hub: Annotated[Services, Depends(view)],
    quantity: str,
    sensor: Annotated[list[Name] | None, Query(max_length=MAX_SENSORS)] = None,
    site: str | None = None,
    start: str | None = None,
    end: str | None = None,
    window: str = "PT5M",
    function: Annotated[list[Name] | None, Query(max_length=len(Aggregate))] = None,
    fill: Fill = Fill.NONE,
    raw: bool = False,
    format: Annotated[str | None, Query(description="json, csv, parquet; instead of Accept")] = None,  # noqa: A002
) -> Response:
    """Windows are [start, end), labelled by their start and aligned to the city's clock (days begin at midnight in Hạ Long).

    `sensor` may be given several times; `site` takes every sensor there that measures the quantity. Without `function` it is
    the quantity's own mean: energy mean for decibels, vector mean for directions, increase for counters, sum for counts. With
    several functions `values` has each. `fill` says what stands in a window without readings: `none` (it is absent), `null`,
    `zero`, `previous`, `linear`. Windows of whole hours are answered from hourly figures, not from every reading.
    Corrections are applied and invalid periods left out, but for `raw=true`.
    """
    form = answers.wanted(request, format, (Form.JSON, Form.CSV, Form.PARQUET))
    functions = _functions(function, known_quantity(quantity))
    rows = _sensors(hub, sensor, site, quantity)
    names = [row.id for row in rows]
    window_ms = duration_ms(window, "window")
    start_ms, end_ms = span(start, end, now_ms=hub.clock(), default_ms=24 * HOUR_MS)
    _check_cost(rows, start_ms, end_ms, window_ms, len(functions))
    offset_ms = -CITY_OFFSET_MS % window_ms

    async def question() -> dict[str, Sequence[Any]]:
        found = await asyncio.gather(
            *(
                hub.reads(raw).aggregate(
                    names,
                    quantity,
                    start_ms,
                    end_ms,
                    window_ms=window_ms,
                    function=one,
                    offset_ms=offset_ms,
                )
                for one in functions
            )
        )
        return dict(zip(functions, found, strict=True))

    found = await hub.caches.turns.ask(request, question) if names else {}
    head = {
        "quantity": quantity,
        "unit": QUANTITIES[quantity].unit,
        "function": functions[0],
        "window": window,
    }
    if form is Form.JSON and fill is Fill.NONE and len(functions) == 1:  # what is asked most
        buckets = found.get(functions[0], ())
        items = [_Item(b.sensor, rfc3339(b.start_ms), b.start_ms, b.value, b.count) for b in buckets]
        return answers.json({**head, "items": items, "next": None})
    windows = filling.join(found)
    every = filling.starts(start_ms, end_ms, window_ms, offset_ms)
    windows = filling.fill(windows, names, functions, every, fill)
    if form is Form.CSV:
        titles = [f"{one} of {quantity}" for one in functions]
        lines = ((w.sensor, rfc3339(w.start_ms), *w.values.values(), w.count) for w in windows)
        return answers.text(("sensor", "start", *titles, "count"), lines)
    if form is Form.PARQUET:
        return await _table(windows, functions)
    return answers.json({**head, "items": _items(windows, functions), "next": None})


class _Item(msgspec.Struct, gc=False, omit_defaults=True):
    """A window as the API shows it; `values` when several functions were asked for."""

    sensor: str
    start: str
    t: int
    value: float | None
    count: int
    values: dict[str, float | None] | None = None


def _items(windows: Sequence[Window], functions: Sequence[Aggregate]) -> list[_Item]:
    first, several = functions[0], len(functions) > 1
    return [
        _Item(
            one.sensor,
            rfc3339(one.start_ms),
            one.start_ms,
            one.values[first],
            one.count,
            one.values if several else None,
        )
        for one in windows
    ]


async def _table(windows: Sequence[Window], functions: Sequence[Aggregate]) -> Response:
    columns = {
        "sensor": np.array([one.sensor for one in windows], dtype=object),
        "start": answers.times(one.start_ms for one in windows),
        **{
            str(name): np.array([one.values[name] for one in windows], np.float64)  # None becomes NaN
            for name in functions
        },
        "count": np.array([one.count for one in windows], np.int64),
    }
    return await answers.table(columns)


def _functions(names: Sequence[str] | None, quantity: str) -> list[Aggregate]:
    if not names:
        return [QUANTITIES[quantity].aggregate]
    found = []
    for name in names:
        try:
            found.append(Aggregate(name))
        except ValueError:
            raise ProblemError(
                400, f"unknown function {name!r}, {did_you_mean(name, list(Aggregate))}"
            ) from None
    return list(dict.fromkeys(found))


def _sensors(hub: Services, sensor: Sequence[str] | None, site: str | None, quantity: str) -> list[SensorRow]:
    if sensor and site is not None:
        raise ProblemError(400, "give sensor or site, not both")
    if sensor:
        return list({name: hub.sensor(name) for name in sensor}.values())
    if site is None:
        raise ProblemError(400, "sensor (or site): which sensors are meant is missing")
    hub.check(site=site)
    found = [row for row in hub.sensors() if row.site == site and quantity in row.quantities]
    if len(found) > MAX_SENSORS:
        raise ProblemError(
            400, f"{site} has {len(found)} of them, more than {MAX_SENSORS}: name some with sensor="
        )
    return found


def _check_cost(
    rows: Sequence[SensorRow], start_ms: int, end_ms: int, window_ms: int, functions: int
) -> None:
    windows = -(-(end_ms - start_ms) // window_ms) * len(rows) * functions
    if windows > MAX_WINDOWS:
        raise ProblemError(
            400,
            f"{windows} windows are more than {MAX_WINDOWS}: ask for a longer window, a shorter range or fewer sensors",
        )
    if window_ms % HOUR_MS == 0:
        return
    behind = sum((end_ms - start_ms) / 1000 / (row.period_s or 60.0) for row in rows)
    if behind > MAX_READINGS:
        raise ProblemError(
            400,
            f"about {behind:,.0f} readings stand behind this, more than {MAX_READINGS:,}: ask for windows of whole hours,"
            " a shorter range or fewer sensors",
        )
