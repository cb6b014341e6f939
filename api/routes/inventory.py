"""What stands in the street: sensors, sites, gateways, quantities."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api import answers
from api.answers import Form
from api.examples import example
from api.params import strict_query
from api.problems import ProblemError
from api.services import Services, known_quantity, view
from storage import retirement
from storage.inventory import SensorRow
from telemetry.anomaly import AnomalyKind
from telemetry.families import Family, family
from telemetry.messages import ClockState, PortCounters, SensorCounters
from telemetry.quantities import QUANTITIES
from telemetry.times import rfc3339

HEARTBEAT_LOST_MS = 20_000
Place = tuple[float, float]  # latitude, longitude

router = APIRouter(prefix="/v1", tags=["inventory"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(view)]


class State(StrEnum):
    """How a sensor is: it reports, it should and does not, it was never heard since the hub knows it."""

    OK = "ok"
    SILENT = "silent"
    UNKNOWN = "unknown"


@router.get("/sensors", summary="Every sensor, its place and state", responses=example("sensors"))
async def sensors(
    request: Request,
    hub: Hub,
    site: str | None = None,
    gateway: str | None = None,
    quantity: str | None = None,
    protocol: str | None = None,
    kind: Family | None = None,
    state: State | None = None,
    bbox: str | None = None,
    format: str | None = None,  # noqa: A002  # the name of the query parameter
) -> Response:
    """`state` is `ok`, `silent` (it reports nothing although it should) or `unknown` (never heard since the hub knows it).

    `kind` is what is measured: `air`, `weather`, `noise`, `traffic`, `power`, `water`, `device`. `bbox` is
    west,south,east,north in degrees; a sensor without coordinates stands where its site does. GeoJSON (RFC 7946) with
    `Accept: application/geo+json` or `format=geojson`.
    """
    form = answers.wanted(request, format, (Form.JSON, Form.GEOJSON))
    box = bounding_box(bbox) if bbox is not None else None
    hub.check(site=site, gateway=gateway, protocol=protocol)
    if quantity is not None:
        known_quantity(quantity)
    places = {one.id: (one.latitude, one.longitude) for one in hub.sites()}
    found = [
        (row, data, where)
        for row, its_state, data in shown_sensors(hub)
        for where in [_place(row, places)]
        if site in (None, row.site)
        and gateway in (None, row.gateway)
        and protocol in (None, row.protocol)
        and (quantity is None or quantity in row.quantities)
        and (kind is None or any(family(name) is kind for name in row.quantities))
        and (state is None or its_state is state)
        and (box is None or _inside(where, box))
    ]
    if form is Form.GEOJSON:
        return answers.json(_features(found), form=form)
    return answers.json({"items": [data for _, data, _ in found], "next": None})


class Shown(NamedTuple):
    """A sensor, how it is, and its JSON."""

    row: SensorRow
    state: State
    data: msgspec.Raw


def shown_sensors(hub: Services, site: str | None = None) -> list[Shown]:
    """Every sensor as the API shows it; of each only what has changed is encoded again."""
    silent = {
        anomaly.sensor for anomaly in hub.book.anomalies(kind=AnomalyKind.SILENCE, open_only=True, limit=1000)
    }
    heard: dict[str, int] = {}
    for (sensor, _), latest in hub.feed.latest.items():
        if latest.reading.observed_at > heard.get(sensor, -1):
            heard[sensor] = latest.reading.observed_at
    described = hub.caches.described
    found = []
    for row in hub.sensors():
        if site not in (None, row.site):
            continue
        known = described.get(row.id)
        if known is None or known[0] is not row:
            known = described[row.id] = (row, msgspec.json.encode(_sensor(row))[:-1])
        at = heard.get(row.id)
        state = State.SILENT if row.id in silent else State.OK if at is not None else State.UNKNOWN
        last = f'"{rfc3339(at)}"' if at is not None else "null"
        found.append(
            Shown(row, state, msgspec.Raw(known[1] + f',"last":{last},"state":"{state}"}}'.encode("ascii")))
        )
    return found


def bounding_box(text: str) -> tuple[float, float, float, float]:
    """west,south,east,north in degrees; west may be above east when the box crosses 180°."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise ProblemError(400, f"bbox {text[:80]!r} is not west,south,east,north in degrees") from None
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise ProblemError(400, f"bbox {text[:80]!r} is not on the globe, or south lies above north")
    return west, south, east, north


