"""Is yesterday complete? The ledger over the API, and what puts an end to waiting for a gateway."""

from collections import defaultdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from api.examples import example
from api.orders import WAIT_S, ask, who
from api.params import span, strict_query, time_ms
from api.problems import ProblemError
from api.services import Services, services, view
from storage.ledger import Figures, LedgerRow, ledger, total
from telemetry.times import CITY_OFFSET_MS, DAY_MS, HOUR_MS, rfc3339

MAX_DAYS = 31

router = APIRouter(prefix="/v1", tags=["completeness"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(services)]


@router.get(
    "/completeness",
    summary="Of every sensor and hour: expected, accepted, stored, lost, pending",
    responses=example("completeness"),
)
async def completeness(
    request: Request,
    hub: Annotated[Services, Depends(view)],
    start: str | None = None,
    end: str | None = None,
    by: Literal["city", "site", "gateway", "sensor"] = "sensor",
    per: Literal["hour", "day", "range"] = "hour",
    site: str | None = None,
    gateway: str | None = None,
    sensor: str | None = None,
) -> dict[str, Any]:
    """The hours that begin in [start, end), the last 24 by default; days are the city's. All figures are readings, `bad` frames.

    `lost` is accepted and gone for good, `pending` is accepted and not here yet. Where `estimated` is not 0, so many of the
    hours have no whole manifest from their gateway yet: `expected`, and what follows from it, comes from the sensor's period.
    `completeness` is the share of what was expected that is `good`: stored and valid, no more in an hour of a sensor than was
    expected there, so that no sensor's surplus hides another's gap.
    """
    hub.check(sensor=sensor, site=site, gateway=gateway)
    now_ms = hub.clock()
    start_ms, end_ms = span(start, end, now_ms=now_ms, default_ms=DAY_MS)
    if end_ms - start_ms > MAX_DAYS * DAY_MS + HOUR_MS:
        raise ProblemError(400, f"at most {MAX_DAYS} days at once")
    rows = [
        row
        for row in await hub.caches.turns.ask(
            request, lambda: ledger(hub.store, hub.book, start_ms, end_ms, now_ms=now_ms, sensor=sensor)
        )
        if site in (None, row.site) and gateway in (None, row.gateway) and hub.may_see(row.site)
    ]
    groups: dict[tuple[str, int], list[LedgerRow]] = defaultdict(list)
    for row in rows:
        name = "" if by == "city" else str(getattr(row, by))
        groups[name, _label(row.hour_ms, per, start_ms)].append(row)
    items = []
    for (name, at_ms), some in sorted(groups.items()):
        head = {} if by == "city" else {by: name}
        if by == "sensor":
            head |= {"site": some[-1].site, "gateway": some[-1].gateway}
        items.append(
            head | {"start": rfc3339(at_ms), "t": at_ms} | figures(total(row.figures for row in some))
        )
    return {"by": by, "per": per, "items": items, "next": None}


def _label(hour_ms: int, per: str, start_ms: int) -> int:
    if per == "hour":
        return hour_ms
    return hour_ms - (hour_ms + CITY_OFFSET_MS) % DAY_MS if per == "day" else start_ms


def figures(found: Figures) -> dict[str, Any]:
    """Figures as the API shows them."""
    share = found.completeness
    return {
        **{name: getattr(found, name) for name in Figures.__struct_fields__},
        "completeness": round(share, 4) if share is not None else None,
    }


class Retirement(BaseModel):
    """Since when a gateway is gone; now by default."""

    model_config = ConfigDict(extra="forbid")

    since: str | None = None


@router.post(
    "/gateways/{gateway}/retire", summary="A gateway will not come back", responses=example("retire")
)
async def retire(
    hub: Hub,
    request: Request,
    gateway: str,
    order: Retirement,
    wait_s: Annotated[float, Query(ge=0, le=30)] = WAIT_S,
) -> JSONResponse:
    """Its sensors are free for others, nothing is expected of it from `since` on, and what it has accepted and not brought
    counts as lost. A birth of a newer session undoes it: the gateway is back."""
    at_ms = time_ms(order.since, "since") if order.since is not None else hub.clock()
    content = {"gateway": gateway, "at_ms": at_ms, "who": who(request)}
    return await ask(hub, request, "retire", content, wait_s)
