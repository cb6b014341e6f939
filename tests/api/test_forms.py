"""The forms of an answer: Parquet, SenML, CSV, GeoJSON; and aggregates of several functions, filled."""

import csv
import io
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from telemetry.senml import resolve
from tests.api.conftest import MINUTES, NOW_MS, Hub
from tests.api.questions import PM

PARQUET = "application/vnd.apache.parquet"


async def fetch(client: httpx.AsyncClient, path: str, accept: str, **query: Any) -> httpx.Response:
    answer = await client.get(path, params=query, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(accept)
    return answer


def rows(answer: httpx.Response, directory: Path) -> list[tuple[Any, ...]]:
    """What another reader finds in a Parquet answer."""
    path = directory / "answer.parquet"
    path.write_bytes(answer.content)
    with duckdb.connect(":memory:") as connection:
        return connection.execute(f"SELECT * FROM '{path}'").fetchall()


async def test_readings_as_parquet(client: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await fetch(client, "/v1/readings", PARQUET, **PM, limit=10)
    found = rows(answer, tmp_path)
    assert len(found) == 10
    page = (await client.get("/v1/readings", params={**PM, "limit": 10})).json()
    assert [row[1] for row in found] == [item["value"] for item in page["items"]]
    assert [row[0].isoformat(timespec="milliseconds") + "Z" for row in found] == [
        item["time"] for item in page["items"]
    ]
    assert answer.headers["x-next-cursor"] == page["next"]


async def test_latest_and_aggregates_as_parquet_and_csv(client: httpx.AsyncClient, tmp_path: Path) -> None:
    found = rows(await fetch(client, "/v1/latest", PARQUET), tmp_path)
    assert [row[:3] for row in found] == [
        ("bai-chay-noise-1", "bai-chay", "noise_laeq"),
        ("bai-chay-noise-1", "bai-chay", "wind_direction"),
        ("bai-chay-pm-1", "bai-chay", "pm25"),
    ]
    table = list(csv.reader(io.StringIO((await fetch(client, "/v1/latest", "text/csv")).text)))
    assert len(table) == 4
    answer = await fetch(client, "/v1/aggregate", PARQUET, **PM, window="PT1H", function=["mean", "max"])
    assert sum(row[-1] for row in rows(answer, tmp_path)) == MINUTES


@pytest.mark.parametrize("path", ["/v1/latest", "/v1/readings"])
async def test_senml_that_any_reader_understands(client: httpx.AsyncClient, path: str) -> None:
    answer = await fetch(client, path, "application/senml+json", **PM)
    records = list(resolve(answer.json()))
    assert records[-1].name == "bai-chay-pm-1/pm25"
    assert (records[-1].value, records[-1].unit, round(records[-1].time * 1000)) == (109.0, "ug/m3", NOW_MS)


async def test_sensors_as_geojson_and_in_a_box(client: httpx.AsyncClient) -> None:
    answer = await fetch(client, "/v1/sensors", "application/geo+json")
    collection = answer.json()
    assert collection["type"] == "FeatureCollection"
    assert [feature["geometry"]["coordinates"] for feature in collection["features"]] == [
        [107.043, 20.953]
    ] * 2
    for box, count in (("107,20,108,21", 2), ("0,0,1,1", 0), ("170,20,108,21", 2), ("108,20,170,21", 0)):
        found = (await client.get("/v1/sensors", params={"bbox": box})).json()["items"]
        assert len(found) == count, box
    for box in ("1,2,3", "a,b,c,d", "0,50,1,40", "200,0,201,1", "nan,0,1,1"):
        assert (await client.get("/v1/sensors", params={"bbox": box})).status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"kind": "air"}, ["bai-chay-pm-1"]),
        ({"kind": "noise"}, ["bai-chay-noise-1"]),
        ({"kind": "traffic"}, []),
        ({"state": "ok"}, ["bai-chay-noise-1", "bai-chay-pm-1"]),
        ({"state": "silent"}, []),
    ],
)
async def test_sensors_by_kind_and_state(
    client: httpx.AsyncClient, query: dict[str, str], found: list[str]
) -> None:
    assert [one["id"] for one in (await client.get("/v1/sensors", params=query)).json()["items"]] == found


async def test_a_form_that_is_not_there_is_refused_by_name_and_passed_over_by_accept(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/v1/latest", params={"format": "xml"})
    assert answer.status_code == 400
    assert "no format 'xml' here" in answer.json()["detail"]
    answer = await client.get(
        "/v1/latest", headers={"Accept": "text/html, text/csv;q=0.4, application/json;q=0.9"}
    )
    assert answer.headers["content-type"] == "application/json"
    assert (
        (await client.get("/v1/latest", params={"format": "csv"}))
        .headers["content-type"]
        .startswith("text/csv")
    )


async def test_several_functions_and_filled_windows(client: httpx.AsyncClient) -> None:
    query = {**PM, "window": "PT30M", "start": NOW_MS - 10_800_000, "end": NOW_MS}
    answer = await client.get("/v1/aggregate", params={**query, "function": ["min", "max"], "fill": "null"})
    items = answer.json()["items"]
    assert [item["value"] for item in items] == [None, None, None, 20.0, 49.0, 79.0]
    assert items[-1]["values"] == {"min": 79.0, "max": 108.0}
    assert len((await client.get("/v1/aggregate", params=query)).json()["items"]) == 3


async def test_a_site_stands_for_its_sensors(client: httpx.AsyncClient) -> None:
    query = {"quantity": "noise_laeq", "window": "PT1H"}
    by_site = (await client.get("/v1/aggregate", params={**query, "site": "bai-chay"})).json()
    by_name = (await client.get("/v1/aggregate", params={**query, "sensor": "bai-chay-noise-1"})).json()
    assert by_site == by_name
    assert by_site["items"]
    for wrong, status in (
        ({}, 400),
        ({"site": "x"}, 404),
        ({"site": "bai-chay", "sensor": "bai-chay-pm-1"}, 400),
    ):
        assert (await client.get("/v1/aggregate", params={**query, **wrong})).status_code == status


async def test_what_would_cost_too_much_is_refused_before_it_is_asked(
    client: httpx.AsyncClient, hub: Hub
) -> None:
    await hub.services.store.close()  # it is not asked
    for query, words in (
        ({"window": "PT1S", "start": "2026-11-01T00:00:00Z"}, "ask for a longer window"),
        (
            {"window": "P1D", "start": "1970-01-01T00:00:00Z", "end": "2200-01-01T00:00:00Z"},
            "ask for a longer window",
        ),
    ):
        answer = await client.get("/v1/aggregate", params={**PM, **query})
        assert answer.status_code == 400
        assert words in answer.json()["detail"]
