"""Every route: what it answers and what it refuses."""

import csv
import io

import httpx
import pytest

from telemetry.aggregates import energy_mean, vector_mean
from telemetry.anomaly import AnomalyKind
from telemetry.reading import Reading
from tests.api.conftest import MINUTES, NOW_MS, Hub, anomaly, history
from tests.api.questions import PM, get, refused


async def test_sensors_say_where_they_stand_and_how_they_are(client: httpx.AsyncClient, hub: Hub) -> None:
    items = (await get(client, "/v1/sensors"))["items"]
    assert [item["id"] for item in items] == ["bai-chay-noise-1", "bai-chay-pm-1"]
    assert [item["state"] for item in items] == ["ok", "ok"]
    assert items[1]["last"] == "2026-11-23T01:00:00.000Z"
    hub.book.put_anomaly(anomaly(AnomalyKind.SILENCE, NOW_MS))
    assert (await get(client, "/v1/sensors", protocol="pms5003"))["items"][0]["state"] == "silent"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"site": "bai-chay"}, 2),
        ({"gateway": "gw-bai-chay"}, 2),
        ({"quantity": "pm25"}, 1),
        ({"protocol": "mqtt-senml"}, 1),
    ],
)
async def test_sensors_can_be_chosen(client: httpx.AsyncClient, query: dict[str, str], found: int) -> None:
    assert len((await get(client, "/v1/sensors", **query))["items"]) == found


async def test_latest_is_by_observation(client: httpx.AsyncClient, hub: Hub) -> None:
    hub.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS - 1, 1.0))])  # arrives late
    (item,) = (await get(client, "/v1/latest", sensor="bai-chay-pm-1"))["items"]
    assert (item["value"], item["t"]) == (20.0 + MINUTES - 1, NOW_MS)
    hub.feed.stored([("bai-chay", Reading("bai-chay-pm-1", "pm25", NOW_MS + 1, 2.0))])
    (item,) = (await get(client, "/v1/latest", quantity="pm25"))["items"]
    assert item["value"] == 2.0
    assert len((await get(client, "/v1/latest", site="bai-chay"))["items"]) == 3
    assert "no sensor 'bai-chay-pm-2', did you mean" in await refused(
        client, "/v1/latest", 404, sensor="bai-chay-pm-2"
    )


async def test_readings_come_page_by_page_each_once(client: httpx.AsyncClient) -> None:
    start, end = NOW_MS - 5_400_000, NOW_MS + 1
    values: list[float] = []
    cursor: dict[str, str] = {}
    pages = 0
    while True:
        page = await get(client, "/v1/readings", start=start, end=end, limit=40, **PM, **cursor)
        values += [item["value"] for item in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert values == [reading.value for reading in history() if reading.quantity == "pm25"]
    assert pages == 3


async def test_readings_of_the_last_hour_by_default_as_json_and_csv(client: httpx.AsyncClient) -> None:
    page = await get(client, "/v1/readings", **PM)
    assert len(page["items"]) == 60
    assert page["items"][-1] == {
        "time": "2026-11-23T01:00:00.000Z",
        "t": NOW_MS,
        "value": 109.0,
        "flags": 0,
    }
    answer = await client.get("/v1/readings", params={**PM, "limit": "10"}, headers={"Accept": "text/csv"})
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["time", "pm25 (ug/m3)", "flags"]
    assert len(rows) == 11
    assert answer.headers["x-next-cursor"] == str(page["items"][9]["t"] + 1)


@pytest.mark.parametrize(
    "start", ["2026-11-23T07:30:00+07:00", "2026-11-23T00:30:00Z", str(NOW_MS - 1_800_000)]
)
async def test_times_with_a_zone_or_in_milliseconds(client: httpx.AsyncClient, start: str) -> None:
    assert len((await get(client, "/v1/readings", start=start, **PM))["items"]) == 31


async def test_a_plus_that_nobody_escaped_is_understood(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/v1/readings?sensor=bai-chay-pm-1&quantity=pm25&start=2026-11-23T07:30:00+07:00"
    )
    assert len(answer.json()["items"]) == 31


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"start": "yesterday"}, "no time like"),
        ({"start": "2026-11-23T00:00:00"}, "has no zone"),
        ({"start": str(NOW_MS), "end": str(NOW_MS)}, "start must be before end"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"quantity": "pm2.5"}, "did you mean 'pm25'"),
        ({"start": "9" * 30}, "no time like"),
    ],
)
async def test_a_bad_question_gets_one_sentence(
    client: httpx.AsyncClient, query: dict[str, str], words: str
) -> None:
    assert words in await refused(client, "/v1/readings", **{**PM, **query})


async def test_a_missing_parameter_is_named(client: httpx.AsyncClient) -> None:
    assert "quantity" in await refused(client, "/v1/readings", sensor="bai-chay-pm-1")


