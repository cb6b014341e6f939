"""Corrections and invalid periods over the API, as readings, aggregates and the latest show them."""

from dataclasses import replace

import httpx
import pytest

from api.app import create
from storage.view import View
from telemetry.reading import Flag
from tests.api.conftest import MINUTES, NOW_MS, Hub
from tests.api.questions import PM, get

START = NOW_MS - (MINUTES - 1) * 60_000


@pytest.fixture
def client(hub: Hub, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """As the hub puts it together: the store is seen through the book."""
    services = replace(hub.services, store=View(hub.services.store, hub.book))
    transport = httpx.ASGITransport(create(services), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://hub", headers=client.headers)


async def test_a_correction_shows_at_once_and_can_be_taken_back(client: httpx.AsyncClient) -> None:
    asked = {**PM, "factor": 2.0, "offset": 1.0, "start": str(START + 600_000), "reason": "a reference"}
    made = (await client.post("/v1/corrections", json=asked)).json()
    assert (made["form"], made["factor"], made["end"]) == ("linear", 2.0, None)
    assert made["who"].startswith("operator ")
    span = {"start": START, "end": NOW_MS + 1}
    values = [item["value"] for item in (await get(client, "/v1/readings", **PM, **span))["items"]]
    raw = [item["value"] for item in (await get(client, "/v1/readings", **PM, **span, raw=True))["items"]]
    assert values == raw[:10] + [2 * value + 1 for value in raw[10:]]
    (whole,) = (await get(client, "/v1/aggregate", **PM, start=NOW_MS - 60_000, end=NOW_MS, window="PT1M"))[
        "items"
    ]
    assert whole["value"] == 2 * raw[-2] + 1
    assert [item["id"] for item in (await get(client, "/v1/corrections", sensor=PM["sensor"]))["items"]] == [
        1
    ]
    assert (await client.post("/v1/corrections", json=asked)).status_code == 409
    gone = (await client.delete("/v1/corrections/1")).json()
    assert gone["undone"] == "2026-11-23T01:00:00.000Z"
    assert (await get(client, "/v1/corrections"))["items"] == []
    assert len((await get(client, "/v1/corrections", undone=True))["items"]) == 1
    assert [i["value"] for i in (await get(client, "/v1/readings", **PM, **span))["items"]] == raw
    assert (await client.delete("/v1/corrections/1")).status_code == 404


async def test_an_invalid_period_is_flagged_left_out_and_not_complete(client: httpx.AsyncClient) -> None:
    span = {"start": NOW_MS - 1_800_000, "end": NOW_MS}
    before = (await get(client, "/v1/aggregate", **PM, **span, window="PT30M"))["items"][0]
    asked = {
        "sensor": PM["sensor"],
        "start": str(NOW_MS - 1_200_000),
        "end": str(NOW_MS - 600_000),
        "reason": "painters",
    }
    made = (await client.post("/v1/validity", json=asked)).json()
    assert (made["quantity"], made["reason"]) == (None, "painters")
    flags = [item["flags"] for item in (await get(client, "/v1/readings", **PM, **span))["items"]]
    assert [bool(flag & Flag.INVALID) for flag in flags] == [False] * 10 + [True] * 10 + [False] * 10
    after = (await get(client, "/v1/aggregate", **PM, **span, window="PT30M"))["items"][0]
    assert (before["count"], after["count"]) == (30, 20)
    assert (await get(client, "/v1/aggregate", **PM, **span, window="PT30M", raw=True))["items"] == [before]
    (hour,) = (
        await get(
            client,
            "/v1/completeness",
            sensor=PM["sensor"],
            per="range",
            **span | {"start": NOW_MS - 3_600_000},
        )
    )["items"]
    assert (hour["stored"], hour["invalid"]) == (60, 10)
    assert (await client.delete("/v1/validity/1")).json()["undone_by"].startswith("operator ")
    assert (await get(client, "/v1/aggregate", **PM, **span, window="PT30M"))["items"] == [before]
    assert (await get(client, "/v1/validity"))["items"] == []


@pytest.mark.parametrize(
    ("path", "asked", "status", "words"),
    [
        ("/v1/corrections", {**PM, "start": "0"}, 400, "reason: "),
        ("/v1/corrections", {**PM, "start": "0", "reason": "x", "form": "epo"}, 400, "did you mean 'epa'?"),
        ("/v1/corrections", {**PM, "sensor": "x", "start": "0", "reason": "x"}, 404, "no sensor 'x'"),
        ("/v1/corrections", {**PM, "start": "noon", "reason": "x"}, 400, "is no time like"),
        ("/v1/corrections", {**PM, "start": "5", "end": "5", "reason": "x"}, 400, "must end after it starts"),
        ("/v1/validity", {"sensor": PM["sensor"], "start": "0", "reason": ""}, 400, "reason: "),
        ("/v1/validity", {**PM, "quantity": "pm26", "start": "0", "reason": "x"}, 400, "did you mean"),
        ("/v1/validity", {**PM, "start": "5", "end": "4", "reason": "x"}, 400, "must end after it starts"),
    ],
)
async def test_a_mistake_is_one_sentence(
    client: httpx.AsyncClient, path: str, asked: dict[str, str], status: int, words: str
) -> None:
    answer = await client.post(path, json=asked)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
