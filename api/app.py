"""The API as one application: the routes, problem documents for every error, the offline reference, the page."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import pages, problems
from api.routes import air, anomalies, inventory, live, overview, quarantine, readings, system
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
    for module in (overview, inventory, readings, air, anomalies, quarantine, live, system):
        app.include_router(module.router)
    app.include_router(live.sockets)
    pages.install(app)
    return app