async def test_an_aggregate_is_the_quantitys_own_mean(client: httpx.AsyncClient) -> None:
    query = {"start": NOW_MS - 600_000, "end": NOW_MS, "window": "PT10M"}
    noise = await get(client, "/v1/aggregate", sensor="bai-chay-noise-1", quantity="noise_laeq", **query)
    assert noise["function"] == "energy_mean"
    assert noise["items"][0]["value"] == pytest.approx(energy_mean([60.0, 70.0]))
    assert noise["items"][0]["count"] == 10
    wind = await get(client, "/v1/aggregate", sensor="bai-chay-noise-1", quantity="wind_direction", **query)
    expected = vector_mean([350.0, 10.0])
    assert expected is not None
    assert (wind["items"][0]["value"] - expected + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
    plain = await get(client, "/v1/aggregate", function="max", **PM, **query)
    assert plain["items"][0]["value"] == 108.0


async def test_days_begin_at_midnight_in_ha_long(client: httpx.AsyncClient) -> None:
    items = (await get(client, "/v1/aggregate", window="P1D", start=NOW_MS - 86_400_000, **PM))["items"]
    assert [item["start"] for item in items] == ["2026-11-22T17:00:00.000Z"]
    assert items[0]["count"] == MINUTES


async def test_several_sensors_at_once_and_csv(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/v1/aggregate",
        params={"sensor": ["bai-chay-pm-1", "bai-chay-noise-1"], "quantity": "pm25", "window": "PT1H"},
        headers={"Accept": "text/csv"},
    )
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["sensor", "start", "mean of pm25", "count"]
    assert {row[0] for row in rows[1:]} == {"bai-chay-pm-1"}
    assert sum(int(row[3]) for row in rows[1:]) == MINUTES


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"window": "5m"}, "no duration like"),
        ({"window": "PT0S"}, "no duration like"),
        ({"function": "avg"}, "unknown function 'avg'"),
        ({"window": "PT1S", "start": "2026-01-01T00:00:00Z"}, "ask for a longer window"),
    ],
)
async def test_an_aggregate_that_cannot_be(
    client: httpx.AsyncClient, query: dict[str, str], words: str
) -> None:
    assert words in await refused(client, "/v1/aggregate", **{**PM, **query})


async def test_anomalies_newest_first_and_chosen(client: httpx.AsyncClient, hub: Hub) -> None:
    hub.book.put_anomaly(anomaly(AnomalyKind.STUCK, NOW_MS - 60_000, end_ms=NOW_MS))
    items = (await get(client, "/v1/anomalies"))["items"]
    assert [item["kind"] for item in items] == ["stuck", "spike"]
    assert items[0]["end"] == "2026-11-23T01:00:00.000Z"
    assert items[1]["end"] is None
    assert [i["kind"] for i in (await get(client, "/v1/anomalies", open="true"))["items"]] == ["spike"]
    assert [i["kind"] for i in (await get(client, "/v1/anomalies", kind="stuck"))["items"]] == ["stuck"]
    assert (await get(client, "/v1/anomalies", sensor="bai-chay-noise-1"))["items"] == []
    assert len((await get(client, "/v1/anomalies", limit=1))["items"]) == 1
    assert "did you mean 'spike'" in await refused(client, "/v1/anomalies", kind="spikes")


async def test_quarantine_shows_the_bytes_and_the_reason(client: httpx.AsyncClient) -> None:
    answer = await get(client, "/v1/quarantine")
    assert answer["total"] == 1
    assert (answer["items"][0]["reason"], answer["items"][0]["payload"]) == ("undecodable", "/wA=")


async def test_gateways_say_whether_they_live(client: httpx.AsyncClient) -> None:
    (gateway,) = (await get(client, "/v1/gateways"))["items"]
    assert gateway["online"] is True
    assert (gateway["sensors"], gateway["accepted"], gateway["ports"][0]["bad"]) == (2, 270, 1)


async def test_health_readiness_and_metrics(client: httpx.AsyncClient, hub: Hub) -> None:
    assert await get(client, "/healthz") == {"status": "alive", "version": "1.2.3", "uptime_s": 5}
    assert (await get(client, "/readyz"))["status"] == "ready"
    text = (await client.get("/metrics")).text
    assert "halong_readings_stored_total 270.0" in text
    assert 'halong_ready{part="broker"} 1.0' in text
    hub.ready["broker"] = False
    assert "broker" in await refused(client, "/readyz", 503)
    assert (await client.get("/readyz")).headers["retry-after"]


async def test_a_path_that_is_not_there_and_a_method_that_is_not_possible(client: httpx.AsyncClient) -> None:
    assert "did you mean '/v1/sensors'" in await refused(client, "/v1/sensor", 404)
    answer = await client.post("/v1/sensors")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert (await client.get("/page/..%2Fapp.py")).status_code == 404


async def test_a_store_that_is_away_is_a_503(client: httpx.AsyncClient, hub: Hub) -> None:
    await hub.services.store.close()
    assert "store" in await refused(client, "/v1/readings", 503, **PM)
    assert (await get(client, "/v1/latest"))["items"]


async def test_the_overview_is_what_the_single_routes_say(client: httpx.AsyncClient) -> None:
    whole = await get(client, "/v1/overview")
    for part in ("sites", "sensors", "gateways", "quantities", "alarms", "anomalies"):
        assert whole[part] == (await get(client, f"/v1/{part}"))["items"], part
    latest = (await get(client, "/v1/latest"))["items"]
    assert whole["latest"] == [{k: v for k, v in one.items() if k not in ("time", "unit")} for one in latest]
    assert await get(client, "/v1/overview", site="bai-chay") == whole
    assert "did you mean 'bai-chay'" in await refused(client, "/v1/overview", 404, site="bai-chai")
