"""Is the hub alive, is it of use, what has it done."""

from collections.abc import Iterable, Iterator, Mapping
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

WORDS = {
    "latency_p50_ms": "from observation to commit, of the newest live readings: the median",
    "latency_p99_ms": "what one of a hundred exceeds",
}

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
    uptime_s = (hub.clock() - hub.started_ms) / 1000
    families = [
        *of_ingest(hub.account(), hub.ready(), uptime_s),
        *of_stream(hub.feed.listeners, hub.feed.dropped),
    ]
    return Response(exposition(families), media_type=CONTENT_TYPE_LATEST)


def of_ingest(
    account: Mapping[str, int | float], ready: Mapping[str, bool], uptime_s: float
) -> Iterator[Metric]:
    """Ingest's counters, the age of the process, what is ready."""
    for name, value in account.items():
        kind = GaugeMetricFamily if name in GAUGES else CounterMetricFamily
        yield kind(f"halong_{name}", WORDS.get(name, name.replace("_", " ")), value)
    yield GaugeMetricFamily("halong_uptime_seconds", "age of the process", uptime_s)
    parts = GaugeMetricFamily("halong_ready", "what the hub needs is there", labels=["part"])
    for part, good in ready.items():
        parts.add_metric([part], float(good))
    yield parts


def of_stream(listeners: int, dropped: int) -> Iterator[Metric]:
    """The live stream's."""
    yield GaugeMetricFamily("halong_stream_listeners", "clients of the live stream", listeners)
    yield CounterMetricFamily("halong_stream_dropped", "clients dropped as too slow", dropped)


def exposition(families: Iterable[Metric]) -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Told(families))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """What it was given."""
        yield from self._families
