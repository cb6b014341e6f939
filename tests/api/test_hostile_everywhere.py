"""Every parameter, body field and header of the API given everything that means harm: a clean answer, and nothing changes."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from storage.keys import Role
from tests.api.conftest import MINUTES, Hub, asking, served

PATIENCE_S = 20.0
# As they stand in an address, already escaped.
TEXTS = [
    *map(
        quote,
        (
            "' OR '1'='1",
            '"; DROP TABLE readings; --',
            "bai-chay-pm-1' UNION SELECT key FROM keys --",
            "../../../../etc/passwd",
            "a\x00b",
            "\r\nX-Injected: yes\r\n\r\n",
            "${jndi:ldap://127.0.0.1/x}{{7*7}}",
            "<script>alert(1)</script>",
            "\N{RIGHT-TO-LEFT OVERRIDE}\N{BOMB}́",
            "NaN",
            "-Infinity",
            "1e400",
            "-9223372036854775809",
            "9" * 400,
            "2026-11-23T00:00:00",
            "P99999999D",
            "x" * 5000,
        ),
    ),
    "..%2f..%2f..%2fetc%2fpasswd",
    "%ff%fe%00",
    "%ed%a0%80",
    "",
]
NEVER_ENDS = {"/v1/stream"}
GOOD = {"sensor": "bai-chay-pm-1", "quantity": "pm25", "window": "PT1H", "on": "2026-11-23"}


def addresses(document: dict[str, Any]) -> Iterator[str]:
    """Each parameter of each GET with each of TEXTS, the others as they should be."""
    for path, operations in document["paths"].items():
        if "get" not in operations or path in NEVER_ENDS:
            continue
        parameters = operations["get"].get("parameters", [])
        for asked in parameters:
            for text in TEXTS:
                address, query = path, []
                for other in parameters:
                    mine = other is asked
                    if other["in"] == "path":
                        given = text if mine else GOOD.get(other["name"], "bai-chay-pm-1")
                        address = address.replace(f"{{{other['name']}}}", given)
                    elif other["in"] == "query" and (mine or other.get("required")):
                        query.append(
                            f"{quote(other['name'])}={text if mine else GOOD.get(other['name'], '1')}"
                        )
                yield f"{address}?{'&'.join(query)}"


async def test_every_parameter_of_every_address(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    document, key = hub.app.openapi(), hub.key(Role.ADMIN)
    wrong, asked = [], 0
    with caplog.at_level(logging.INFO), capture_logs() as logs:
        async with asking(hub, key) as client:
            for address in addresses(document):
                asked += 1
                answer = await client.get(address)
                bad = answer.status_code >= 400
                if (
                    answer.status_code >= 500
                    or (bad and answer.headers["content-type"] != "application/problem+json")
                    or "x-injected" in answer.headers
                    or "Traceback" in answer.text
                    or "root:" in answer.text
                    or key in answer.text
                ):
                    wrong.append((address[:200], answer.status_code, answer.text[:200]))
    assert not wrong
    assert asked > 1500
    assert sum((await hub.services.store.count(0, 2**53)).values()) == 3 * MINUTES
    secret = key.split("_", 2)[2]
    assert secret not in str(logs) + str([record.getMessage() for record in caplog.records])


VALUES: list[Any] = [
    None,
    True,
    -1,
    2**70,
    1e308,
    "",
    "a\x00b",
    "' OR 1=1 --",
    "../../etc/passwd",
    "x" * 5000,
    "\N{BOMB}" * 100,
    [],
    ["x"] * 1000,
    {},
    {"$gt": ""},
]


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, body): each field of each body with each of VALUES, the others by the operation's own schema."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is None:
                continue
            schema = content["schema"]
            name = schema.get("$ref", "").rpartition("/")[2]
            fields = document["components"]["schemas"][name]["properties"] if name else {}
            address = path.replace("{gateway}", "gw-bai-chay").replace("{", "").replace("}", "")
            for field in fields:
                for value in VALUES:
                    good = {"sensor": "bai-chay-pm-1", "quantity": "pm25", "reason": "x"}
                    good |= {"start": "2026-11-23T00:00:00Z", "end": "2026-11-24T00:00:00Z"}
                    body = {one: given for one, given in good.items() if one in fields}
                    yield method, address, body | {field: value}


async def test_every_field_of_every_body(hub: Hub) -> None:
    document = hub.app.openapi()
    wrong, asked = [], 0
    async with asking(hub, hub.key(Role.OPERATOR)) as client:
        for method, path, body in bodies(document):
            if path.endswith(("/replay", "/retire", "/dismiss")):  # wait for ingest when they are right
                continue
            asked += 1
            answer = await client.request(method, path, content=json.dumps(body))
            if answer.status_code >= 500 or (
                answer.status_code >= 400 and answer.headers["content-type"] != "application/problem+json"
            ):
                wrong.append((method, path, body, answer.status_code, answer.text[:200]))
    assert not wrong
    assert asked > 300


HEADERS = [
    {"Accept": "text/csv;q=abc, ;;;,,,*/*;q=nan"},
    {"Accept": "a/b," * 5000},
    {"If-None-Match": '"' + "x" * 50_000},
    {"If-None-Match": "W/,W/,,*;"},
    {"Range": "bytes=0-,5-1,-99999999999999999999"},
    {"Content-Type": "application/json; charset=utf-7"},
    {"Content-Length": "99999999999999999999"},
    {"Content-Length": "0x10"},
    {"Authorization": "Basic OjpAOg=="},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer " + "hl_" * 30_000},
    {"Authorization": "Bearer hl_000000000000_\xff\xfe"},
    {"X-API-Key": "' OR 1=1 --"},
    {"Cookie": "halong_key=; halong_key=%00; =;;;"},
    {"Host": "evil.example:99999/x?y#z"},
    {"X-Forwarded-For": "127.0.0.1, ::1, \x01", "X-Forwarded-Proto": "javascript"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "x"},
    {"Last-Event-ID": "9" * 10_000},
]


async def test_every_header(hub: Hub) -> None:
    wrong = []
    async with served(hub) as url:
        for headers in HEADERS:
            for path in (
                "/v1/readings?sensor=bai-chay-pm-1&quantity=pm25",
                "/sta/v1.1/Things",
                "/v1/session",
            ):
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                own = "" if "Host" in headers else "Host: hub\r\n"
                head = f"GET {path} HTTP/1.1\r\n{own}{lines}Connection: close\r\n\r\n"
                answer = await raw(url, head.encode("latin-1"), ends=False)
                if not 200 <= int(answer.split(b" ", 2)[1]) < 500 or b"Traceback" in answer:
                    wrong.append((headers, path, answer[:300]))
    assert not wrong


async def raw(url: str, *pieces: bytes, ends: bool = True) -> bytes:
    """What the hub says to these bytes, then nothing more."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if ends:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


