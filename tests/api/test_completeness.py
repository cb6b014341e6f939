"""The ledger over the API: groups, spans, mistakes. What its figures are is tested beside the ledger."""

import httpx
import pytest

from storage.commands import Commands
from tests.api.conftest import MINUTES, NOW_MS, Hub

HOUR_MS = 3_600_000


async def test_it_is_grouped_by_place_and_time(client: httpx.AsyncClient) -> None:
    span = {"start": NOW_MS - 2 * HOUR_MS, "end": NOW_MS + HOUR_MS}
    for by, names in (
        ("city", [None]),
        ("site", ["bai-chay"]),
        ("gateway", ["gw-bai-chay"]),
        ("sensor", ["bai-chay-noise-1", "bai-chay-pm-1"]),
    ):
        answer = (await client.get("/v1/completeness", params={**span, "by": by, "per": "range"})).json()
        assert [item.get(by) for item in answer["items"]] == names
        assert sum(item["stored"] for item in answer["items"]) == 3 * MINUTES
        assert all(item["t"] == NOW_MS - 2 * HOUR_MS for item in answer["items"])
    days = (await client.get("/v1/completeness", params={**span, "by": "city", "per": "day"})).json()["items"]
    assert [item["start"] for item in days] == ["2026-11-22T17:00:00.000Z"]  # midnight in Hạ Long
    hours = (await client.get("/v1/completeness", params={**span, "sensor": "bai-chay-pm-1"})).json()["items"]
    assert [item["stored"] for item in hours] == [29, 60, 1]
    assert {item["gateway"] for item in hours} == {"gw-bai-chay"}


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"start": NOW_MS - 40 * 24 * HOUR_MS}, 400, "at most 31 days at once"),
        ({"sensor": "bai-chay-pm-9"}, 404, "did you mean 'bai-chay-pm-1'?"),
        ({"by": "street"}, 400, "by: "),
    ],
)
async def test_a_mistake_is_one_sentence(
    client: httpx.AsyncClient, query: dict[str, str], status: int, words: str
) -> None:
    answer = await client.get("/v1/completeness", params=query)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


async def test_a_gateway_is_retired_by_a_command(client: httpx.AsyncClient, hub: Hub) -> None:
    order = {"since": "2026-11-23T07:30:00+07:00"}
    answer = await client.post("/v1/gateways/gw-1/retire", params={"wait_s": 0}, json=order)
    assert answer.status_code == 202
    (row,) = Commands(hub.book).waiting(["retire"])
    assert row.content == {"gateway": "gw-1", "at_ms": NOW_MS - 1_800_000, "who": row.who}
    assert row.who.startswith("operator ")
