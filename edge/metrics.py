"""The agent for Prometheus: its status in the text format, and the little server that gives it (docs/reference/metrics.md)."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.http_request import MAX_HEAD, RefusedError, answer, parse_head
from edge.settings import MetricsSettings
from edge.status import Status
from runtime.descriptors import AT_ONCE, open_door
from telemetry.messages import PortCounters, SensorCounters

MAX_CONNECTIONS = 8
REQUEST_S = 5.0
RETRY_S = 5.0

log = structlog.get_logger(__name__)
Sample = tuple[list[str], float | None]


def exposition(status: Status) -> bytes:
    """The status in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Agent(status))
    return generate_latest(registry)


class _Agent(Collector):
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """The agent, then its ports, their devices, its sensors."""
        yield from _agent(self._status)
        yield from _ports(self._status.ports)
        yield from _devices(self._status.ports)
        yield from _sensors(self._status.sensors)


def _agent(status: Status) -> Iterator[Metric]:
    labels = {
        "gateway": status.gateway,
        "site": status.site,
        "version": status.version,
        "config": status.config,
        "clock": status.clock.source or "none",
    }
    yield _gauge("info", "always 1, with what the agent is", list(labels), [(list(labels.values()), 1)])
    journal = status.journal
    for name, words, value in (
        ("start_time_seconds", "when the agent started", status.started_ms / 1000),
        ("broker_connected", "the broker is connected", status.broker_connected),
        ("last_ack_timestamp_seconds", "when ingest acknowledged last", _seconds(status.last_ack_ms)),
        ("packs_waiting", "packs in the journal that are not acknowledged", journal.packs_waiting),
        (
            "oldest_waiting_timestamp_seconds",
            "when the oldest of them was formed",
            _seconds(journal.oldest_waiting_ms),
        ),
        ("packs_set_aside", "packs that broke the connection", status.packs_set_aside),
        ("journal_bytes", "size of the journal", journal.bytes),
        ("journal_usable", "the journal can be written", not journal.trouble),
        ("readings_undated", "readings that wait for a trusted clock", status.clock.undated),
        ("config_refused", "a newer configuration was refused", bool(status.config_problem)),
    ):
        yield _gauge(name, words, [], [([], None if value is None else float(value))])
    for name, words, count in (
        ("readings_accepted", "readings journalled", status.accepted),
        ("readings_duplicate", "readings that were there already", status.duplicates),
        ("readings_nudged", "readings moved to the next free millisecond", status.nudged),
        ("packs_given_up", "packs removed unacknowledged by the full policy", journal.packs_given_up),
    ):
        yield _counter(name, words, [], [([], count)])


def _ports(ports: Iterable[PortCounters]) -> Iterator[Metric]:
    rows = [([port.name], port) for port in ports]
    yield _gauge("port_up", "the port is open", ["port"], [(label, port.up) for label, port in rows])
    for name, words, field in (
        ("port_frames", "good frames", "frames"),
        ("port_bad_frames", "bad frames", "bad"),
        ("port_readings", "readings", "readings"),
        ("port_lost", "times it went away", "lost"),
    ):
        yield _counter(name, words, ["port"], [(label, getattr(port, field)) for label, port in rows])


def _devices(ports: Iterable[PortCounters]) -> Iterator[Metric]:
    rows = [([port.name, device.sensor], device) for port in ports for device in port.devices]
    for name, words, field in (
        ("device_asked", "rounds a polled device was asked", "asked"),
        ("device_unanswered", "of them without an answer", "unanswered"),
        ("device_bad_frames", "bad frames of it", "bad"),
    ):
        yield _counter(name, words, ["port", "sensor"], [(label, getattr(one, field)) for label, one in rows])


def _sensors(sensors: Iterable[SensorCounters]) -> Iterator[Metric]:
    rows = [([one.id], one) for one in sensors]
    yield _gauge(
        "sensor_healthy",
        "1: ok or waiting for its first reading, 0: see health",
        ["sensor", "health"],
        [([*label, one.health], one.health in ("ok", "waiting")) for label, one in rows],
    )
    yield _gauge(
        "sensor_last_timestamp_seconds",
        "its newest observation",
        ["sensor"],
        [(label, _seconds(one.last_ms)) for label, one in rows],
    )
    for name, words, field in (
        ("sensor_expected", "readings that were due", "expected"),
        ("sensor_read", "readings it has given", "read"),
        ("sensor_bad_frames", "bad frames of it", "bad"),
        ("sensor_late", "readings older than a minute when they came", "late"),
        ("sensor_duplicate", "readings it has repeated", "duplicate"),
    ):
        yield _counter(name, words, ["sensor"], [(label, getattr(one, field)) for label, one in rows])


def _seconds(time_ms: int | None) -> float | None:
    return None if time_ms is None else time_ms / 1000


def _gauge(name: str, words: str, labels: list[str], samples: Iterable[Sample]) -> Metric:
    return _filled(GaugeMetricFamily(f"halong_edge_{name}", words, labels=labels), samples)


def _counter(name: str, words: str, labels: list[str], samples: Iterable[Sample]) -> Metric:
    return _filled(CounterMetricFamily(f"halong_edge_{name}", words, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Iterable[Sample]) -> Metric:
    """What is not known has no sample."""
    for labels, value in samples:
        if value is not None:
            family.add_metric(labels, float(value))
    return family


async def serve(settings: MetricsSettings, content: Callable[[], bytes], *, retry_s: float = RETRY_S) -> None:
    """Answer GET /metrics, for ever; an address that cannot be had is tried again."""
    known_away = False
    while True:
        try:
            async with asyncio.TaskGroup() as group:
                await _listen(group, settings, content)
        except* OSError as errors:
            if not known_away:
                log.warning("cannot listen for Prometheus, trying again", reason=str(errors.exceptions[0]))
            known_away = True
        await asyncio.sleep(retry_s)


async def _listen(group: asyncio.TaskGroup, settings: MetricsSettings, content: Callable[[], bytes]) -> None:
    slots = asyncio.Semaphore(MAX_CONNECTIONS)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        group.create_task(_serve(reader, writer, slots, content), name="metrics connection")

    door = open_door(settings.listen, settings.port)
    server = await asyncio.start_server(connected, sock=door, backlog=AT_ONCE, limit=MAX_HEAD)
    log.info("metrics", address=f"http://{settings.listen}:{settings.port}/metrics")
    try:
        await server.serve_forever()
    finally:
        server.close()


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    slots: asyncio.Semaphore,
    content: Callable[[], bytes],
) -> None:
    try:
        if not slots.locked():
            async with slots, asyncio.timeout(REQUEST_S):
                writer.write(await _answer(reader, content))
                await writer.drain()
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        log.debug("peer left without its answer", reason=str(error))
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, content: Callable[[], bytes]) -> bytes:
    try:
        head = parse_head(await reader.readuntil(b"\r\n\r\n"))
        if head.path != "/metrics":
            raise RefusedError(404, "look at /metrics")
        if head.method != "GET":
            raise RefusedError(405, "only GET")
    except asyncio.LimitOverrunError:
        return answer(431, f"headers have {MAX_HEAD} bytes at most")
    except RefusedError as error:
        return answer(error.status, str(error), "GET")
    body = content()
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE_LATEST}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode("ascii") + body
