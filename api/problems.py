"""Every error as a problem document (RFC 9457, application/problem+json): one clear sentence in `detail`."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from storage.book import BookUnavailableError
from storage.store import StoreUnavailableError
from telemetry.names import did_you_mean

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = {429: 1, 503: 2}
CLIENT_LEFT = 499  # nobody hears it

log = structlog.get_logger(__name__)


class ProblemError(Exception):
    """A request that cannot be answered; `detail` says what to do. `more` goes into the document."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.more = status, detail, more


def problem(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """The answer."""
    if status in RETRY_AFTER_S:
        headers = {"Retry-After": str(RETRY_AFTER_S[status]), **(headers or {})}
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    return JSONResponse(content, status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""

    @app.exception_handler(ProblemError)
    async def known(request: Request, error: ProblemError) -> JSONResponse:
        return problem(request, error.status, error.detail, **error.more)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == HTTPStatus.NOT_FOUND:
            paths = ["/", "/docs", *app.openapi()["paths"]]
            return problem(
                request,
                404,
                f"there is nothing at {request.url.path}, {did_you_mean(request.url.path, paths)}",
            )
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{request.method} is not possible at {request.url.path}"
            return problem(request, 405, detail, headers=_allowed(app, request.url.path) or error.headers)
        return problem(request, error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"parameter": _parameter(e["loc"]), "message": str(e["msg"])} for e in error.errors()]
        sentence = "; ".join(f"{e['parameter']}: {e['message']}" for e in errors)
        return problem(request, 400, sentence, errors=errors)

    @app.exception_handler(OverflowError)
    async def too_large(request: Request, error: OverflowError) -> JSONResponse:
        return problem(request, 400, "a number in the request is too large")

    @app.exception_handler(UnicodeEncodeError)
    async def no_text(request: Request, error: UnicodeEncodeError) -> JSONResponse:
        return problem(request, 400, "a text in the request has half a character (a surrogate) in it")

    @app.exception_handler(StoreUnavailableError)
    async def away(request: Request, error: StoreUnavailableError) -> JSONResponse:
        return problem(request, 503, f"the store does not answer now: {error}")

    @app.exception_handler(BookUnavailableError)
    async def closed(request: Request, error: BookUnavailableError) -> JSONResponse:
        return problem(request, 503, f"the book does not answer now: {error}")

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_LEFT)

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, exc_info=error)
        return problem(request, 500, "something is wrong in the hub; its log says what")


def _parameter(location: Sequence[str | int]) -> str:
    """Its name: the end of the location, but for a place in a list."""
    return next((part for part in reversed(location) if isinstance(part, str)), "")


def _allowed(app: FastAPI, path: str) -> dict[str, str]:
    """The Allow header of an address: the methods of every route that has it, not only of the first."""
    methods: set[str] = set()
    for template, described in app.openapi()["paths"].items():
        pattern = re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            methods |= {method.upper() for method in described}
    return {"Allow": ", ".join(sorted(methods))} if methods else {}
