"""Pushes over real sockets: good ones, malformed, oversized, slow, too many; a port that is taken; a full journal."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog.testing

import edge.listener
from edge.http_request import MAX_BODY, MAX_HEAD
from edge.listener import MAX_CONNECTIONS, Listener
from edge.publishers import HttpListener, HttpSensor
from halong.installation import free_port
from telemetry.reading import Reading
from tests.edge.running_port import Journal
from tests.waiting import until

NOW = 1_700_000_000_000
PATIENCE_S = 30.0
PATH = "/v1/push-sensor-data/"
SENSORS = (
    HttpSensor(node="esp8266-1234567", sensor="pm-1", pin=1),
    HttpSensor(node="esp8266-1234567", sensor="air-1", pin=11, names={"temperature": "device_temperature"}),
    HttpSensor(node="esp8266-99", sensor="all-1"),
)
PM = {"sensordatavalues": [{"value_type": "P1", "value": "14.20"}, {"value_type": "P2", "value": "8.10"}]}


@asynccontextmanager
async def listening(request_s: float = PATIENCE_S) -> AsyncIterator[tuple[Listener, Journal, int]]:
    port, journal = free_port(), Journal()
    settings = HttpListener(port=port, sensors=SENSORS)
    listener = Listener(settings, deliver=journal.put, clock=lambda: NOW, request_s=request_s, retry_s=0.01)
    task = asyncio.create_task(listener.run())
    try:
        await until(lambda: listener.counters()[0].up)
        yield listener, journal, port
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert not listener.counters()[0].up


def request(
    body: bytes, *headers: str, path: str = PATH, method: str = "POST", size: int | None = None
) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: gw",
        f"Content-Length: {len(body) if size is None else size}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def said(port: int, *parts: bytes) -> tuple[int, str]:
    """Send the parts, one after the other, and read the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(PATIENCE_S):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode().strip()
    finally:
        writer.close()
        await writer.wait_closed()


def push(content: Any, *headers: str) -> bytes:
    return request(json.dumps(content).encode(), *headers)


async def test_a_push_of_one_sensor_of_a_node() -> None:
    async with listening() as (listener, journal, port):
        answer = await said(port, push(PM, "X-Sensor: esp8266-1234567", "X-Pin: 1"))
        assert answer == (200, "2 readings accepted")
        assert journal.readings == [Reading("pm-1", "pm10", NOW, 14.2), Reading("pm-1", "pm25", NOW, 8.1)]
        climate = {"sensordatavalues": [{"value_type": "temperature", "value": "25.2"}]}
        assert (await said(port, push(climate, "X-Sensor: ESP8266-1234567", "X-Pin: 11")))[0] == 200
        assert journal.readings[2:] == [Reading("air-1", "device_temperature", NOW, 25.2)]
        whole, pm, air, every = listener.counters()
        assert (whole.frames, whole.bad, whole.readings, whole.last_ms) == (2, 0, 3, NOW)
        assert [(one.frames, one.readings) for one in (pm, air, every)] == [(1, 2), (1, 1), (0, 0)]
        assert len({one.name for one in listener.counters()}) == 4


async def test_a_push_of_all_sensors_of_a_node() -> None:
    async with listening() as (_, journal, port):
        assert (await said(port, push(PM | {"esp8266id": "99"})))[0] == 200
        assert {reading.sensor for reading in journal.readings} == {"all-1"}


async def test_a_request_may_come_in_pieces() -> None:
    async with listening() as (_, journal, port):
        whole = push(PM, "X-Sensor: esp8266-99")
        assert (await said(port, *(whole[at : at + 7] for at in range(0, len(whole), 7))))[0] == 200
        assert len(journal.readings) == 2


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b"nonsense\r\n\r\n", 400, "the first line must be"),
        (request(b"{}", method="GET"), 405, "only POST"),
        (request(b"{}", path="/other"), 404, "push to /v1/push-sensor-data/"),
        (request(b"{", "X-Sensor: esp8266-99"), 400, "not a JSON object"),
        (request(b"{}", "X-Sensor: esp8266-99"), 400, "no list sensordatavalues"),
        (push(PM), 400, "neither a header X-Sensor nor esp8266id"),
        (push(PM, "X-Sensor: esp8266-5"), 404, "no sensor is configured for esp8266-5"),
        (push(PM, "X-Sensor: esp8266-1234567", "X-Pin: 7"), 404, "esp8266-1234567 pin 7"),
        (push(PM, "X-Sensor: esp8266-1234567"), 404, "no sensor is configured"),
        (request(b"", size=MAX_BODY + 1), 413, "at most"),
        (request(bytes(1000), size=MAX_BODY + 1), 413, "at most"),
        (request(b"", "X-Long: " + "x" * MAX_HEAD), 431, "at most"),
        (b"x" * (2 * MAX_HEAD), 431, "at most"),
        (f"POST {PATH} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(), 501, "Content-Length"),
    ],
)  # fmt: skip
async def test_what_is_refused_is_told_why(sent: bytes, status: int, words: str) -> None:
    async with listening() as (listener, journal, port):
        answer = await said(port, sent)
        assert answer[0] == status
        assert words in answer[1]
        assert journal.readings == []
        assert listener.counters()[0].bad == 1
        assert (await said(port, push(PM, "X-Sensor: esp8266-99")))[0] == 200


async def test_a_slow_peer_is_sent_away_and_disturbs_nobody() -> None:
    async with listening(request_s=0.2) as (listener, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1")
        assert (await said(port, push(PM, "X-Sensor: esp8266-99")))[0] == 200
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await writer.wait_closed()
        await until(lambda: listener.counters()[0].bad == 1)


async def test_a_peer_that_leaves_is_only_counted() -> None:
    async with listening() as (listener, journal, port):
        for sent in (b"", b"POST /", request(b"{}", size=100)):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            writer.close()
            await writer.wait_closed()
        await until(lambda: listener.counters()[0].bad == 3)
        assert journal.readings == []


async def test_too_many_connections_are_refused() -> None:
    async with listening() as (_, _, port):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        try:
            assert await said(port, push(PM, "X-Sensor: esp8266-99")) == (503, "too many connections")
        finally:
            for _, writer in idle:
                writer.close()
                await writer.wait_closed()


async def test_no_room_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.listener, "ACCEPT_S", 0.05)
    async with listening() as (listener, journal, port):
        journal.open.clear()
        assert (await said(port, push(PM, "X-Sensor: esp8266-99")))[0] == 503
        journal.open.set()
        assert journal.readings == []
        assert (await said(port, push(PM, "X-Sensor: esp8266-99")))[0] == 200
        assert len(journal.readings) == 2
        assert (listener.counters()[0].frames, listener.counters()[0].bad) == (1, 1)


async def test_a_port_in_use_is_one_line_and_tried_again() -> None:
    with socket.socket() as taken, structlog.testing.capture_logs() as logs:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = HttpListener(port=port, sensors=SENSORS)
        listener = Listener(settings, deliver=Journal().put, clock=lambda: NOW, retry_s=0.01)
        task = asyncio.create_task(listener.run())
        try:
            await until(lambda: bool(logs))
            await asyncio.sleep(0.05)  # several tries
            assert [log["log_level"] for log in logs] == ["warning"]
            assert "in use" in logs[0]["reason"]
            taken.close()
            await until(lambda: listener.counters()[0].up)
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_an_end_closes_what_is_open() -> None:
    async with listening() as (_, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1")
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    writer.close()
