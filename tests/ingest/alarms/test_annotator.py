"""Alarms on a real InfluxDB: one point each, its newest state, never taken for a reading."""

from typing import Any

import httpx
import msgspec
import pytest

from ingest.alarms.annotator import NAME, Annotator
from ingest.alarms.channels import NotSentError
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.outbox import Notice
from storage.store import Columns
from telemetry.reading import Reading
from tests.ingest.alarms.test_grouping import T
from tests.ingest.alarms.test_routing import acknowledged, alarm, closed

ASK = 'SELECT "state", "text", "sensors", "start_ms", "end_ms" FROM "alarm" WHERE "site" = \'bai-chay\' GROUP BY "group"'


async def ask(url: str, database: str, statement: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/query", params={"db": database, "q": statement, "epoch": "ms"})
    series: list[dict[str, Any]] = answer.json()["results"][0].get("series", [])
    return series


@pytest.mark.influxd
async def test_an_alarm_is_one_annotation_and_no_reading(influxd_url: str, influx_database: str) -> None:
    store = InfluxStore(InfluxUrl.parse(f"{influxd_url}/{influx_database}"))
    await store.open()
    columns = Columns()
    columns.append("bai-chay", Reading("pm25-1", "pm25", T, 20.0), 0, None)
    await store.write(columns)
    annotator = Annotator(store)
    whole = msgspec.structs.replace(alarm(), text='He said "no", and left.')
    for one, state in ((whole, "open"), (acknowledged(whole), "acknowledged"), (closed(whole), "closed")):
        await annotator.send(Notice(one, NAME, state))
    await annotator.send(Notice(msgspec.structs.replace(whole, id="b", site="", group="storm"), NAME, "open"))
    (found,) = await ask(influxd_url, influx_database, ASK)
    assert found["tags"] == {"group": "city/bai-chay"}
    assert found["values"] == [[T, "closed", 'He said "no", and left.', "pm25-1", T, T + 9]]
    assert [one.quantity for one in await store.series()] == ["pm25"]
    assert len(await store.latest(0)) == 1
    assert await store.count(0, T + 1) == {("pm25-1", "pm25"): 1}
    assert [len(rows) async for rows in store.rows(0, T + 1)] == [1]
    await store.close()


async def test_a_database_that_is_away_is_tried_again() -> None:
    store = InfluxStore(InfluxUrl.parse("http://127.0.0.1:1/halong"))
    await store.close()
    with pytest.raises(NotSentError):
        await Annotator(store).send(Notice(alarm(), NAME, "open"))
