"""SensorThings by its addresses: every link, path and option, what is not there, and what a key may see."""

from typing import Any

import httpx
import pytest

from api.gate import Access
from storage.keys import Role
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from tests.api.conftest import NOW_MS, Hub, asking


async def get(client: httpx.AsyncClient, path: str, status: int = 200, **query: str) -> Any:
    answer = await client.get(
        f"/sta/v1.1/{path}".rstrip("/"), params={f"${name}": text for name, text in query.items()}
    )
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.json() if "json" in answer.headers["content-type"] else answer.text


async def test_every_link_leads_somewhere(client: httpx.AsyncClient) -> None:
    seen: set[str] = set()
    waiting = [one["url"] for one in (await get(client, ""))["value"]]
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        many = address.endswith("Observations")
        answer = await client.get(address, params={"$top": "2", "$skip": "268"} if many else {})
        assert answer.status_code == 200, address
        content = answer.json()
        for entity in content.get("value", [content]):
            waiting += [text for name, text in entity.items() if name.endswith("Link")]
    assert len(seen) > 60


async def test_paths_of_every_kind(client: httpx.AsyncClient) -> None:
    stream = "Datastreams('bai-chay-pm-1:pm25')"
    assert (await get(client, f"{stream}/Thing/Locations"))["value"][0]["@iot.id"] == "bai-chay"
    assert await get(client, f"{stream}/unitOfMeasurement") == {
        "unitOfMeasurement": {
            "name": "ug/m3",
            "symbol": "ug/m3",
            "definition": "https://www.rfc-editor.org/rfc/rfc8428#section-12.1",
        }
    }
    assert await get(client, "Things('bai-chay')/name/$value") == "Bãi Cháy"
    one = await get(client, f"Observations('bai-chay-pm-1:pm25:{NOW_MS}')/Datastream/ObservedProperty")
    assert one["name"] == "pm25"
    feature = await get(client, f"Observations('bai-chay-pm-1:pm25:{NOW_MS}')/FeatureOfInterest")
    assert feature["feature"]["type"] == "Point"
    named = await get(
        client, "Observations", filter="Datastream/id eq 'bai-chay-pm-1:pm25' and result ge 109"
    )
    assert [item["result"] for item in named["value"]] == [109.0]
    nested = await get(
        client,
        "Datastreams",
        expand="Observations($top=1;$orderby=phenomenonTime desc;$select=result)",
        top="1",
    )
    (stream_shown,) = nested["value"]
    assert set(stream_shown["Observations"][0]) == {"@iot.id", "result"}
    assert stream_shown["Observations@iot.nextLink"]


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ("st_within(location, geography'POLYGON ((107 20.9, 107.1 20.9, 107.1 21, 107 21, 107 20.9))')", 1),
        ("st_within(location, geography'POLYGON ((7 20.9, 7.1 20.9, 7.1 21, 7 21, 7 20.9))')", 0),
        ("geo.distance(location, geography'POINT (107.04 20.95)') lt 0.01", 1),
    ],
)
async def test_places_by_geometry(client: httpx.AsyncClient, shape: str, count: int) -> None:
    assert len((await get(client, "Locations", filter=shape))["value"]) == count
    things = await get(client, "Things", filter=shape.replace("location,", "Locations/location,"))
    assert len(things["value"]) == count


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("Thing", {}, 404),
        ("Things('hon-gai')", {}, 404),
        ("Things(1)", {}, 404),
        ("Things('bai-chay'", {}, 404),
        ("Things('bai-chay')/Observations", {}, 404),
        ("Things('bai-chay')/Datastreams('x:y')", {}, 404),
        ("Things('bai-chay')/colour", {}, 404),
        ("Things/Datastreams", {}, 404),
        ("../../etc/passwd", {}, 404),
        ("Observations", {"orderby": "parameters/flags"}, 400),
        ("Observations", {"filter": "Datastream/colour eq 'red'"}, 400),
        ("Observations", {"filter": "geo.length(result) gt 1"}, 400),
        ("Observations('bai-chay-pm-1:pm25:1')", {}, 404),
        ("FeaturesOfInterest('hon-gai')/Observations", {}, 404),
        ("Things/$ref/$ref", {}, 404),
        ("Observations('bai-chay-pm-1:pm25:99999999999999999999')", {}, 404),
        ("Things", {"filter": "colour eq 'red'"}, 400),
        ("Things", {"filter": "length(properties) eq 1"}, 400),
        ("Things", {"expand": "Observations"}, 400),
        ("Things", {"select": "colour"}, 400),
        ("Things", {"orderby": "colour"}, 400),
        ("Things", {"format": "xml"}, 400),
        ("Datastreams('bai-chay-pm-1:pm25')/Observations", {"orderby": "phenomenonTime/x"}, 400),
        ("Datastreams('bai-chay-pm-1:pm25')/Observations", {"skiptoken": "x"}, 400),
    ],
)
async def test_what_is_not_there_is_a_problem(
    client: httpx.AsyncClient, path: str, query: dict[str, str], status: int
) -> None:
    await get(client, path, status, **query)


async def test_a_key_of_another_site_sees_nothing_of_it(hub: Hub) -> None:
    other = Site("hon-gai", "Hòn Gai", 20.95, 107.08)
    hub.book.register(
        Birth("gw-2", other, (Sensor("hon-gai-pm-1", "pms5003", ("pm25",), 1.0),), (1, 1), NOW_MS), NOW_MS
    )
    closed = hub.with_access(Access(open_reading=False))
    async with asking(closed) as nobody:
        await get(nobody, "Things", 401)
    async with asking(closed, hub.key(Role.VIEWER, "hon-gai")) as client:
        assert [one["@iot.id"] for one in (await get(client, "Datastreams"))["value"]] == [
            "hon-gai-pm-1:pm25"
        ]
        await get(client, "Things('bai-chay')", 404)
        await get(client, f"Observations('bai-chay-pm-1:pm25:{NOW_MS}')", 404)
