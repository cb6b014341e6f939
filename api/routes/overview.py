"""The whole city in one answer: what a dashboard's first paint needs."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api import answers
from api.examples import example
from api.params import strict_query
from api.routes import alarms, anomalies, inventory
from api.routes.readings import newest
from api.services import Services, view
from runtime.feed import Latest, encode_latest
from telemetry.times import rfc3339

router = APIRouter(prefix="/v1", tags=["overview"], dependencies=[Depends(strict_query)])


def encode_short(latest: Latest) -> bytes:
    """A reading as the stream shows it."""
    return msgspec.json.encode(encode_latest(latest))


@router.get("/overview", summary="The city, or one site, at a glance", responses=example("overview"))
async def overview(
    hub: Annotated[Services, Depends(view)],
    site: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 40,
) -> Response:
    """Sites, sensors, gateways, quantities, the newest reading of every series, the `limit` newest anomalies, and as `alarms`
    all that are not closed with the `limit` newest that are.

    With `site` only what stands there. The stream (`/v1/stream`) tells what changes from here on.
    """
    hub.check(site=site)
    gateways = (await inventory.gateways(hub))["items"]
    content: dict[str, Any] = {
        "time": rfc3339(hub.clock()),
        "version": hub.version,
        "map": {"tiles": hub.tiles.address, "attribution": hub.tiles.attribution},
        "sites": [one for one in (await inventory.sites(hub))["items"] if site in (None, one["id"])],
        "sensors": [one.data for one in inventory.shown_sensors(hub, site)],
        "gateways": [one for one in gateways if site in (None, one["site"]["id"])],
        "quantities": (await inventory.quantities())["items"],
        "latest": [msgspec.Raw(piece) for _, piece in newest(hub, encode_short, site=site)],
        "alarms": alarms.current(hub, site=site, closed=limit),
        "anomalies": (await anomalies.anomalies(hub, site=site, limit=limit))["items"],
    }
    return answers.json(content)
