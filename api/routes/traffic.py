"""Traffic at each site: how many, how fast, how full the road is."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from api.examples import example
from api.params import span, strict_query
from api.problems import ProblemError
from api.services import Services, view
from storage.inventory import SensorRow
from storage.store import Store
from telemetry.families import Family, family
from telemetry.quantities import Aggregate
from telemetry.times import HOUR_MS, rfc3339

DEFAULT_MS = 900_000
LONGEST_MS = 7 * 24 * HOUR_MS
SPEEDS = 20_000  # single speeds looked at for a percentile

router = APIRouter(prefix="/v1", tags=["traffic"], dependencies=[Depends(strict_query)])


@router.get("/traffic", summary="Flow, speeds and occupancy of each site", responses=example("traffic"))
async def traffic(
    request: Request,
    hub: Annotated[Services, Depends(view)],
    site: str | None = None,
    start: str | None = None,
    end: str | None = None,
) -> dict[str, Any]:
    """Over [start, end), the last quarter of an hour by default, seven days at most.

    `flow` is vehicles an hour, all sensors of the site together; `speed` the mean of the reported speeds, `speed_p85` the 85th
    percentile in km/h: the mean of the sensors' own (`p85_from` = `sensors`), else the nearest rank of single reported speeds
    (`readings`). `occupancy` is the mean in %. What no sensor of the site reports is null.
    """
    start_ms, end_ms = span(start, end, now_ms=hub.clock(), default_ms=DEFAULT_MS)
    if end_ms - start_ms > LONGEST_MS:
        raise ProblemError(400, "more than seven days: ask for a shorter range, or for /v1/aggregate")
    hub.check(site=site)
    groups: dict[str, list[SensorRow]] = {}
    for row in hub.sensors():
        if site in (None, row.site) and any(family(name) is Family.TRAFFIC for name in row.quantities):
            groups.setdefault(row.site, []).append(row)
    names = {one.id: one.name or one.id for one in hub.sites()}

    async def question() -> list[dict[str, Any]]:
        means = await _figures(hub.store, [row for rows in groups.values() for row in rows], start_ms, end_ms)
        return [
            {
                "site": key,
                "name": names.get(key, key),
                "start": rfc3339(start_ms),
                "end": rfc3339(end_ms),
                **await _of_site(hub.store, groups[key], means, start_ms, end_ms),
            }
            for key in sorted(groups)
        ]

    return {"items": await hub.caches.turns.ask(request, question), "next": None}


Figures = Mapping[str, Mapping[str, tuple[float, int]]]  # quantity to sensor to (value, readings behind it)


async def _figures(store: Store, rows: Sequence[SensorRow], start_ms: int, end_ms: int) -> Figures:
    found: dict[str, dict[str, tuple[float, int]]] = {}
    for quantity, function in (
        ("vehicle_count", Aggregate.SUM),
        ("vehicle_speed", Aggregate.MEAN),
        ("vehicle_speed_p85", Aggregate.MEAN),
        ("occupancy", Aggregate.MEAN),
    ):
        sensors = [row.id for row in rows if quantity in row.quantities]
        found[quantity] = {}
        if sensors:
            length_ms = end_ms - start_ms
            for bucket in await store.aggregate(
                sensors,
                quantity,
                start_ms,
                end_ms,
                window_ms=length_ms,
                function=function,
                offset_ms=start_ms % length_ms,
            ):
                found[quantity][bucket.sensor] = (bucket.value, bucket.count)
    return found


async def _of_site(
    store: Store, rows: Sequence[SensorRow], figures: Figures, start_ms: int, end_ms: int
) -> dict[str, Any]:
    sensors = {row.id for row in rows}
    of = {
        quantity: [figure for sensor, figure in by_sensor.items() if sensor in sensors]
        for quantity, by_sensor in figures.items()
    }
    counted = [value for value, _ in of["vehicle_count"]]
    p85, origin = _mean(of["vehicle_speed_p85"]), "sensors"
    if p85 is None:
        p85, origin = await _p85(
            store, [s for s in figures["vehicle_speed"] if s in sensors], start_ms, end_ms
        )
    return {
        "sensors": len(rows),
        "vehicles": round(sum(counted)) if counted else None,
        "flow": round(sum(counted) * HOUR_MS / (end_ms - start_ms), 1) if counted else None,
        "speed": _mean(of["vehicle_speed"]),
        "speed_p85": p85,
        "p85_from": origin if p85 is not None else None,
        "occupancy": _mean(of["occupancy"]),
    }


def _mean(figures: Sequence[tuple[float, int]]) -> float | None:
    """Over the readings of all sensors."""
    behind = sum(count for _, count in figures)
    return round(math.fsum(value * count for value, count in figures) / behind, 2) if behind else None


async def _p85(store: Store, sensors: Sequence[str], start_ms: int, end_ms: int) -> tuple[float | None, str]:
    """The nearest rank (the smallest speed that 85 % do not exceed) of the newest single speeds."""
    speeds: list[float] = []
    for sensor in sensors:
        newest = await store.readings(
            sensor, "vehicle_speed", start_ms, end_ms, limit=SPEEDS // len(sensors), descending=True
        )
        speeds += [reading.value for reading in newest]
    speeds.sort()
    return (speeds[math.ceil(0.85 * len(speeds)) - 1] if speeds else None), "readings"