def _place(row: SensorRow, sites: Mapping[str, Place]) -> Place | None:
    if row.latitude is not None and row.longitude is not None:
        return row.latitude, row.longitude
    return sites.get(row.site)


def _inside(place: Place | None, box: tuple[float, float, float, float]) -> bool:
    if place is None:
        return False
    west, south, east, north = box
    latitude, longitude = place
    across = west <= longitude <= east if west <= east else longitude >= west or longitude <= east
    return south <= latitude <= north and across


def _features(found: Iterable[tuple[SensorRow, msgspec.Raw, Place | None]]) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": row.id,
                "geometry": {"type": "Point", "coordinates": [where[1], where[0]]} if where else None,
                "properties": data,
            }
            for row, data, where in found
        ],
    }


def _sensor(row: SensorRow) -> dict[str, Any]:
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
    """`accepted` counts readings journalled since the agent's start, `backlog` packs that are not acknowledged yet, `oldest` when
    the oldest of them was formed. A `clock` without a `source` is not trusted: `undated` readings wait for it. `configuration`
    is a hash of the one in use, `problems` why a newer one or the journal is refused. `disk` is the one with the journal, in
    bytes, with what the agent writes a day and how much of its life the flash says is used. `unwell` are the sensors that are
    `silent` or `faulty` (in the last minute more bad frames than readings), 32 at most, with counts since the agent's start.
    """
    counts: dict[str, int] = {}
    for row in hub.sensors():
        counts[row.gateway] = counts.get(row.gateway, 0) + 1
    names = {site.id: site.name for site in hub.sites()}
    with hub.book.reading() as database:
        gone = retirement.retired(database)
    return {
        "items": [
            _gateway(row, names, counts, hub.clock(), gone.get(row.id))
            for row in hub.book.gateways()
            if hub.may_see(row.site)
        ],
        "next": None,
    }


def _gateway(
    row: Any, names: Mapping[str, str], counts: Mapping[str, int], now_ms: int, retired_ms: int | None
) -> dict[str, Any]:
    state = row.state
    fresh = row.last_seen_ms is not None and now_ms - row.last_seen_ms <= HEARTBEAT_LOST_MS
    return {
        "id": row.id,
        "site": {"id": row.site, "name": names.get(row.site, row.site)},
        "online": bool(state and state.online and fresh),
        "last_seen": rfc3339(row.last_seen_ms) if row.last_seen_ms is not None else None,
        "retired": rfc3339(retired_ms) if retired_ms is not None else None,
        "sensors": counts.get(row.id, 0),
        "accepted": state.accepted if state else 0,
        "backlog": state.backlog if state else 0,
        "set_aside": state.set_aside if state else 0,
        "given_up": state.given_up if state else 0,
        "oldest": rfc3339(state.oldest_ms) if state and state.oldest_ms is not None else None,
        "version": state.version if state else "",
        "configuration": state.config if state else "",
        "problems": [text for text in (state.config_problem, state.journal_problem) if text] if state else [],
        "clock": _clock(state.clock) if state and state.clock else None,
        "disk": msgspec.structs.asdict(state.disk) if state and state.disk else None,
        "ports": [_port(port) for port in (state.ports if state else ())],
        "unwell": [_unwell(one) for one in (state.sensors if state else ())],
    }


def _clock(clock: ClockState) -> dict[str, Any]:
    return {
        "source": clock.source,
        "ahead_ms": clock.ahead_ms,
        "steps": clock.steps,
        "corrections": clock.corrections,
        "undated": clock.undated,
    }


def _unwell(one: SensorCounters) -> dict[str, Any]:
    return {"sensor": one.id, "health": one.health, "read": one.read, "bad": one.bad, "late": one.late}


def _port(port: PortCounters) -> dict[str, Any]:
    """A port; `units` are the devices polled on it."""
    return {
        "name": port.name,
        "up": port.up,
        "frames": port.frames,
        "bad": port.bad,
        "readings": port.readings,
        "lost": port.lost,
        "problem": port.problem,
        "units": [
            {
                "sensor": unit.sensor,
                "asked": unit.asked,
                "unanswered": unit.unanswered,
                "unanswered_in_a_row": unit.unanswered_in_a_row,
                "bad": unit.bad,
            }
            for unit in port.devices
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
