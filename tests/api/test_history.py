"""A sensor's past: moved, replaced, gone; nothing is rewritten."""

import httpx
import msgspec

from storage.book import Book
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from tests.api.conftest import NOW_MS, SENSORS, SITE, Hub

HON_GAI = Site("hon-gai", "Hòn Gai", 20.95, 107.08)
HOUR_MS = 3_600_000


def birth(book: Book, gateway: str, site: Site, sensors: tuple[Sensor, ...], count: int, now_ms: int) -> None:
    assert book.register(Birth(gateway, site, sensors, (1, count), now_ms), now_ms) == []


async def test_a_sensor_that_was_replaced_and_moved(client: httpx.AsyncClient, hub: Hub) -> None:
    pm, noise = SENSORS
    replaced = msgspec.structs.replace(pm, serial="B7-0042", installed_ms=NOW_MS + HOUR_MS)
    birth(hub.book, "gw-bai-chay", SITE, (replaced, noise), 2, NOW_MS + 3 * HOUR_MS)
    birth(hub.book, "gw-bai-chay", SITE, (noise,), 3, NOW_MS + 5 * HOUR_MS)
    birth(hub.book, "gw-hon-gai", HON_GAI, (replaced,), 1, NOW_MS + 7 * HOUR_MS)
    answer = await client.get(f"/v1/sensors/{pm.id}/history")
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(item["since"][11:16], item["until"] and item["until"][11:16]) for item in items] == [
        ("01:00", "02:00"),  # up to the installation, not to when the hub heard of it
        ("02:00", "06:00"),
        ("08:00", None),
    ]
    assert [item["changed"] for item in items] == [[], ["serial", "installed"], ["gateway", "site"]]
    assert [item["site"] for item in items] == ["bai-chay", "bai-chay", "hon-gai"]
    assert hub.book.owner(pm.id, NOW_MS + 4 * HOUR_MS) == "gw-bai-chay"
    assert hub.book.owner(pm.id, NOW_MS + 8 * HOUR_MS) == "gw-hon-gai"


async def test_a_date_that_cannot_be_is_not_believed(client: httpx.AsyncClient, hub: Hub) -> None:
    pm, noise = SENSORS
    for count, at_ms in enumerate((NOW_MS - HOUR_MS, NOW_MS + 99 * HOUR_MS), 2):
        other = msgspec.structs.replace(pm, serial=f"B{count}", installed_ms=at_ms)
        birth(hub.book, "gw-bai-chay", SITE, (other, noise), count, NOW_MS + count * HOUR_MS)
    items = (await client.get(f"/v1/sensors/{pm.id}/history")).json()["items"]
    assert [item["since"][11:16] for item in items] == ["01:00", "03:00", "04:00"]


async def test_a_sensor_nobody_knows_is_a_404_with_its_neighbour(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/sensors/bai-chay-pm-2/history")
    assert answer.status_code == 404
    assert "did you mean 'bai-chay-pm-1'?" in answer.json()["detail"]
