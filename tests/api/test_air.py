"""VN_AQI over the API: of readings in the store, by the rules of telemetry.aqi."""

from typing import Any

import httpx
import pytest

from storage.store import Columns
from telemetry import aqi
from telemetry.reading import Reading
from tests.api.conftest import NOW_MS, SITE, Hub

HOUR_MS = 3_600_000
SENSOR = "bai-chay-pm-1"


async def fill(hub: Hub, hours: dict[int, float]) -> None:
    """Four readings in each of these hours before now, besides the ninety minutes that are there."""
    columns = Columns()
    for age, mean in hours.items():
        for quarter in range(4):
            at = NOW_MS - age * HOUR_MS - HOUR_MS + quarter * 900_000
            columns.append(SITE.id, Reading(SENSOR, "pm25", at, mean + quarter - 1.5), 0, None)
    await hub.services.store.write(columns)


async def items(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_the_air_now_is_nowcast_over_the_hours_before(client: httpx.AsyncClient, hub: Hub) -> None:
    await fill(hub, {2: 40.0, 3: 20.0})
    (item,) = await items(client, "/v1/aqi")
    # 20 + minute, the last 60 of 90 but the one at the very end.
    newest = sum(49.0 + n for n in range(60)) / 60
    before = sum(20.0 + n for n in range(29)) / 29
    expected = aqi.nowcast([newest, before, 40.0, 20.0])
    assert expected is not None
    assert item["concentrations"] == {"pm25": round(expected, 2)}
    assert item["vn_aqi"] == aqi.index(aqi.Pollutant.PM25, expected)
    assert (item["id"], item["name"], item["main"]) == ("bai-chay", "Bãi Cháy", "pm25")
    assert item["hours"] == {"pm25": [0, 1, 2, 3]}
    assert item["complete"] is False
    assert (item["start"], item["end"]) == ("2026-11-23T00:00:00.000Z", "2026-11-23T01:00:00.000Z")


async def test_without_two_of_three_hours_it_says_why_there_is_none(client: httpx.AsyncClient) -> None:
    (item,) = await items(client, "/v1/aqi/hour", at=NOW_MS - 2 * HOUR_MS)
    assert (item["vn_aqi"], item["band"]) == (None, None)
    assert item["reason"] == "two of the newest three hourly means of PM2.5 or PM10 are needed"


@pytest.mark.parametrize("by", ["site", "sensor", "city"])
async def test_a_day_says_how_many_hours_it_stands_on(client: httpx.AsyncClient, hub: Hub, by: str) -> None:
    await fill(hub, dict.fromkeys(range(2, 8), 50.0))
    (item,) = await items(client, "/v1/aqi/day", by=by)
    assert item["start"] == "2026-11-22T17:00:00.000Z"
    assert (item["hours"], item["complete"], item["kind"]) == (9, False, by)
    assert item["reason"] == "9 of 24 hours have dust in them, 18 are needed"
    assert item["parts"]["pm25"] == item["vn_aqi"]
    assert await items(client, "/v1/aqi/day", by=by, on="2026-11-01") == [
        {**item, "start": "2026-10-31T17:00:00.000Z", "end": "2026-11-01T17:00:00.000Z", "t": 1793466000000}
        | {"vn_aqi": None, "band": None, "main": None, "parts": {}, "concentrations": {}, "us_aqi": None}
        | {"reason": "no PM2.5 and no PM10", "hours": 0}
    ]


async def test_history_has_every_hour_or_day_of_the_range(client: httpx.AsyncClient, hub: Hub) -> None:
    await fill(hub, dict.fromkeys(range(2, 10), 50.0))
    found = await items(client, "/v1/aqi/history", start=NOW_MS - 9 * HOUR_MS, end=NOW_MS)
    assert [item["t"] for item in found] == [NOW_MS - age * HOUR_MS for age in range(9, 0, -1)]
    assert [item["vn_aqi"] for item in found[:7]] == [100] * 7  # flat at 50 µg/m³
    days = await items(client, "/v1/aqi/history", scale="day", start=NOW_MS - 48 * HOUR_MS, sensor=SENSOR)
    assert [(day["start"][:10], day["hours"]) for day in days] == [("2026-11-21", 2), ("2026-11-22", 9)]


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("/v1/aqi", {"site": "bai-chai"}, 404, "did you mean 'bai-chay'"),
        ("/v1/aqi", {"sensor": "bai-chay-pm-2"}, 404, "did you mean"),
        ("/v1/aqi", {"by": "house"}, 400, "by"),
        ("/v1/aqi/hour", {"at": "now"}, 400, "no time like"),
        ("/v1/aqi/day", {"on": "0001-01-01"}, 400, "there is no day"),
        ("/v1/aqi/day", {"on": "today"}, 400, "on"),
        ("/v1/aqi/history", {"start": "0"}, 400, "ask for a shorter range"),
    ],
)
async def test_what_cannot_be_answered(
    client: httpx.AsyncClient, path: str, query: dict[str, str], status: int, words: str
) -> None:
    answer = await client.get(path, params=query)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


async def test_a_sensor_that_measures_no_air_has_no_index(client: httpx.AsyncClient) -> None:
    assert await items(client, "/v1/aqi", sensor="bai-chay-noise-1") == []
