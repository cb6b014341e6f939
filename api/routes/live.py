"""The live feed: server-sent events, and the same over a WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection

from api.examples import example
from api.identity import ANYBODY, Principal
from api.params import Name, check_names, strict_query
from api.problems import ProblemError
from api.services import Services, known_quantity, view
from runtime.events import ALARM, ANOMALY, DROPPED, READINGS, Only
from runtime.feed import Feed
from storage.keys import Keys
from telemetry.anomaly import AnomalyKind
from telemetry.names import did_you_mean

TRY_AGAIN, REFUSED, GONE = 1013, 1008, 1001  # close codes, RFC 6455 section 7.4
QUIET_S = 15.0
RECHECK_S = 10.0
NAMES_MAX = 200
KINDS = (READINGS, ANOMALY, ALARM, *AnomalyKind)

router = APIRouter(prefix="/v1", tags=["live"], dependencies=[Depends(strict_query)])
sockets = APIRouter(prefix="/v1")
Names = Annotated[list[Name] | None, Query(max_length=NAMES_MAX)]


def chosen(
    hub: Services,
    sensor: list[str] | None,
    site: list[str] | None,
    quantity: list[str] | None,
    kind: list[str] | None,
) -> Only:
    """The filter in a request; ProblemError for a name that nobody knows, or where too many listen."""
    if hub.feed.listeners >= hub.listeners_max:
        raise ProblemError(429, f"{hub.listeners_max} listen already: try again later, or ask /v1/latest")
    for name in sensor or ():
        hub.check(subject=name)
    for name in site or ():
        hub.check(site=name)
    for name in quantity or ():
        known_quantity(name)
    for name in kind or ():
        if name not in KINDS:
            raise ProblemError(400, f"unknown kind {name!r}, {did_you_mean(name, KINDS)}")
    only = Only(*(frozenset(names) if names else None for names in (sensor, site, quantity, kind)))
    return only if site or hub.allowed is None else only._replace(sites=hub.allowed)


class Welcome:
    """Whether whoever listens still may: a key that ends takes its open streams with it, within RECHECK_S."""

    def __init__(self, hub: Services, connection: HTTPConnection) -> None:
        principal: Principal = connection.scope.get("principal", ANYBODY)
        self._hub, self._key_id = hub, principal.key_id
        self._next = 0.0

    def lasts(self) -> bool:
        """To be asked before everything that is told."""
        now = asyncio.get_running_loop().time()
        if not self._key_id or now < self._next:
            return True
        self._next = now + RECHECK_S
        return Keys(self._hub.book).works(self._key_id, self._hub.clock())


@router.get("/stream", summary="What is stored, as it is stored", responses=example("stream"))
async def stream(
    request: Request,
    hub: Annotated[Services, Depends(view)],
    sensor: Names = None,
    site: Names = None,
    quantity: Names = None,
    kind: Names = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Server-sent events, at most one of each kind a second: `readings` (the newest of each series that has news), `anomaly`
    (opened, changed or closed), `alarm` (opened, changed, acknowledged or closed), `reset` (what you missed is too long
    ago: fetch /v1/latest), `dropped` (you were too slow).

    `sensor`, `site`, `quantity` and `kind` (`readings`, `anomaly`, `alarm` or a kind of anomaly) may be given several times and
    leave the rest out. Come back with `Last-Event-ID` and nothing is missed. The same over a WebSocket at `/v1/socket`, where
    each message is an object with `event`, `id` and `data`, and `last_event_id` is a parameter.
    """
    only = chosen(hub, sensor, site, quantity, kind)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _lines(hub.feed, last_event_id, only, Welcome(hub, request)),
        media_type="text/event-stream",
        headers=headers,
    )


async def _lines(feed: Feed, last_id: str | None, only: Only, welcome: Welcome) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async for event in feed.listen(last_id, only=only, idle_s=QUIET_S):
        if not welcome.lasts():
            return
        # While nothing comes for this filter the position moves on: an event without data is not shown to the page.
        yield event.encode() if event is not None else b": still here\nid: %b\n\n" % feed.position.encode()


@sockets.websocket("/socket")
async def socket(
    websocket: WebSocket,
    sensor: Names = None,
    site: Names = None,
    quantity: Names = None,
    kind: Names = None,
    last_event_id: str | None = None,
) -> None:
    """The live feed over a WebSocket; what the client says is not heard."""
    hub = await view(websocket)
    await websocket.accept()
    try:
        check_names(websocket.query_params, ("sensor", "site", "quantity", "kind", "last_event_id"))
        only = chosen(hub, sensor, site, quantity, kind)
    except ProblemError as error:
        await websocket.close(TRY_AGAIN if error.status == 429 else REFUSED, error.detail[:120])
        return
    telling = asyncio.create_task(_tell(websocket, hub.feed, last_event_id, only, Welcome(hub, websocket)))
    hearing = asyncio.create_task(_until_closed(websocket))
    try:
        await asyncio.wait({telling, hearing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (telling, hearing):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(telling, hearing)


async def _tell(websocket: WebSocket, feed: Feed, last_id: str | None, only: Only, welcome: Welcome) -> None:
    code = GONE
    with suppress(WebSocketDisconnect):
        async for event in feed.listen(last_id, only=only, idle_s=QUIET_S):
            if not welcome.lasts():
                code = REFUSED
                break
            if event is None:
                await websocket.send_text(f'{{"event":"quiet","id":"{feed.position}","data":null}}')
                continue
            await websocket.send_text(event.message().decode())
            code = TRY_AGAIN if event.kind == DROPPED else GONE
        await websocket.close(code)


async def _until_closed(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
