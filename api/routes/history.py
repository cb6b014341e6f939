"""What a sensor was before: where it hung, on which gateway, which device it was, since when."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from api.examples import example
from api.params import strict_query
from api.problems import ProblemError
from api.services import Services, view
from storage.inventory import Inventory, SensorPeriod
from telemetry.names import did_you_mean
from telemetry.times import LAST_MS, rfc3339

TOLD = (
    "gateway",
    "site",
    "protocol",
    "quantities",
    "period_s",
    "name",
    "latitude",
    "longitude",
    "serial",
    "installed",
)

router = APIRouter(prefix="/v1", tags=["inventory"], dependencies=[Depends(strict_query)])


@router.get(
    "/sensors/{sensor}/history",
    summary="Where a sensor was, and what it was, since when",
    responses=example("history"),
)
async def history(hub: Annotated[Services, Depends(view)], sensor: str) -> dict[str, Any]:
    """Oldest first. Each period says how its gateway described the sensor then, and what `changed` against the one before.

    A device that was replaced begins a period at the date of its installation; `listed` is false for a sensor that only its
    readings have told of; `until` is null while it is so.
    """
    with hub.book.reading() as database:
        found = Inventory(database).periods(0, LAST_MS, sensor)
    periods = [period for period in found if hub.may_see(period.site)]
    if not periods:
        known = {row.id for row in hub.sensors()}
        raise ProblemError(404, f"no sensor {sensor!r}, {did_you_mean(sensor, known)}")
    items: list[dict[str, Any]] = []
    for period in periods:
        item = _described(period)
        before = items[-1] if items else item
        item["changed"] = [name for name in TOLD if item[name] != before[name]]
        items.append(item)
    return {"sensor": sensor, "items": items, "next": None}


def _described(period: SensorPeriod) -> dict[str, Any]:
    sensor = period.sensor
    ends = [end for end in (period.until_ms, period.retired_ms) if end is not None]
    return {
        "since": rfc3339(period.since_ms),
        "until": rfc3339(min(ends)) if ends else None,
        "gateway": period.gateway,
        "site": period.site,
        "protocol": sensor.protocol,
        "quantities": list(sensor.quantities),
        "period_s": sensor.period_s,
        "name": sensor.name or sensor.id,
        "latitude": sensor.latitude,
        "longitude": sensor.longitude,
        "serial": sensor.serial or None,
        "installed": rfc3339(sensor.installed_ms) if sensor.installed_ms is not None else None,
        "listed": not period.adopted,
    }