HEAD = b"POST /v1/corrections HTTP/1.1\r\nHost: hub\r\nX-API-Key: %b\r\nContent-Type: application/json\r\n"


LIES = [
    (b"Content-Length: 2000000\r\n\r\n", b"[" * 100),
    (b"Transfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b"[" * 65536 + b"\r\n"] * 20, b"0\r\n\r\n"),
    (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\n\r\nGET /v1/keys HTTP/1.1\r\n\r\n",
    ),
    (b"Content-Length: 4\r\nContent-Length: 9\r\n\r\n", b"{}{}{}{}{}"),
    (b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", b"{" * 10),
    (b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nnot hexadecimal\r\n"),
]


async def test_bodies_that_lie_about_themselves(hub: Hub) -> None:
    async with served(hub) as url, httpx.AsyncClient() as client:
        head = HEAD % hub.key(Role.OPERATOR).encode()
        for first, *rest in LIES:
            answer = await raw(url, head + first, *rest)
            answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert not answer or answer.split(b" ", 2)[1].startswith(b"4"), (first, answer[:300])
            assert answer.count(b"HTTP/1.1") <= 1, (first, answer)
            assert (await client.get(f"{url}/healthz")).status_code == 200
    assert not hub.app.state.services.caches.turns.open


ENDLESS = ["/v1/latest?" + "x" * 300_000, "/v1/latest?" + "a=b&" * 50_000, "/" + "a/" * 60_000]


async def test_addresses_without_end(hub: Hub) -> None:
    async with served(hub) as url, httpx.AsyncClient() as client:
        for target in ENDLESS:
            head = f"GET {target} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"
            answer = await raw(url, head.encode())
            assert not answer or answer.split(b" ", 2)[1].startswith(b"4"), answer[:300]
            assert (await client.get(f"{url}/healthz")).status_code == 200


EVENT_IDS = [
    "-1",
    "x" * 5000,
    "life-",
    "life--1",
    "life-9" + "9" * 400,
    "\x01",
    "life-\N{ARABIC-INDIC DIGIT ONE}",
    "', 1",
]


async def test_an_event_id_that_nobody_gave_is_a_reset(hub: Hub) -> None:
    async with served(hub) as url, httpx.AsyncClient(timeout=PATIENCE_S) as client:
        for last_id in EVENT_IDS:
            head = {"Last-Event-ID": last_id.encode("latin-1", "replace")}
            async with client.stream("GET", f"{url}/v1/stream", headers=head) as answer:
                assert answer.status_code == 200
                lines = answer.aiter_lines()
                told = ""
                while not told.startswith("event"):
                    told = await anext(lines)
            assert told == "event: reset", last_id


NONSENSE = ["sensor=%00", "kind=' OR 1", "site=../..", "last_event_id=" + "9" * 5000, "nosuch=1"]


async def test_a_socket_asked_for_nonsense(hub: Hub) -> None:
    """Refused, or told that what was missed is too long ago."""
    async with served(hub) as url:
        for query in NONSENSE:
            end: object = None
            try:
                async with (
                    asyncio.timeout(PATIENCE_S),
                    connect(f"{url.replace('http', 'ws')}/v1/socket?{query}") as socket,
                ):
                    end = json.loads(await socket.recv())["event"]
            except ConnectionClosed as closed:
                end = closed.rcvd.code if closed.rcvd is not None else None
            except InvalidStatus as refused:
                end = refused.response.status_code // 100
            assert end in ("reset", 1008, 4), query


async def test_a_socket_that_is_shouted_at_does_not_mind(hub: Hub) -> None:
    async with served(hub) as url:
        async with connect(f"{url.replace('http', 'ws')}/v1/socket") as socket:
            for said in ("{", "x" * 100_000, b"\x00\xff" * 1000):
                await socket.send(said)
            await socket.ping()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/healthz")).status_code == 200
