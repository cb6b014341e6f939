"""The API as one application: the routes, problem documents for every error, the offline reference, the page."""

from importlib.resources import files

from fastapi import FastAPI, Response
from fastapi_offline import FastAPIOffline

from api import problems
from api.routes import air, anomalies, inventory, live, overview, readings, system
from api.services import Services

__all__ = ["Services", "create"]

DESCRIPTION = """\
What the sensors of Hạ Long measure, as it is stored, and what was unusual about it.

Times are RFC 3339 with a zone, or integer milliseconds since 1970 UTC; answers are in UTC. Durations are ISO 8601 (`PT5M`).
Units are those of SenML (RFC 8428, RFC 8798). Every error is a problem document (RFC 9457) with one sentence in `detail`.
"""
PAGE = files("api") / "page"
ASSETS = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
}


def create(services: Services) -> FastAPI:
    """The application over the hub's services."""
    app: FastAPI = FastAPIOffline(
        title="Hạ Long telemetry",
        version=services.version,
        description=DESCRIPTION,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.services = services
    problems.install(app)
    for module in (overview, inventory, readings, air, anomalies, live, system):
        app.include_router(module.router)
    app.include_router(live.sockets)
    _add_page(app)
    return app


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return _asset("index.html", "text/html")

    @app.get("/page/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in ASSETS:
            raise problems.ProblemError(404, f"the page has no part {name!r}")
        return _asset(name, ASSETS[name])


def _asset(name: str, media_type: str) -> Response:
    return Response((PAGE / name).read_bytes(), media_type=media_type, headers=PAGE_HEADERS)
