"""Commands from the API: a row in the book that ingest takes up, and what became of it."""

import asyncio
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from api.problems import ProblemError
from api.services import Services
from storage.commands import CommandRow, Commands
from telemetry.times import rfc3339

LOOK_EVERY_S = 0.1
WAIT_S = 5.0


def who(request: Request) -> str:
    """Whoever access control has let in; `api` where there is none."""
    return str(getattr(request.state, "who", "api"))


async def ask(hub: Services, request: Request, kind: str, content: Any, wait_s: float) -> JSONResponse:
    """200 with the result when it is there within `wait_s`, else 202 and where to look; 422 when it cannot be done."""
    commands = Commands(hub.book)
    number = commands.ask(kind, content, who=who(request), now_ms=hub.clock())
    for _ in range(round(wait_s / LOOK_EVERY_S)):
        row = commands.find(number)
        if row is None or row.done_ms is not None:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    answer = describe(find(hub, number))
    if answer["result"] is not None and "error" in answer["result"]:
        raise ProblemError(422, str(answer["result"]["error"]), command=number)
    waiting = {"Location": f"/v1/commands/{number}"} if answer["state"] == "waiting" else None
    return JSONResponse(answer, 202 if waiting else 200, headers=waiting)


def find(hub: Services, number: int) -> CommandRow:
    """The command with that number; a 404 when there is none."""
    row = Commands(hub.book).find(number)
    if row is None:
        raise ProblemError(404, f"no command {number}: the newest 10,000 are kept")
    return row


def describe(row: CommandRow) -> dict[str, Any]:
    """As the API shows a command; `state` is `waiting` or `done`."""
    return {
        "id": row.id,
        "kind": row.kind,
        "state": "waiting" if row.done_ms is None else "done",
        "who": row.who,
        "asked": rfc3339(row.asked_ms),
        "done": rfc3339(row.done_ms) if row.done_ms is not None else None,
        "result": row.result,
    }
