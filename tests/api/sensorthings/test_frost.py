"""SensorThings by the public client of FROST: from Things to Datastreams to Observations, and it is what /v1 gives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import frost_sta_client as fsc
import httpx
import pytest

from tests.api.conftest import MINUTES, NOW_MS, Hub, filled, served
from tests.api.sensorthings.test_entities import get

Result = TypeVar("Result")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:furl")  # the client's own affair


@pytest.fixture(params=["embedded", pytest.param("influx", marks=pytest.mark.influxd)])
async def hub(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hub]:
    """The small city in each of the two stores."""
    address = ""
    if request.param == "influx":
        address = f"{request.getfixturevalue('influxd_url')}/{request.getfixturevalue('influx_database')}"
    async with filled(tmp_path, address) as one:
        yield one


async def walked(hub: Hub, walk: Callable[[fsc.SensorThingsService], Result]) -> Result:
    """What the client finds, in a thread of its own, over a real socket."""
    async with served(hub) as url:
        return await asyncio.to_thread(walk, fsc.SensorThingsService(f"{url}/sta/v1.1"))


async def v1(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/readings", params={"sensor": "bai-chay-pm-1", "quantity": "pm25", **query})
    return list(answer.json()["items"])


async def test_from_things_to_observations(hub: Hub, client: httpx.AsyncClient) -> None:
    def walk(service: fsc.SensorThingsService) -> Any:
        (thing,) = service.things().query().list()
        assert (thing.id, thing.name) == ("bai-chay", "Bãi Cháy")
        (location,) = thing.get_locations().query().list()
        assert location.location["coordinates"] == [107.043, 20.953]
        streams = list(thing.get_datastreams().query().filter("ObservedProperty/name eq 'pm25'").list())
        assert [stream.id for stream in streams] == ["bai-chay-pm-1:pm25"]
        assert streams[0].unit_of_measurement.symbol == "ug/m3"
        observations = streams[0].get_observations().query().orderby("phenomenonTime", "asc").top(40).list()
        return [(one.phenomenon_time, one.result) for one in observations]  # over the pages

    found = await walked(hub, walk)
    wanted = await v1(client, start=0, end=NOW_MS + 1, limit=1000)
    assert len(found) == MINUTES
    assert [result for _, result in found] == [item["value"] for item in wanted]
    assert found[0][0].startswith(wanted[0]["time"][:19])


async def test_observations_filtered_by_time_and_value(hub: Hub, client: httpx.AsyncClient) -> None:
    def walk(service: fsc.SensorThingsService) -> Any:
        stream = service.datastreams().find("bai-chay-pm-1:pm25")
        inside = (
            stream.get_observations()
            .query()
            .filter(
                "phenomenonTime ge 2026-11-23T07:30:00+07:00 and phenomenonTime lt 2026-11-23T00:40:00Z and result gt 84"
            )
            .list()
        )
        newest = stream.get_observations().query().orderby("phenomenonTime", "desc").top(1).count().list()
        flagged = stream.get_observations().query().filter("parameters/flags ne 0").list()
        return (
            [one.result for one in inside],
            newest.get(0).result,
            newest.count,
            [one.result for one in flagged],
        )

    inside, newest, count, flagged = await walked(hub, walk)
    items = await v1(client, start="2026-11-23T07:30:00+07:00", end="2026-11-23T00:40:00Z")
    assert inside == [item["value"] for item in items if item["value"] > 84]
    assert inside
    assert (newest, count, flagged) == (109.0, MINUTES, [90.0])


async def test_expanding_selecting_counting(hub: Hub) -> None:
    def walk(service: fsc.SensorThingsService) -> Any:
        things = (
            service.things()
            .query()
            .expand("Datastreams($expand=ObservedProperty,Sensor),Locations")
            .count()
            .list()
        )
        thing = things.get(0)
        properties = sorted(stream.observed_property.name for stream in thing.datastreams)
        sensor = service.sensors().find("bai-chay-pm-1")
        streams = (
            service.datastreams().query().orderby("id", "desc").top(2).skip(1).select("name", "id").list()
        )
        return things.count, properties, sensor.metadata, [stream.id for stream in streams.entities]

    assert await walked(hub, walk) == (
        1,
        ["noise_laeq", "pm25", "wind_direction"],
        "pms5003",
        ["bai-chay-noise-1:wind_direction", "bai-chay-noise-1:noise_laeq"],
    )


async def test_observations_of_every_datastream(hub: Hub, client: httpx.AsyncClient) -> None:
    """In one order of time and page by page: nothing missing, nothing twice, as /v1 has them."""

    def walk(service: fsc.SensorThingsService) -> Any:
        query = service.observations().query().filter("Datastream/Thing/id eq 'bai-chay'")
        found = query.orderby("phenomenonTime", "desc").top(7).count().list()
        return [(one.id, one.result) for one in found], found.count

    found, count = await walked(hub, walk)
    wanted = []
    for sensor, quantity in (
        ("bai-chay-noise-1", "noise_laeq"),
        ("bai-chay-noise-1", "wind_direction"),
        ("bai-chay-pm-1", "pm25"),
    ):
        items = (
            await client.get(
                "/v1/readings", params={"sensor": sensor, "quantity": quantity, "start": 0, "limit": 1000}
            )
        ).json()["items"]
        wanted += [(-item["t"], f"{sensor}:{quantity}", item["value"]) for item in items]
    assert found == [(f"{stream}:{-at}", value) for at, stream, value in sorted(wanted)]
    assert len(found) == count == 3 * MINUTES


@pytest.mark.parametrize(
    "order", [None, "id", "id desc", "phenomenonTime", "phenomenonTime desc", "result", "result desc"]
)
async def test_every_order_goes_over_its_pages(client: httpx.AsyncClient, order: str | None) -> None:
    query = {"filter": "FeatureOfInterest/id eq 'bai-chay' and result gt 30", "top": "60", "count": "true"}
    content = await get(client, "Observations", **query, **({"orderby": order} if order else {}))
    found, counts = list(content["value"]), {content["@iot.count"]}
    while link := content.get("@iot.nextLink"):
        content = (await client.get(link)).json()
        found += content["value"]
        counts.add(content["@iot.count"])
    key = (order or "id").split()[0]
    values = [one["@iot.id"] if key == "id" else one[key] for one in found]
    assert values == sorted(values, reverse=bool(order and order.endswith("desc")))
    assert len({one["@iot.id"] for one in found}) == len(found)
    assert counts == {len(found)}
    assert len(found) == sum(20.0 + minute > 30 for minute in range(MINUTES)) + MINUTES + MINUTES // 2


async def test_what_observations_are_reached_by(client: httpx.AsyncClient) -> None:
    one = f"bai-chay-pm-1:pm25:{NOW_MS}"
    for path in (
        f"Observations('{one}')",
        f"Datastreams('bai-chay-pm-1:pm25')/Observations('{one}')",
        f"FeaturesOfInterest('bai-chay')/Observations('{one}')",
    ):
        assert (await get(client, path))["result"] == 109.0
    await get(client, f"Datastreams('bai-chay-noise-1:noise_laeq')/Observations('{one}')", 404)
    of_feature = await get(
        client,
        "FeaturesOfInterest('bai-chay')/Observations",
        filter="Datastream/ObservedProperty/name eq 'pm25' and phenomenonTime gt now() sub duration'PT150S'",
    )
    assert [item["result"] for item in of_feature["value"]] == [107.0, 108.0, 109.0]
    newest = await get(client, "Observations", orderby="phenomenonTime desc", top="1", expand="Datastream")
    assert newest["value"][0]["phenomenonTime"] == "2026-11-23T01:00:00.000Z"
    assert newest["value"][0]["Datastream"]["@iot.id"]
    (largest,) = (
        await get(client, "Datastreams('bai-chay-pm-1:pm25')/Observations", orderby="result desc", top="1")
    )["value"]
    assert largest["result"] == 109.0
    expanded = await get(
        client, "Things('bai-chay')/Datastreams", expand="Observations($top=1;$orderby=phenomenonTime desc)"
    )
    assert [len(stream["Observations"]) for stream in expanded["value"]] == [1, 1, 1]
    links = await get(client, "Things('bai-chay')/Datastreams/$ref")
    assert [set(link) for link in links["value"]] == [{"@iot.selfLink"}] * 3
    assert (await get(client, "Things('bai-chay')/$ref"))["@iot.selfLink"].endswith("Things('bai-chay')")
