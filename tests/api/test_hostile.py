"""Requests that mean harm, over a real socket: always a clean 4xx, never a traceback, nothing secret in a log."""

import asyncio
import json
import logging

import httpx
import pytest
from structlog.testing import capture_logs

from api.gate import Access
from storage.keys import Role
from tests.api.conftest import Hub, served

PATHS = [
    "/page/../app.py",
    "/page/..%2fapp.py",
    "/page/%2e%2e/%2e%2e/etc/passwd",
    "/static-offline-docs/../../../../etc/passwd",
    "/static-offline-docs/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/../../etc/passwd",
    "//etc/passwd",
    "/sta/v1.1/../../../etc/passwd",
    "/v1/anomalies/..%2f..%2fkeys",
    "/v1/anomalies/%00",
    "/v1/anomalies/%ff%fe",
]
QUERIES = [
    "/v1/readings?sensor=' OR 1=1 --&quantity=pm25",
    "/v1/readings?sensor=bai-chay-pm-1&quantity=pm25'; DROP TABLE readings; --",
    "/v1/readings?sensor=bai-chay-pm-1&quantity=pm25&start=0);DELETE FROM readings",
    "/v1/readings?sensor=bai-chay-pm-1&quantity=pm25&cursor=1 OR 1",
    "/v1/aggregate?sensor=bai-chay-pm-1&quantity=pm25&function=mean(value);",
    "/v1/aggregate?sensor=x%00y&quantity=pm25",
    "/v1/quarantine?reason=' UNION SELECT * FROM keys --",
    "/sta/v1.1/Datastreams?$filter=name eq '' or 1 eq 1; DROP TABLE x",
    "/v1/sensors?bbox=1e999,0,0,0",
    "/v1/audit?cursor=99999999999999999999",
    "/v1/keys?__proto__=1",
    "/v1/aqi/day?on=9999-12-31",
    "/v1/readings?sensor=%f0%9f&quantity=pm25",
]
BODIES = [
    b"",
    b"{",
    b"[]",
    b'{"key": null}',
    b'{"key": {"$gt": ""}}',
    b'{"key": "\\ud800"}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"key": 1e400}',
]


@pytest.mark.parametrize("path", PATHS + QUERIES)
async def test_an_address_that_means_harm_is_a_clean_4xx(hub: Hub, path: str) -> None:
    head = {"X-API-Key": hub.key(Role.ADMIN)}
    async with served(hub) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        key = f"X-API-Key: {head['X-API-Key']}"
        target = path.replace(" ", "%20")
        line = f"GET {target} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n{key}\r\n\r\n"
        writer.write(line.encode())
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    status = int(answer.split(b" ", 2)[1])
    assert 400 <= status < 500, answer
    assert b"application/problem+json" in answer
    assert b"root:" not in answer
    assert b"Traceback" not in answer
    stored = await hub.services.store.count(0, 2**53)
    assert sum(stored.values()) == 270


@pytest.mark.parametrize("body", BODIES)
async def test_a_body_that_means_harm_is_a_clean_4xx(client: httpx.AsyncClient, body: bytes) -> None:
    for path in ("/v1/session", "/v1/quarantine/replay"):
        answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /v1/latest HTTP/1.1\r\nHost: hub\r\nContent-Length: -1\r\n\r\n",
        b"GET /v1/latest HTTP/1.1\r\nHost: hub\r\nX: " + b"a" * 2_000_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_request_is_refused_and_the_hub_lives(hub: Hub, request_bytes: bytes) -> None:
    async with served(hub) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_bytes)
        writer.write_eof()
        try:
            answer = await asyncio.wait_for(reader.read(), 20)
        except ConnectionError:
            answer = b""
        writer.close()
        assert not answer or answer.split(b" ", 2)[1].startswith(b"4")
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/healthz")).status_code == 200


async def test_no_key_reaches_a_log_or_an_answer(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    key = hub.key(Role.OPERATOR)
    closed = hub.with_access(Access(open_reading=False, per_minute=5))
    said = []
    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        async with served(closed) as url, httpx.AsyncClient(base_url=url) as client:
            for headers in (
                {"Authorization": f"Bearer {key}"},
                {"X-API-Key": key + "x"},
                {"Cookie": f"halong_key={key}"},
            ):
                for _ in range(4):
                    answer = await client.get("/v1/readings", params={"sensor": "x"}, headers=headers)
                    said.append(answer.text + str(answer.headers))
            said.append((await client.post("/v1/session", json={"key": key, "more": 1})).text)
            said.append((await client.post("/v1/session", json={"key": [key]})).text)
    secret = key.split("_", 2)[2]
    records = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("uvicorn", "api", "halong"))
    ]
    assert secret not in json.dumps(said)
    assert secret not in str(logs)
    assert secret not in str(records)
