"""The door: who may read and change what, where it is open, how often, and what is kept of it."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.gate import BODY_BYTES, Access
from api.identity import COOKIE
from storage.keys import Keys, Role
from telemetry.anomaly import AnomalyKind
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.reading import Reading
from tests.api.conftest import NOW_MS, Hub, anomaly, asking, served

CLOSED = Access(open_reading=False)
OPEN_PATHS = ["/", "/page/page.css", "/healthz", "/readyz", "/docs", "/openapi.json", "/v1/session"]
READ_PATHS = [
    "/v1/sensors",
    "/v1/latest",
    "/v1/overview",
    "/v1/quarantine",
    "/v1/stream",
    "/metrics",
    "/nothing",
]


def refusal(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


@pytest.mark.parametrize("path", OPEN_PATHS)
async def test_what_tells_nothing_of_the_city_is_open(hub: Hub, path: str) -> None:
    async with asking(hub.with_access(CLOSED)) as client:
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("path", READ_PATHS)
async def test_without_a_key_nothing_is_read_where_reading_is_closed(hub: Hub, path: str) -> None:
    async with asking(hub.with_access(CLOSED)) as client:
        answer = await client.get(path)
    assert "a key is needed" in refusal(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("way", ["bearer", "header", "cookie"])
async def test_a_key_comes_in_three_ways(hub: Hub, way: str) -> None:
    key = hub.key(Role.VIEWER)
    headers = {
        "bearer": {"Authorization": f"Bearer {key}"},
        "header": {"X-API-Key": key},
        "cookie": {"Cookie": f"other=1; {COOKIE}={key}"},
    }[way]
    async with asking(hub.with_access(CLOSED)) as client:
        assert (await client.get("/v1/latest", headers=headers)).status_code == 200
        assert (await client.get("/v1/session", headers=headers)).json()["role"] == "viewer"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "hl_" + "0" * 12 + "_" + "A" * 43,
        "' OR 1=1 --",
        "hl_" + "0" * 12 + "_" + "Å" * 43,
        "a" * 5000,
    ],
)
async def test_a_bad_key_is_no_key(hub: Hub, key: str) -> None:
    hub.key(Role.ADMIN)
    async with asking(hub.with_access(CLOSED)) as client:
        refusal(await client.get("/v1/latest", headers={"X-API-Key": key.encode("utf-8")}), 401)


async def test_a_wrong_key_is_refused_even_where_reading_is_open(hub: Hub) -> None:
    async with asking(hub, "nonsense") as client:
        assert "not known here" in refusal(await client.get("/v1/latest"), 401)


async def test_a_key_ends_when_it_is_revoked_or_expires(hub: Hub) -> None:
    closed = hub.with_access(CLOSED)
    key, late = hub.key(Role.VIEWER), hub.key(Role.VIEWER, expires_ms=NOW_MS)
    async with asking(closed, late) as client:
        refusal(await client.get("/v1/latest"), 401)
    async with asking(closed, key) as client:
        assert (await client.get("/v1/latest")).status_code == 200
        Keys(hub.book).revoke(key.split("_")[1], "test", NOW_MS)
        refusal(await client.get("/v1/latest"), 401)


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        (None, "GET", "/v1/latest", 200),
        (None, "GET", "/v1/keys", 401),
        (None, "POST", "/v1/sensors", 401),
        (Role.VIEWER, "GET", "/v1/latest", 200),
        (Role.VIEWER, "POST", "/v1/sensors", 403),
        (Role.VIEWER, "GET", "/v1/audit", 403),
        (Role.OPERATOR, "POST", "/v1/sensors", 405),
        (Role.OPERATOR, "GET", "/v1/keys", 403),
        (Role.OPERATOR, "DELETE", "/v1/keys/0123", 403),
        (Role.ADMIN, "GET", "/v1/keys", 200),
        (Role.ADMIN, "GET", "/v1/audit", 200),
        (Role.ADMIN, "DELETE", "/v1/keys/0123", 404),
    ],
)
async def test_a_role_may_do_so_much(
    hub: Hub, role: Role | None, method: str, path: str, status: int
) -> None:
    async with asking(hub, hub.key(role) if role else None) as client:
        assert (await client.request(method, path)).status_code == status


async def test_a_key_of_some_sites_sees_only_those(hub: Hub) -> None:
    other = Site("hon-gai", "Hòn Gai", 20.95, 107.08)
    hub.book.register(
        Birth("gw-2", other, (Sensor("hon-gai-pm-1", "pms5003", ("pm25",), 1.0),), (1, 1), NOW_MS), NOW_MS
    )
    hub.feed.stored([("hon-gai", Reading("hon-gai-pm-1", "pm25", NOW_MS, 9.0))])
    hub.book.put_anomaly(anomaly(AnomalyKind.STUCK, NOW_MS))  # at bai-chay
    async with asking(hub.with_access(CLOSED), hub.key(Role.VIEWER, "hon-gai")) as client:

        async def seen(path: str, **query: str) -> list[dict[str, Any]]:
            answer = await client.get(path, params=query)
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["items"]
            return found

        assert [one["id"] for one in await seen("/v1/sensors")] == ["hon-gai-pm-1"]
        assert [one["id"] for one in await seen("/v1/sites")] == ["hon-gai"]
        assert [one["id"] for one in await seen("/v1/gateways")] == ["gw-2"]
        assert [one["sensor"] for one in await seen("/v1/latest")] == ["hon-gai-pm-1"]
        assert [one["id"] for one in await seen("/v1/aqi")] == ["hon-gai"]
        assert await seen("/v1/anomalies") == []
        overview = (await client.get("/v1/overview")).json()
        assert "bai-chay" not in json.dumps(overview)
        for path in ("/v1/readings", "/v1/aggregate"):
            query = {"sensor": "bai-chay-pm-1", "quantity": "pm25"}
            assert "no sensor" in refusal(await client.get(path, params=query), 404)
        refusal(await client.get("/v1/stream", params={"site": "bai-chay"}), 404)
        assert "limited to hon-gai" in refusal(await client.get("/v1/quarantine"), 403)
        assert (await client.get("/v1/session")).json()["sites"] == ["hon-gai"]


async def test_the_page_logs_in_and_keeps_a_cookie_that_scripts_cannot_read(hub: Hub) -> None:
    key = hub.key(Role.OPERATOR)
    async with asking(hub.with_access(CLOSED)) as client:
        assert (await client.get("/v1/session")).json() == {
            "name": None,
            "role": None,
            "sites": None,
            "reading": "key",
        }
        assert "not known here" in refusal(await client.post("/v1/session", json={"key": "wrong"}), 401)
        answer = await client.post("/v1/session", json={"key": key})
        assert answer.json()["role"] == "operator"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await client.get("/v1/latest")).status_code == 200
        assert (await client.delete("/v1/session")).status_code == 204
        refusal(await client.get("/v1/latest"), 401)


async def test_another_sites_page_may_not_use_the_cookie(hub: Hub) -> None:
    cookie = {"Cookie": f"{COOKIE}={hub.key(Role.ADMIN)}"}
    async with asking(hub) as client:
        for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await client.delete("/v1/keys/0123", headers={**cookie, **header})
            assert "another site" in refusal(answer, 403)
        answer = await client.delete("/v1/keys/0123", headers={**cookie, "Origin": "http://hub"})
        refusal(answer, 404)


async def test_every_change_is_recorded_and_nothing_of_a_secret_is_kept(hub: Hub) -> None:
    admin, viewer = hub.key(Role.ADMIN), hub.key(Role.VIEWER)
    key_id = viewer.split("_")[1]
    with capture_logs() as logs:
        async with asking(hub, admin) as client:
            await client.post("/v1/session", json={"key": viewer})
            assert (await client.delete(f"/v1/keys/{key_id}")).status_code == 204
            refusal(await client.delete(f"/v1/keys/{key_id}"), 404)
            client.cookies.clear()
            rows = (await client.get("/v1/audit")).json()["items"]
            first = (await client.get("/v1/audit", params={"limit": 1})).json()
            rest = (await client.get("/v1/audit", params={"cursor": first["next"]})).json()["items"]
    assert [(row["who"].split(" (")[0], row["action"], row["target"]) for row in rows] == [
        ("admin 0", "DELETE", f"/v1/keys/{key_id}"),
        ("admin 0", "key revoke", key_id),
        ("viewer 1", "POST", "/v1/session"),
        ("test", "key create", key_id),
        ("test", "key create", admin.split("_")[1]),
    ]
    assert rest == rows[1:]
    for secret in (admin.split("_")[2], viewer.split("_")[2]):
        assert secret not in json.dumps(rows)
        assert secret not in str(logs)
        assert secret.encode() not in b"".join(
            path.read_bytes() for path in hub.book._path.parent.glob("book.sqlite*")
        )


async def test_a_key_has_so_many_requests_a_minute(hub: Hub) -> None:
    limited = hub.with_access(Access(open_reading=False, per_minute=3))
    one, other = hub.key(Role.VIEWER), hub.key(Role.VIEWER)
    async with asking(limited, one) as client:
        for left in (2, 1, 0):
            answer = await client.get("/v1/quantities")
            assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (200, str(left))
        answer = await client.get("/v1/quantities")
        assert "too many requests: 3 a minute" in refusal(answer, 429)
        assert (answer.headers["retry-after"], answer.headers["ratelimit-limit"]) == ("20", "3")
    async with asking(limited, other) as client:
        assert (await client.get("/v1/quantities")).status_code == 200


async def test_without_a_key_an_address_is_limited_but_this_machine_is_not(hub: Hub) -> None:
    limited = hub.with_access(Access(per_minute=1))
    async with asking(limited, host="10.0.0.9") as client:
        assert (await client.get("/v1/quantities")).status_code == 200
        refusal(await client.get("/v1/quantities"), 429)
    async with asking(limited) as client:
        for _ in range(5):
            assert (await client.get("/v1/quantities")).status_code == 200


async def test_what_has_not_changed_is_not_sent_again(hub: Hub) -> None:
    async with asking(hub) as client:
        first = await client.get("/v1/sensors")
        assert first.headers["cache-control"] == "private, no-cache"
        again = await client.get("/v1/sensors", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        hub.book.put_anomaly(anomaly(AnomalyKind.SILENCE, NOW_MS))
        later = await client.get("/v1/sensors", headers={"If-None-Match": first.headers["etag"]})
        assert later.status_code == 200
        assert later.headers["etag"] != first.headers["etag"]


async def test_other_origins_only_when_they_are_named(hub: Hub) -> None:
    origin = {"Origin": "https://dashboard.example"}
    async with asking(hub) as client:
        assert "access-control-allow-origin" not in (await client.get("/v1/sites", headers=origin)).headers
    named = hub.with_access(Access(open_reading=False, origins=("https://dashboard.example",)))
    async with asking(named) as client:
        asked = {
            **origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "Authorization",
        }
        answer = await client.options("/v1/sites", headers=asked)
        assert answer.headers["access-control-allow-origin"] == "https://dashboard.example"
        answer = await client.get("/v1/sites", headers=origin)
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == "https://dashboard.example"
        evil = await client.get("/v1/sites", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in evil.headers


async def test_a_body_that_is_too_long_is_refused(hub: Hub) -> None:
    async with asking(hub) as client:
        answer = await client.post("/v1/session", content=b"x" * (BODY_BYTES + 1))
        refusal(answer, 413)
        answer = await client.post("/v1/session", headers={"Content-Length": "9" * 500})
        refusal(answer, 413)

        async def endless() -> Any:
            for _ in range(40):
                yield b"x" * 65_536

        answer = await client.post("/v1/session", content=endless())
        refusal(answer, 400)


async def test_a_key_that_ends_takes_its_open_streams_with_it(hub: Hub) -> None:
    key = hub.key(Role.VIEWER)
    closed = hub.with_access(CLOSED)
    async with served(closed) as url:
        address = url.replace("http", "ws") + "/v1/socket"
        async with connect(address, additional_headers={"X-API-Key": key}) as socket:
            async with asyncio.timeout(20):
                while not hub.feed.listeners:
                    await asyncio.sleep(0.01)
            Keys(hub.book).revoke(key.split("_")[1], "test", NOW_MS)
            hub.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 1, 1.0))])
            with pytest.raises(ConnectionClosed) as ended:
                async with asyncio.timeout(20):
                    await socket.recv()
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1008


async def test_the_socket_has_the_same_door(hub: Hub) -> None:
    key = hub.key(Role.VIEWER)
    async with served(hub.with_access(CLOSED)) as url:
        address = url.replace("http", "ws") + "/v1/socket"
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with connect(address) as socket:
                await socket.recv()
        async with connect(address, additional_headers={"X-API-Key": key}) as socket:
            await socket.ping()
        async with connect(address, additional_headers={"Cookie": f"{COOKIE}={key}"}) as socket:
            await socket.ping()
