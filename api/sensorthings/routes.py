"""The addresses below /sta/v1.1."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse, Response

from api import answers
from api.examples import example
from api.params import strict_query
from api.problems import ProblemError
from api.sensorthings.expressions import FilterError
from api.sensorthings.model import RELATIONS
from api.sensorthings.options import OptionError, read
from api.sensorthings.resources import Resources
from api.services import Services, view

PREFIX = "/sta/v1.1"
CONFORMANCE = "http://www.opengis.net/spec/iot_sensing/1.1/req/"

router = APIRouter(prefix=PREFIX, tags=["sensorthings"])
Hub = Annotated[Services, Depends(view)]
Text = Annotated[str | None, Query(max_length=4000)]


def base(request: Request) -> str:
    """The service's own address, as the client has it."""
    return f"{str(request.base_url).rstrip('/')}{PREFIX}"


@router.get(
    "",
    summary="SensorThings: what there is",
    responses=example("sta"),
    dependencies=[Depends(strict_query)],
)
async def root(request: Request) -> dict[str, Any]:
    """OGC SensorThings API 1.1 (18-088), for reading: a Thing is a site, a Datastream one quantity of one sensor."""
    done = ("datamodel", "resource-path/resource-path-to-entities", "request-data")
    return {
        "value": [{"name": kind, "url": f"{base(request)}/{kind}"} for kind in RELATIONS],
        "serverSettings": {"conformance": [f"{CONFORMANCE}{one}" for one in done]},
    }


@router.get("/{path:path}", summary="SensorThings: entities", responses=example("sta_things"))
async def resource(
    request: Request,
    hub: Hub,
    path: str,
    filter: Annotated[str | None, Query(alias="$filter", max_length=4000)] = None,  # noqa: A002
    select: Annotated[str | None, Query(alias="$select", max_length=4000)] = None,
    expand: Annotated[str | None, Query(alias="$expand", max_length=4000)] = None,
    orderby: Annotated[str | None, Query(alias="$orderby", max_length=4000)] = None,
    top: Annotated[str | None, Query(alias="$top", max_length=20)] = None,
    skip: Annotated[str | None, Query(alias="$skip", max_length=20)] = None,
    count: Annotated[str | None, Query(alias="$count", max_length=20)] = None,
    skiptoken: Annotated[str | None, Query(alias="$skiptoken", max_length=160)] = None,
) -> Response:
    """`Things`, `Things('bai-chay')/Datastreams`, `Datastreams('bai-chay-pm-1:pm25')/Observations` …, with `$filter`, `$select`,
    `$expand`, `$orderby`, `$top`, `$skip`, `$count`; `@iot.nextLink` leads to the following page."""
    given = dict(request.query_params)
    try:
        options = read(given, now_ms=hub.clock())
    except OptionError as error:
        raise ProblemError(400, str(error)) from None
    resources = Resources(hub, base(request))

    async def question() -> Any:
        target = await resources.resolve(path)
        if not path.strip("/"):
            raise ProblemError(404, "an address is missing")
        content = await resources.answer(target, options, path.strip("/"), given)
        return (target.raw, content)

    try:
        raw, content = await hub.caches.turns.ask(request, question)
    except FilterError as error:
        raise ProblemError(400, str(error)) from None
    return PlainTextResponse(str(content)) if raw else answers.json(content)
