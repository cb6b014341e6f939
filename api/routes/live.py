"""The live stream: server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse

from api.examples import example
from api.params import strict_query
from api.services import Services, services

router = APIRouter(prefix="/v1", tags=["live"], dependencies=[Depends(strict_query)])


@router.get("/stream", summary="What is stored, as it is stored", responses=example("stream"))
async def stream(
    hub: Annotated[Services, Depends(services)], last_event_id: Annotated[str | None, Header()] = None
) -> StreamingResponse:
    """Server-sent events, at most two a second: `readings` (the newest of each series that has news), `anomaly` (opened,
    changed or closed), `reset` (what you missed is too long ago: fetch /v1/latest), `dropped` (you were too slow).

    Come back with `Last-Event-ID` and nothing is missed.
    """
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(hub, last_event_id), media_type="text/event-stream", headers=headers)


async def _lines(hub: Services, last_id: str | None) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async for event in hub.feed.listen(last_id):
        yield event.encode() if event is not None else b": still here\n\n"
