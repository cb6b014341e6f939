"""Who asks: the page's session, the keys, the record of changes."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from api.examples import example
from api.identity import ANYBODY, COOKIE, Principal, principal_of
from api.params import strict_query
from api.problems import ProblemError
from api.services import Services, services, view
from storage.keys import Keys
from telemetry.times import rfc3339

COOKIE_S = 30 * 86_400

router = APIRouter(prefix="/v1", tags=["access"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(services)]


class Login(BaseModel):
    """A key to be kept in the browser's cookie."""

    key: Annotated[str, Field(min_length=1, max_length=200, examples=["hl_0123456789ab_…"])]


def describe(principal: Principal, hub: Services) -> dict[str, Any]:
    """What the page needs to know of who uses it."""
    return {
        "name": principal.name if principal.key_id else None,
        "role": principal.role if principal.key_id or hub.access.open_reading else None,
        "sites": sorted(principal.sites) if principal.sites is not None else None,
        "reading": "open" if hub.access.open_reading else "key",
    }


@router.get("/session", summary="Who I am here", responses=example("session"))
async def session(request: Request, hub: Annotated[Services, Depends(view)]) -> dict[str, Any]:
    """`name` is null without a key; `role` is null when nothing may be read without one; `sites` null is the whole city."""
    return describe(request.scope.get("principal", ANYBODY), hub)


@router.post("/session", summary="Log in with a key", responses=example("session"))
async def login(request: Request, body: Login, hub: Annotated[Services, Depends(view)]) -> JSONResponse:
    """Puts the key into a cookie that scripts cannot read and other sites cannot use: the page's live stream needs it."""
    row = Keys(hub.book).find(body.key.strip(), hub.clock())
    if row is None:
        raise ProblemError(401, "this key is not known here, was revoked, or has expired")
    principal = principal_of(row)
    request.scope["principal"] = principal
    answer = JSONResponse(describe(principal, hub), headers={"Cache-Control": "no-store"})
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, body.key.strip(), max_age=COOKIE_S, httponly=True, samesite="strict", secure=secure, path="/"
    )
    return answer


@router.delete("/session", summary="Log out", status_code=204, responses=example("nothing"))
async def logout() -> Response:
    """Forgets the cookie; the key itself goes on working."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", path="/")
    return answer


@router.get("/keys", summary="The API keys", responses=example("keys"))
async def keys(hub: Hub) -> dict[str, Any]:
    """For an admin. Secrets are not kept: `halong key create` shows one once."""
    items = [
        {
            "id": row.id,
            "name": row.name,
            "role": row.role,
            "sites": list(row.sites) or None,
            "created": rfc3339(row.created_ms),
            "created_by": row.created_by,
            "expires": rfc3339(row.expires_ms) if row.expires_ms is not None else None,
            "revoked": rfc3339(row.revoked_ms) if row.revoked_ms is not None else None,
        }
        for row in Keys(hub.book).made()
    ]
    return {"items": items, "next": None}


@router.delete("/keys/{key_id}", summary="Revoke a key", status_code=204, responses=example("nothing"))
async def revoke(request: Request, hub: Hub, key_id: str) -> Response:
    """For an admin. It stops working at once and stays in the list."""
    principal: Principal = request.scope.get("principal", ANYBODY)
    if not Keys(hub.book).revoke(key_id, principal.who, hub.clock()):
        raise ProblemError(404, f"no key {key_id[:40]!r} that works")
    return Response(status_code=204)


@router.get("/audit", summary="Who changed what", responses=example("audit"))
async def audit(
    hub: Hub,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> dict[str, Any]:
    """For an admin. Newest first."""
    rows = Keys(hub.book).changes(limit, cursor)
    items = [
        {
            "id": row.id,
            "time": rfc3339(row.at_ms),
            "who": row.who,
            "role": row.role,
            "action": row.action,
            "target": row.target,
            "detail": row.detail,
        }
        for row in rows
    ]
    return {"items": items, "next": str(rows[-1].id) if len(rows) == limit else None}
