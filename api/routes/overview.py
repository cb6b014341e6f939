"""The whole city in one answer: what a dashboard's first paint needs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from api.examples import example
from api.params import rfc3339, strict_query
from api.problems import ProblemError, did_you_mean
from api.routes import anomalies, inventory
from api.services import Services, view
from runtime.feed import encode_latest

router = APIRouter(prefix="/v1", tags=["overview"], dependencies=[Depends(strict_query)])


@router.get("/overview", summary="The city, or one site, at a glance", responses=example("overview"))
async def overview(
    hub: Annotated[Services, Depends(view)],
    site: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 40,
) -> dict[str, Any]:
    """Sites, sensors, gateways, quantities, the newest reading of every series, and the `limit` newest anomalies.

    With `site` only what stands there. The stream (`/v1/stream`) tells what changes from here on.
    """
    sites = (await inventory.sites(hub))["items"]
    if site is not None and site not in (known := [one["id"] for one in sites]):
        raise ProblemError(404, f"no site {site!r}, {did_you_mean(site, known)}")
    gateways = (await inventory.gateways(hub))["items"]
    latest = sorted(hub.latest(), key=lambda found: found.reading.series)
    return {
        "time": rfc3339(hub.clock()),
        "version": hub.version,
        "sites": [one for one in sites if site in (None, one["id"])],
        "sensors": (await inventory.sensors(hub, site=site))["items"],
        "gateways": [one for one in gateways if site in (None, one["site"]["id"])],
        "quantities": (await inventory.quantities())["items"],
        "latest": [encode_latest(found) for found in latest if site in (None, found.site)],
        "anomalies": (await anomalies.anomalies(hub, site=site, limit=limit))["items"],
    }
