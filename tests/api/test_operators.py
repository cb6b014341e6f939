"""What operators do: take note of an anomaly, comment it; and traffic, as they see it."""

import json
from typing import Any

import httpx
import pytest

from api.examples import _EXAMPLES
from storage.keys import Role
from storage.notes import NOTES_MAX
from storage.store import Columns
from telemetry.anomaly import AnomalyKind
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.reading import Reading
from tests.api.conftest import NOW_MS, Hub, anomaly, asking

SPIKE = anomaly(AnomalyKind.SPIKE, NOW_MS - 600_000).id


async def test_an_anomaly_is_acknowledged_and_commented(client: httpx.AsyncClient, hub: Hub) -> None:
    path = f"/v1/anomalies/{SPIKE}"
    assert (await client.get(path)).json()["acknowledged"] is None
    done = await client.post(f"{path}/comments", json={"comment": " Looks like a bonfire "})
    assert done.json()["acknowledged"] is None
    done = await client.post(f"{path}/acknowledge", json={"comment": "Sent a technician"})
    assert done.status_code == 200
    assert done.json()["acknowledged"] == {
        "time": "2026-11-23T01:00:00.000Z",
        "who": "operator 0 (000000000000)",
    }
    async with asking(hub, hub.key(Role.OPERATOR)) as second:
        later = (await second.post(f"{path}/acknowledge")).json()
    assert later["acknowledged"] == done.json()["acknowledged"]
    assert [(note["acknowledges"], note["comment"]) for note in later["comments"]] == [
        (False, "Looks like a bonfire"),
        (True, "Sent a technician"),
        (True, ""),
    ]
    (item,) = (await client.get("/v1/anomalies")).json()["items"]
    assert item["acknowledged"] == later["acknowledged"]
    (event,) = hub.feed.flush()
    assert (event.kind, json.loads(event.data)[0]["id"]) == ("anomaly", SPIKE)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/anomalies/nothing/acknowledge", {}, 404),
        (f"/v1/anomalies/{SPIKE}/comments", {}, 400),
        (f"/v1/anomalies/{SPIKE}/comments", {"comment": ""}, 400),
        (f"/v1/anomalies/{SPIKE}/comments", {"comment": "x" * 1001}, 400),
        (f"/v1/anomalies/{SPIKE}/acknowledge", {"end": True}, 400),
        (f"/v1/anomalies/{SPIKE}/acknowledge", [], 400),
    ],
)
async def test_what_cannot_be_noted(client: httpx.AsyncClient, path: str, body: Any, status: int) -> None:
    answer = await client.post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_the_notes_of_an_anomaly_are_bounded(client: httpx.AsyncClient) -> None:
    for _ in range(NOTES_MAX):
        assert (await client.post(f"/v1/anomalies/{SPIKE}/acknowledge")).status_code == 200
    answer = await client.post(f"/v1/anomalies/{SPIKE}/acknowledge")
    assert answer.status_code == 409


async def test_a_viewer_may_not(hub: Hub) -> None:
    async with asking(hub, hub.key(Role.VIEWER)) as viewer:
        assert (await viewer.post(f"/v1/anomalies/{SPIKE}/acknowledge")).status_code == 403
    async with asking(hub, hub.key(Role.OPERATOR, "hon-gai")) as elsewhere:
        assert (await elsewhere.post(f"/v1/anomalies/{SPIKE}/acknowledge")).status_code == 404


async def test_anomalies_page_by_page(client: httpx.AsyncClient, hub: Hub) -> None:
    for minute in range(5):
        hub.book.put_anomaly(anomaly(AnomalyKind.STUCK, NOW_MS + minute * 60_000))
    found: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    while True:
        page = (await client.get("/v1/anomalies", params=query)).json()
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert len(found) == len(set(found)) == 6


async def test_traffic_of_a_site(client: httpx.AsyncClient, hub: Hub) -> None:
    road = Site("ha-long-road", "Đường Hạ Long", 20.95, 107.05)
    radar = Sensor("radar-1", "ops243", ("vehicle_speed",), 0.0)
    loop = Sensor("loop-1", "wavetronix", ("vehicle_count", "occupancy"), 60.0)
    hub.book.register(Birth("gw-3", road, (radar, loop), (1, 1), NOW_MS), NOW_MS)
    columns = Columns()
    for minute in range(10):
        at = NOW_MS - 600_000 + minute * 60_000
        columns.append(road.id, Reading("loop-1", "vehicle_count", at, 6.0), 0, None)
        columns.append(road.id, Reading("loop-1", "occupancy", at, 10.0 + minute), 0, None)
        for car in range(2):
            columns.append(
                road.id, Reading("radar-1", "vehicle_speed", at + car, 30.0 + 2 * minute + car), 0, None
            )
    await hub.services.store.write(columns)
    (item,) = (await client.get("/v1/traffic")).json()["items"]
    assert item.keys() == _EXAMPLES["traffic"]["items"][0].keys()
    assert (item["site"], item["name"], item["sensors"]) == ("ha-long-road", "Đường Hạ Long", 2)
    assert (item["vehicles"], item["occupancy"]) == (60, 14.5)
    assert item["flow"] == pytest.approx(240, abs=0.1)
    assert (item["speed"], item["speed_p85"], item["p85_from"]) == (39.5, 46.0, "readings")
    assert (await client.get("/v1/traffic", params={"site": "bai-chay"})).json()["items"] == []
    assert (await client.get("/v1/traffic", params={"start": 0})).status_code == 400
    assert [
        one["id"] for one in (await client.get("/v1/sensors", params={"kind": "traffic"})).json()["items"]
    ] == [
        "loop-1",
        "radar-1",
    ]
