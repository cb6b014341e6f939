"""The names a question may hold: an unknown one is an error, never an empty answer; a retired sensor's is still known."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from telemetry.messages import Birth
from tests.api.conftest import NOW_MS, SENSORS, SITE, Hub
from tests.api.questions import PM, get, refused

NAMES = {"sensor", "site", "gateway", "quantity", "protocol", "kind", "reason", "family", "severity", "state"}
DEPENDS = {"/v1/stream"}  # an answer without an end: asked in test_live.py
GONE = SENSORS[0].id


def questions(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(path, parameter, query): every parameter of every list that takes a name, with one that nobody has."""
    for path, operations in document["paths"].items():
        if not path.startswith("/v1/") or path in DEPENDS:
            continue
        parameters = operations.get("get", {}).get("parameters", [])
        needed = {one["name"]: PM[one["name"]] for one in parameters if one["required"] and one["name"] in PM}
        for one in parameters:
            if one["in"] == "query" and one["name"] in NAMES:
                address = path.replace("{sensor}", PM["sensor"])
                yield address, one["name"], needed | {one["name"]: "bai-chai"}


async def test_a_name_nobody_has_is_an_error_in_every_list(hub: Hub, client: httpx.AsyncClient) -> None:
    asked = list(questions(hub.app.openapi()))
    assert len(asked) > 30
    for path, name, query in asked:
        answer = await client.get(path, params=query)
        assert answer.status_code in (400, 404), (path, name, answer.text)
        assert name in answer.json()["detail"], (path, name)


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("/v1/sensors", {"gateway": "gw-bai-chai"}, "no gateway 'gw-bai-chai', did you mean 'gw-bai-chay'?"),
        (
            "/v1/sensors",
            {"protocol": "pms5004"},
            "no sensor with protocol 'pms5004', did you mean 'pms5003'?",
        ),
        ("/v1/latest", {"site": "bai-chai"}, "no site 'bai-chai', did you mean 'bai-chay'?"),
        ("/v1/alarms", {"sensor": "gw-bai-chai"}, "no sensor or gateway 'gw-bai-chai', did you mean"),
        ("/v1/quarantine", {"sensor": "bai-chay-pm-2"}, "no sensor 'bai-chay-pm-2', did you mean"),
    ],
)
async def test_the_nearest_name_is_told(
    client: httpx.AsyncClient, path: str, query: dict[str, str], words: str
) -> None:
    assert words in await refused(client, path, 404, **query)


async def test_anomalies_and_alarms_are_of_gateways_and_of_the_hub_too(client: httpx.AsyncClient) -> None:
    for path in ("/v1/anomalies", "/v1/alarms"):
        for name in ("gw-bai-chay", "hub"):
            assert (await get(client, path, sensor=name))["items"] == []


async def test_a_retired_sensor_is_still_known(hub: Hub, client: httpx.AsyncClient) -> None:
    hub.book.register(Birth("gw-bai-chay", SITE, SENSORS[1:], (1, 2), NOW_MS), NOW_MS)
    assert [one["id"] for one in (await get(client, "/v1/sensors"))["items"]] == [SENSORS[1].id]
    assert len((await get(client, "/v1/readings", **PM))["items"]) == 60
    assert len((await get(client, "/v1/aggregate", window="PT1H", **PM))["items"]) == 3
    assert [one["id"] for one in (await get(client, "/v1/aqi", sensor=GONE))["items"]] == [GONE]
    assert (await get(client, "/v1/sensors", protocol="pms5003"))["items"] == []
    for path, found in (("/v1/anomalies", 1), ("/v1/alarms", 0), ("/v1/latest", 1), ("/v1/quarantine", 0)):
        assert len((await get(client, path, sensor=GONE))["items"]) == found, path
    asked = {**PM, "factor": 2.0, "start": str(NOW_MS), "reason": "a reference, afterwards"}
    made = await client.post("/v1/corrections", json=asked)
    assert made.status_code == 200, made.text
    assert (await get(client, "/v1/corrections", sensor=GONE))["items"] == [made.json()]
    declared = await client.post("/v1/validity", json={"sensor": GONE, "start": "0", "reason": "painters"})
    assert declared.status_code == 200, declared.text
    assert "no sensor 'bai-chay-pm-2'" in await refused(
        client, "/v1/corrections", 404, sensor="bai-chay-pm-2"
    )


async def test_a_place_that_only_readings_tell_of_is_known(hub: Hub, client: httpx.AsyncClient) -> None:
    assert hub.book.adopt("hon-gai-pm-1", "gw-2", "hon-gai", "pm25", NOW_MS)
    assert (await get(client, "/v1/latest", site="hon-gai"))["items"] == []
    assert [one["id"] for one in (await get(client, "/v1/sensors", site="hon-gai"))["items"]] == [
        "hon-gai-pm-1"
    ]
    assert (await get(client, "/v1/completeness", gateway="gw-2", by="gateway"))["items"] == []
