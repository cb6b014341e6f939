"""Is the hub alive, is it of use, what has it done."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.examples import example
from api.params import strict_query
from api.problems import ProblemError
from api.services import Services, services

GAUGES = {"messages_waiting", "readings_in_flight", "latency_p50_ms", "latency_p99_ms"}

router = APIRouter(tags=["system"], dependencies=[Depends(strict_query)])
Hub = Annotated[Services, Depends(services)]


@router.get("/healthz", summary="The process is alive", responses=example("healthz"))
async def healthz(hub: Hub) -> dict[str, Any]:
    """Always 200 while it can answer."""
    return {"status": "alive", "version": hub.version, "uptime_s": (hub.clock() - hub.started_ms) // 1000}


@router.get("/readyz", summary="The hub can do its work", responses=example("readyz"))
async def readyz(hub: Hub) -> JSONResponse:
    """200 when everything it needs is there; else a 503 problem that names what is missing."""
    state = dict(hub.ready())
    missing = [name for name, good in state.items() if not good]
    if missing:
        reasons = dict(hub.reasons())
        words = [f"{name} missing" + (f" ({reasons[name]})" if name in reasons else "") for name in missing]
        raise ProblemError(503, f"not ready: {', '.join(words)}", checks=state, reasons=reasons)
    return JSONResponse({"status": "ready", "checks": state})


@router.get(
    "/v1/account",
    summary="What came in and what became of it, since the hub's start",
    responses=example("account"),
)
async def account(hub: Hub) -> dict[str, Any]:
    """messages received = decoded + quarantined + refused + waiting; readings decoded = stored + duplicate + quarantined +
    in flight."""
    return dict(hub.account())


@router.get("/metrics", summary="The same for Prometheus", responses=example("metrics"))
async def metrics(hub: Hub) -> Response:
    """Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(_Account(hub))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Account(Collector):
    def __init__(self, hub: Services) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Ingest's counters, the listeners of the feed, the age of the process, what is ready."""
        for name, value in self._hub.account().items():
            if name in GAUGES:
                yield GaugeMetricFamily(f"halong_{name}", name.replace("_", " "), value)
            else:
                yield CounterMetricFamily(f"halong_{name}", name.replace("_", " "), value)
        yield GaugeMetricFamily(
            "halong_stream_listeners", "clients of the live stream", self._hub.feed.listeners
        )
        yield CounterMetricFamily(
            "halong_stream_dropped", "clients dropped as too slow", self._hub.feed.dropped
        )
        uptime_s = (self._hub.clock() - self._hub.started_ms) / 1000
        yield GaugeMetricFamily("halong_uptime_seconds", "age of the process", uptime_s)
        ready = GaugeMetricFamily("halong_ready", "what the hub needs is there", labels=["part"])
        for part, good in self._hub.ready().items():
            ready.add_metric([part], float(good))
        yield ready
