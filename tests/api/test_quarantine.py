"""The quarantine over the API: filters, pages, and commands that ingest takes up."""

from typing import Any

import httpx
import pytest

from storage.commands import Commands
from storage.quarantine import Outcome, Quarantine, Replay
from telemetry.quarantine import Quarantined, Reason
from tests.api.conftest import NOW_MS, Hub

READING = Quarantined(Reason.NOT_OWNER, "?", "halong/v1/up/1/gw-2/a/1", "gw-2", "pm-1", b'{"n":"pm-1/pm25"}')


async def items(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/quarantine", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_entries_are_found_by_what_is_known_of_them(client: httpx.AsyncClient, hub: Hub) -> None:
    hub.book.quarantine([READING], NOW_MS + 60_000)
    assert [item["reason"] for item in await items(client)] == ["not owner", "undecodable"]
    for query in ({"reason": "not owner"}, {"gateway": "gw-2"}, {"sensor": "pm-1"}, {"start": NOW_MS + 1}):
        assert [item["sensor"] for item in await items(client, **query)] == ["pm-1"], query
    assert [item["reason"] for item in await items(client, end=NOW_MS + 1)] == ["undecodable"]
    newest = await items(client, limit=1)
    assert [item["id"] for item in await items(client, cursor=newest[0]["id"])] == [newest[0]["id"] - 1]
    with hub.book.writing() as database:
        replay = Replay(NOW_MS + 60_000, Outcome.STORED, "1 stored")
        Quarantine(database).settle(newest[0]["id"], replay)
    assert [item["reason"] for item in await items(client, state="open")] == ["undecodable"]
    (settled,) = await items(client, state="settled")
    assert settled["replay"] == {"at": "2026-11-23T01:01:00.000Z", "outcome": "stored", "detail": "1 stored"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"reason": "not ownr"}, "did you mean 'not owner'?"),
        ({"cursor": "x"}, "cursor 'x' is not one that this API gave"),
        ({"state": "shut"}, "state: "),
        ({"limit": 0}, "limit: "),
    ],
)
async def test_a_mistake_is_one_sentence(client: httpx.AsyncClient, query: Any, words: str) -> None:
    answer = await client.get("/v1/quarantine", params=query)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


async def test_a_replay_is_written_down_and_its_result_can_be_fetched(
    client: httpx.AsyncClient, hub: Hub
) -> None:
    order = {"reason": "not owner", "accept": ["not owner"]}
    answer = await client.post("/v1/quarantine/replay", params={"wait_s": 0}, json=order)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    (row,) = Commands(hub.book).waiting(["replay"])
    assert row.content == {"wanted": {"reason": "not owner"}, "accept": ["not owner"]}
    where = answer.headers["Location"]
    Commands(hub.book).finish(row.id, {"stored": 3}, NOW_MS + 5)
    told = (await client.get(where)).json()
    assert (told["state"], told["result"], told["done"]) == (
        "done",
        {"stored": 3},
        "2026-11-23T01:00:00.005Z",
    )
    assert (await client.get("/v1/commands/77")).status_code == 404


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({}, "say which entries"),
        ({"ids": [0]}, "greater than or equal to 1"),
        ({"ids": [1], "all": True}, "all: Extra inputs are not permitted"),
        ({"sensor": "pm-1", "accept": ["everything"]}, "unknown reason 'everything'"),
    ],
)
async def test_an_unclear_replay_is_refused(
    client: httpx.AsyncClient, hub: Hub, order: Any, words: str
) -> None:
    answer = await client.post("/v1/quarantine/replay", json=order)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert Commands(hub.book).waiting(["replay"]) == []


async def test_what_will_never_be_stored_is_dismissed(client: httpx.AsyncClient, hub: Hub) -> None:
    hub.book.quarantine([READING], NOW_MS)
    (entry,) = await items(client, reason="not owner")
    order = {"ids": [entry["id"], 999], "note": "on the bench"}
    answer = await client.post("/v1/quarantine/dismiss", json=order)
    assert (answer.status_code, answer.json()) == (200, {"dismissed": 1})
    (settled,) = await items(client, state="settled")
    assert settled["replay"]["outcome"] == "dismissed"
    assert settled["replay"]["detail"].startswith("on the bench (operator ")
    with hub.book.reading() as database:
        assert sum(Quarantine(database).readings(0, NOW_MS * 2).values()) == 1  # the ledger still counts it
    hub.book.quarantine([READING], NOW_MS + 1)
    assert [item["sensor"] for item in await items(client, state="open")] == ["pm-1", ""]
    assert (await client.post("/v1/quarantine/dismiss", json={"ids": [], "note": "x"})).status_code == 400
