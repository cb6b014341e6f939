"""Alarms over the API: listed, looked after, muted; work announced; each within what a key may see."""

from typing import Any

import httpx
import pytest

from api.examples import _EXAMPLES
from storage import alarms as page
from storage.keys import Role
from telemetry.alarm import AlarmFamily, AlarmState
from telemetry.anomaly import AnomalyKind, Severity
from telemetry.inventory import Site
from telemetry.messages import Birth
from tests.api.conftest import NOW_MS, Hub, alarm, anomaly, asking

SPIKE = anomaly(AnomalyKind.SPIKE, NOW_MS - 600_000)


HERE = alarm("a1")
HEALTH = alarm(
    "a2",
    family=AlarmFamily.HEALTH,
    severity=Severity.CRITICAL,
    state=AlarmState.CLOSED,
    start_ms=NOW_MS - 9_000_000,
    end_ms=NOW_MS - 8_000_000,
    sensors=("gw-hon-gai",),
    site="hon-gai",
    acknowledged_ms=NOW_MS - 8_500_000,
    acknowledged_by="Lan",
)


@pytest.fixture(autouse=True)
def alarms(hub: Hub) -> None:
    site = Site("hon-gai", "Hòn Gai", 20.95, 107.08)
    hub.book.register(Birth("gw-hon-gai", site, (), (1, 1), NOW_MS), NOW_MS)
    with hub.book.writing() as database:
        page.put(database, [HERE, HEALTH])


async def ids(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/v1/alarms", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


async def test_alarms_are_listed_by_what_one_asks_for(client: httpx.AsyncClient) -> None:
    assert await ids(client) == ["a1", "a2"]
    assert await ids(client, state="open") == ["a1"]
    assert await ids(client, state=["open", "closed"]) == ["a1", "a2"]
    assert await ids(client, family="health") == ["a2"]
    assert await ids(client, severity="warning") == ["a1"]
    assert await ids(client, site="hon-gai") == ["a2"]
    assert await ids(client, sensor="bai-chay-noise-1") == ["a1"]
    assert await ids(client, end=NOW_MS - 8_500_000) == ["a2"]
    assert await ids(client, start=NOW_MS - 7_000_000) == ["a1"]
    first = (await client.get("/v1/alarms", params={"limit": 1})).json()
    assert await ids(client, limit=1, cursor=first["next"]) == ["a2"]
    assert (await client.get("/v1/alarms", params={"state": "loud"})).status_code == 400


async def test_examples_are_true_to_life(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/alarms")).json()["items"][0].keys() == _EXAMPLES["alarm"].keys() - {
        "comments"
    }
    assert (await client.get("/v1/alarms/a1")).json().keys() == _EXAMPLES["alarm"].keys()


async def test_somebody_looks_after_it_and_says_so(client: httpx.AsyncClient) -> None:
    done = (await client.post("/v1/alarms/a1/acknowledge", json={"comment": "I go"})).json()
    assert (done["state"], done["acknowledged"]["who"]) == ("acknowledged", "operator 0 (000000000000)")
    said = (await client.post("/v1/alarms/a1/comments", json={"comment": "A bonfire"})).json()
    assert [(one["acknowledges"], one["comment"]) for one in said["comments"]] == [
        (True, "I go"),
        (False, "A bonfire"),
    ]
    closed = (await client.get("/v1/alarms/a2")).json()
    assert (closed["state"], closed["acknowledged"]["who"]) == ("closed", "Lan")


async def test_a_false_alarm_mutes_its_patterns_until_that_is_taken_back(client: httpx.AsyncClient) -> None:
    done = await client.post(
        "/v1/alarms/a1/mute", json={"verdict": "known works", "hours": 2, "reason": "they dig"}
    )
    (mute,) = done.json()["items"]
    assert mute.keys() == _EXAMPLES["mute"].keys()
    assert (mute["sensor"], mute["quantity"], mute["kind"]) == (SPIKE.sensor, SPIKE.quantity, "spike")
    assert mute["until"] == "2026-11-23T03:00:00.000Z"
    assert (await client.get("/v1/mutes")).json()["items"] == [mute]
    back = (await client.delete(f"/v1/mutes/{mute['id']}")).json()
    assert back["ended_by"] == "operator 0 (000000000000)"
    assert (await client.delete(f"/v1/mutes/{mute['id']}")).status_code == 404
    assert (await client.get("/v1/mutes")).json()["items"] == []
    assert (await client.get("/v1/mutes", params={"ended": True})).json()["items"] == [back]


async def test_a_pattern_of_a_gateway_can_be_muted_too(client: httpx.AsyncClient) -> None:
    done = await client.post("/v1/mutes", json={"sensor": "gw-bai-chay", "kind": "gateway", "hours": 1})
    assert (done.status_code, done.json()["verdict"]) == (200, "other")


WORK = {
    "site": "bai-chay",
    "start": "2026-11-23T02:00:00Z",
    "end": "2026-11-23T05:00:00Z",
    "reason": "filters",
}


async def test_work_is_announced_and_done(client: httpx.AsyncClient) -> None:
    work = (await client.post("/v1/maintenance", json=WORK)).json()
    assert work.keys() == _EXAMPLES["work"].keys()
    assert (await client.get("/v1/maintenance")).json()["items"] == [work]
    done = (await client.delete(f"/v1/maintenance/{work['id']}")).json()
    assert done["ended"] == "2026-11-23T01:00:00.000Z"
    assert (await client.get("/v1/maintenance")).json()["items"] == []
    sensor = {**WORK, "site": None, "sensor": "bai-chay-pm-1"}
    assert (await client.post("/v1/maintenance", json=sensor)).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/alarms/nothing/acknowledge", {}, 404),
        ("/v1/alarms/a1/comments", {}, 400),
        ("/v1/alarms/a1/mute", {"verdict": "boring"}, 400),
        ("/v1/alarms/a1/mute", {"verdict": "false", "hours": 0}, 400),
        ("/v1/mutes", {"sensor": "bai-chay-pm-9"}, 404),
        ("/v1/mutes", {"sensor": "bai-chay-pm-1", "quantity": "pm3"}, 400),
        ("/v1/maintenance", {**WORK, "site": None}, 400),
        ("/v1/maintenance", {**WORK, "sensor": "bai-chay-pm-1"}, 400),
        ("/v1/maintenance", {**WORK, "site": "hanoi"}, 404),
        ("/v1/maintenance", {**WORK, "end": "2026-11-23T02:00:00Z"}, 400),
        ("/v1/maintenance", {**WORK, "start": "2026-11-20T02:00:00Z", "end": "2026-11-21T02:00:00Z"}, 400),
        ("/v1/maintenance", {**WORK, "reason": ""}, 400),
    ],
)
async def test_what_cannot_be(client: httpx.AsyncClient, path: str, body: Any, status: int) -> None:
    answer = await client.post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_a_key_sees_and_changes_what_is_its_own(hub: Hub) -> None:
    async with asking(hub, hub.key(Role.OPERATOR, "bai-chay")) as limited:
        assert await ids(limited) == ["a1"]
        assert (await limited.get("/v1/alarms/a2")).status_code == 404
        assert (await limited.post("/v1/alarms/a1/acknowledge")).status_code == 200
        assert (await limited.get("/v1/mutes")).status_code == 403
    async with asking(hub, hub.key(Role.VIEWER)) as viewer:
        assert await ids(viewer) == ["a1", "a2"]
        for path in ("alarms/a1/acknowledge", "alarms/a1/comments", "alarms/a1/mute", "mutes", "maintenance"):
            assert (await viewer.post(f"/v1/{path}", json={})).status_code == 403
