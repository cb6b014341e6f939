"""VN_AQI of sensors, sites and the city: now, an hour, a day, history. The US index stands beside it."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from api.air import QUANTITIES, Place, head, hourly_means, of_day, of_hour
from api.examples import example
from api.params import span, strict_query, time_ms
from api.problems import ProblemError
from api.services import Services, view
from telemetry.aqi import DAY_HOURS, NOWCAST_HOURS
from telemetry.times import CITY_OFFSET_MS, DAY_MS, HOUR_MS, MINUTE_MS, city_date, midnight_ms

MAX_INDICES = 20_000
CITY_NAME = "Hạ Long"

router = APIRouter(prefix="/v1/aqi", tags=["air"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(view)]


class By(StrEnum):
    """Whose index."""

    SITE = "site"
    SENSOR = "sensor"
    CITY = "city"


class Scale(StrEnum):
    """Indices of hours or of days."""

    HOUR = "hour"
    DAY = "day"


def places(hub: Services, by: By, site: str | None, sensor: str | None) -> list[Place]:
    """Every place with dust or gas sensors that was asked for; 404 for an unknown site or sensor."""
    if sensor is not None:
        by = By.SENSOR
    rows = hub.sensors() if sensor is None else [hub.sensor(sensor)]
    rows = [row for row in rows if not set(QUANTITIES).isdisjoint(row.quantities)]
    names = {one.id: one.name or one.id for one in hub.sites()}
    if site is not None:
        hub.check(site=site)
        rows = [row for row in rows if row.site == site]
    match by:
        case By.SENSOR:
            return [Place(by, row.id, row.name or row.id, (row,)) for row in rows]
        case By.CITY:
            return [Place(by, "city", CITY_NAME, tuple(rows))] if rows else []
        case _:
            groups: dict[str, list[Any]] = {}
            for row in rows:
                groups.setdefault(row.site, []).append(row)
            return [Place(by, key, names.get(key, key), tuple(groups[key])) for key in sorted(groups)]


@router.get("", summary="The air now", responses=example("aqi"))
async def now(
    request: Request, hub: Hub, by: By = By.SITE, site: str | None = None, sensor: str | None = None
) -> dict[str, Any]:
    """Over the sixty minutes that end at this one, and the eleven before for NowCast: it moves with the minute.

    `hours` lists the hours that have dust in them, 0 the newest. Without an index `reason` says what is missing. Gas
    sensors that report ppb are converted at 25 °C and 1013.25 hPa. The city's index is of the means over all its sensors.
    """
    end_ms = hub.clock() // MINUTE_MS * MINUTE_MS
    return {"items": await _hours(request, hub, places(hub, by, site, sensor), end_ms, 1), "next": None}


@router.get("/hour", summary="The air of one clock hour", responses=example("aqi_hour"))
async def hour(
    request: Request,
    hub: Hub,
    at: str | None = None,
    by: By = By.SITE,
    site: str | None = None,
    sensor: str | None = None,
) -> dict[str, Any]:
    """The hour that `at` lies in; without it the last that is over."""
    at_ms = time_ms(at, "at") if at is not None else hub.clock() - HOUR_MS
    end_ms = at_ms // HOUR_MS * HOUR_MS + HOUR_MS
    return {"items": await _hours(request, hub, places(hub, by, site, sensor), end_ms, 1), "next": None}


@router.get("/day", summary="The air of one day", responses=example("aqi_day"))
async def day(
    request: Request,
    hub: Hub,
    on: date | None = None,
    by: By = By.SITE,
    site: str | None = None,
    sensor: str | None = None,
) -> dict[str, Any]:
    """`on` is a date like 2026-11-22, today by default; days begin at midnight in Hạ Long.

    `hours` counts the hours with dust in them, fewer than 18 is not `complete`.
    """
    start_ms = _midnight(on) if on is not None else _midnight(city_date(hub.clock()))
    return {"items": await _days(request, hub, places(hub, by, site, sensor), start_ms, 1), "next": None}


@router.get("/history", summary="Indices over a range", responses=example("aqi_history"))
async def history(
    request: Request,
    hub: Hub,
    start: str | None = None,
    end: str | None = None,
    scale: Scale = Scale.HOUR,
    by: By = By.SITE,
    site: str | None = None,
    sensor: str | None = None,
) -> dict[str, Any]:
    """Every hour or day that begins in [start, end), the last day (or month) by default; in order of place and time."""
    default_ms = DAY_MS if scale is Scale.HOUR else 30 * DAY_MS
    start_ms, end_ms = span(start, end, now_ms=hub.clock(), default_ms=default_ms)
    found = places(hub, by, site, sensor)
    step_ms, offset_ms = (HOUR_MS, 0) if scale is Scale.HOUR else (DAY_MS, CITY_OFFSET_MS)
    first_ms = -(-(start_ms + offset_ms) // step_ms) * step_ms - offset_ms
    steps = max(0, -(-(end_ms - first_ms) // step_ms))
    hours = steps * (1 if scale is Scale.HOUR else DAY_HOURS)
    if hours * max(1, len(found)) > MAX_INDICES:
        raise ProblemError(
            400,
            f"{hours} hours of {len(found)} places are more than {MAX_INDICES}: ask for a shorter range, one site or one sensor",
        )
    if not steps:
        return {"scale": scale, "items": [], "next": None}
    items = (
        await _hours(request, hub, found, first_ms + steps * HOUR_MS, steps)
        if scale is Scale.HOUR
        else await _days(request, hub, found, first_ms, steps)
    )
    return {"scale": scale, "items": items, "next": None}


async def _hours(
    request: Request, hub: Services, found: Sequence[Place], end_ms: int, count: int
) -> list[dict[str, Any]]:
    """The indices of the `count` hours before `end_ms`."""
    total = count + NOWCAST_HOURS - 1
    start_ms = end_ms - total * HOUR_MS
    means = await hub.caches.turns.ask(request, lambda: hourly_means(hub.store, found, start_ms, total))
    return [
        {**head(place, start_ms + n * HOUR_MS, start_ms + (n + 1) * HOUR_MS), **of_hour(means[place.id], n)}
        for place in found
        for n in range(NOWCAST_HOURS - 1, total)
    ]


async def _days(
    request: Request, hub: Services, found: Sequence[Place], start_ms: int, count: int
) -> list[dict[str, Any]]:
    means = await hub.caches.turns.ask(
        request, lambda: hourly_means(hub.store, found, start_ms, count * DAY_HOURS)
    )
    return [
        {
            **head(place, start_ms + n * DAY_MS, start_ms + (n + 1) * DAY_MS),
            **of_day(means[place.id], n * DAY_HOURS),
        }
        for place in found
        for n in range(count)
    ]


def _midnight(day: date) -> int:
    """The start of a day of the city, in ms; raises ProblemError for one that no clock shows."""
    if not date(1970, 1, 2) <= day <= date(9998, 12, 31):
        raise ProblemError(400, f"there is no day {day} here")
    return midnight_ms(day)
