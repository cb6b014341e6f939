"""What stands in the street: sensors, sites, gateways, quantities."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from api.examples import example
from api.params import rfc3339, strict_query
from api.services import Services, view
from storage.inventory import SensorRow
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import QUANTITIES

HEARTBEAT_LOST_MS = 20_000

router = APIRouter(prefix="/v1", tags=["inventory"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(view)]


@router.get("/sensors", summary="Every sensor, its place and state", responses=example("sensors"))
async def sensors(
    hub: Hub,
    site: str | None = None,
    gateway: str | None = None,
    quantity: str | None = None,
    protocol: str | None = None,
) -> dict[str, Any]:
    """`state` is `ok`, `silent` (it reports nothing although it should) or `unknown` (never heard since the hub knows it)."""
    silent = {
        anomaly.sensor for anomaly in hub.book.anomalies(kind=AnomalyKind.SILENCE, open_only=True, limit=1000)
    }
    heard: dict[str, int] = {}
    for (sensor, _), latest in hub.feed.latest.items():
        heard[sensor] = max(heard.get(sensor, 0), latest.reading.observed_at)
    rows = [
        row
        for row in hub.sensors()
        if (site in (None, row.site) and gateway in (None, row.gateway) and protocol in (None, row.protocol))
        and (quantity is None or quantity in row.quantities)
    ]
    return {"items": [_sensor(row, heard.get(row.id), row.id in silent) for row in rows], "next": None}


def _sensor(row: SensorRow, heard_ms: int | None, silent: bool) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name or row.id,
        "site": row.site,
        "gateway": row.gateway,
        "protocol": row.protocol,
        "quantities": [{"name": q, "unit": QUANTITIES[q].unit} for q in row.quantities if q in QUANTITIES],
        "period_s": row.period_s,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "since": rfc3339(row.since_ms),
        "last": rfc3339(heard_ms) if heard_ms is not None else None,
        "state": "silent" if silent else "ok" if heard_ms is not None else "unknown",
    }


@router.get("/sites", summary="The places", responses=example("sites"))
async def sites(hub: Hub) -> dict[str, Any]:
    """Latitude and longitude in degrees, WGS 84."""
    items = [
        {"id": s.id, "name": s.name or s.id, "latitude": s.latitude, "longitude": s.longitude, "kind": s.kind}
        for s in hub.sites()
    ]
    return {"items": items, "next": None}


@router.get("/gateways", summary="The gateways: alive or not, backlog, ports", responses=example("gateways"))
async def gateways(hub: Hub) -> dict[str, Any]:
    """`accepted` counts readings journalled since the agent's start, `backlog` packs that are not acknowledged yet."""
    counts: dict[str, int] = {}
    for row in hub.sensors():
        counts[row.gateway] = counts.get(row.gateway, 0) + 1
    names = {site.id: site.name for site in hub.sites()}
    return {
        "items": [
            _gateway(row, names, counts, hub.clock()) for row in hub.book.gateways() if hub.may_see(row.site)
        ],
        "next": None,
    }


def _gateway(row: Any, names: Mapping[str, str], counts: Mapping[str, int], now_ms: int) -> dict[str, Any]:
    state = row.state
    fresh = row.last_seen_ms is not None and now_ms - row.last_seen_ms <= HEARTBEAT_LOST_MS
    return {
        "id": row.id,
        "site": {"id": row.site, "name": names.get(row.site, row.site)},
        "online": bool(state and state.online and fresh),
        "last_seen": rfc3339(row.last_seen_ms) if row.last_seen_ms is not None else None,
        "sensors": counts.get(row.id, 0),
        "accepted": state.accepted if state else 0,
        "backlog": state.backlog if state else 0,
        "set_aside": state.set_aside if state else 0,
        "ports": [
            {"name": p.name, "up": p.up, "frames": p.frames, "bad": p.bad, "readings": p.readings}
            for p in (state.ports if state else ())
        ],
    }


@router.get("/quantities", summary="The catalogue of quantities", responses=example("quantities"))
async def quantities() -> dict[str, Any]:
    """`aggregate` is what "the mean" of a quantity is: an energy mean for decibels, a vector mean for directions."""
    items = [
        {
            "name": q.name,
            "unit": q.unit,
            "kind": q.kind,
            "aggregate": q.aggregate,
            "low": q.low,
            "high": q.high,
            "decimals": q.decimals,
            "title": q.title,
            "title_vi": q.title_vi,
        }
        for q in QUANTITIES.values()
    ]
    return {"items": items, "next": None}
