"""The API as one application: the routes, problem documents for every error, the offline reference, the page."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from api import pages, problems
from api.gate import Gate
from api.reference import complete
from api.routes import (
    access,
    aggregate,
    air,
    alarms,
    amendments,
    anomalies,
    completeness,
    history,
    inventory,
    live,
    overview,
    quarantine,
    quiet,
    readings,
    system,
    traffic,
    usual,
)
from api.sensorthings import routes as sensorthings
from api.services import Services

__all__ = ["Services", "create"]

DESCRIPTION = """\
What the sensors of Hạ Long measure, as it is stored, and what was unusual about it.

Times are RFC 3339 with a zone, or integer milliseconds since 1970 UTC; answers are in UTC. Durations are ISO 8601 (`PT5M`).
Units are those of SenML (RFC 8428, RFC 8798). Every error is a problem document (RFC 9457) with one sentence in `detail`.
"""


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
    for module in (
        overview,
        inventory,
        history,
        readings,
        aggregate,
        air,
        traffic,
        anomalies,
        alarms,
        quiet,
        quarantine,
        completeness,
        amendments,
        usual,
        live,
        access,
        system,
    ):
        app.include_router(module.router)
    app.include_router(live.sockets)
    app.include_router(sensorthings.router)
    pages.install(app, services.tiles.origin)
    app.openapi = complete(app.openapi, open_reading=services.access.open_reading)  # type: ignore[method-assign]
    app.add_middleware(
        Gate, book=lambda: services.book, access=services.access, clock=lambda: services.clock()
    )
    if services.access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=services.access.origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type", "Last-Event-ID", "If-None-Match"],
            expose_headers=[
                "ETag",
                "Retry-After",
                "RateLimit-Limit",
                "RateLimit-Remaining",
                "RateLimit-Reset",
                "X-Next-Cursor",
            ],
        )
    return app
