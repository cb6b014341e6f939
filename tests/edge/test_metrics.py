"""Prometheus' view of an agent: the names that are documented, over a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from edge.metrics import MAX_CONNECTIONS, exposition, serve
from edge.settings import MetricsSettings
from edge.status import JournalStatus, Status
from telemetry.messages import ClockState, DeviceCounters, PortCounters, SensorCounters

STATUS = Status(
    gateway="gw-1",
    site="s",
    version="1.2",
    config="0a",
    pid=7,
    started_ms=1_700_000_000_000,
    time_ms=1_700_000_060_000,
    every_s=10,
    clock=ClockState("system"),
    broker_connected=True,
    last_ack_ms=1_700_000_059_000,
    accepted=100,
    duplicates=2,
    nudged=1,
    packs_set_aside=0,
    journal=JournalStatus(5, 1_700_000_001_000, 4096, 3),
    ports=(
        PortCounters("/dev/a", True, 10, 2, 20, 5, 1, "", (DeviceCounters("co2-1", 9, 4, 1, 2),)),
        PortCounters("/dev/b", False, 0, 0, 0),
    ),
    sensors=(
        SensorCounters("co2-1", "ok", 60, 50, 2, 1, 3, 1_700_000_059_500),
        SensorCounters("r-1", "silent"),
    ),
)


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_status() -> None:
    found = samples(exposition(STATUS).decode())
    assert found["halong_edge_info", "0a", "1.2", "gw-1", "s", "system"] == 1
    assert (
        found[
            "halong_edge_port_up",
            "/dev/b",
        ]
        == 0
    )
    assert found["halong_edge_port_lost_total", "/dev/a"] == 1
    assert found["halong_edge_device_unanswered_total", "/dev/a", "co2-1"] == 4
    assert found["halong_edge_sensor_expected_total", "co2-1"] == 60
    assert ("halong_edge_sensor_expected_total", "r-1") not in found
    assert found["halong_edge_sensor_healthy", "r-1", "silent"] == 0
    assert found["halong_edge_oldest_waiting_timestamp_seconds",] == 1_700_000_001
    never = exposition(msgspec.structs.replace(STATUS, last_ack_ms=None))
    assert ("halong_edge_last_ack_timestamp_seconds",) not in samples(never.decode())


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    task = asyncio.create_task(serve(MetricsSettings(port=port), lambda: exposition(STATUS), retry_s=0.05))
    async with asyncio.timeout(10):
        while await ask(port, b"") is None:
            await asyncio.sleep(0.01)
    yield port
    task.cancel()
    await asyncio.wait([task])


async def ask(port: int, request: bytes) -> bytes | None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    writer.write(request)
    writer.write_eof()
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_it_answers_what_it_should_and_nothing_else() -> None:
    async with serving() as port:
        answer = await ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") or b""
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=")
        assert body == exposition(STATUS)
        for request, status in (
            (b"GET / HTTP/1.1\r\n\r\n", b"404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
            (b"\xff\xfe\r\n\r\n", b"400"),
            (b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 9000 + b"\r\n", b"431"),
        ):
            assert (await ask(port, request) or b"").split(b" ")[1:2] == [status], request[:20]
        assert await ask(port, b"GET /met") == b""
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        await asyncio.sleep(0.1)
        assert await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n") == b""
        for _, writer in idle:
            writer.close()
        await asyncio.sleep(0.1)
        assert (await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n") or b"").startswith(b"HTTP/1.1 200")


async def test_an_address_that_is_taken_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        task = asyncio.create_task(serve(MetricsSettings(port=port), lambda: b"x 1\n", retry_s=0.02))
        await asyncio.sleep(0.1)
        assert not task.done()
    async with asyncio.timeout(10):
        while b"x 1" not in (await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n") or b""):
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])
