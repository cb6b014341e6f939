"""The typed client against a hub's real API: pages, streams, refusals."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from api.gate import Access
from halong.client import ApiError, Client, Event, UnreachableError
from storage.keys import Role
from telemetry.reading import Reading
from tests.api.conftest import MINUTES, NOW_MS, Hub, filled, history, served

Result = TypeVar("Result")
PM = ("bai-chay-pm-1", "pm25")


async def asked(directory: Path, question: Callable[[Client, Hub], Result]) -> Result:
    """What the client says, in a thread, to a hub that wants keys."""
    async with filled(directory) as hub:
        closed = hub.with_access(Access(open_reading=False))
        async with served(closed) as url:
            client = Client(url, hub.key(Role.OPERATOR), timeout_s=20, page=40)
            return await asyncio.to_thread(question, client, closed)


async def test_what_stands_in_the_street_and_what_it_says(tmp_path: Path) -> None:
    def question(client: Client, _: Hub) -> None:
        assert [sensor.id for sensor in client.sensors(kind="air")] == ["bai-chay-pm-1"]
        assert [site.name for site in client.sites()] == ["Bãi Cháy"]
        assert {one.quantity: one.value for one in client.latest(sensor="bai-chay-pm-1")} == {"pm25": 109.0}
        assert [one.vn_aqi for one in client.air(by="city")] != []
        assert client.get("/healthz")["status"] == "alive"

    await asked(tmp_path, question)


async def test_every_reading_page_after_page(tmp_path: Path) -> None:
    def question(client: Client, _: Hub) -> list[tuple[int, float]]:
        return [(one.t, one.value) for one in client.readings(*PM, start=0)]

    wanted = [(one.observed_at, one.value) for one in history() if one.quantity == "pm25"]
    assert await asked(tmp_path, question) == wanted


async def test_aggregates_and_anomalies(tmp_path: Path) -> None:
    def question(client: Client, _: Hub) -> None:
        windows = client.aggregate([PM[0]], PM[1], "PT1H", functions=["min", "max"])
        assert sum(window.count for window in windows) == MINUTES
        assert windows[0].values["min"] == windows[0].value
        (spike,) = client.anomalies(open=True)
        assert spike.acknowledged is None
        done = client.acknowledge(spike.id, "seen")
        assert done.acknowledged is not None
        assert client.anomalies(limit=1)[0].acknowledged == done.acknowledged

    await asked(tmp_path, question)


async def test_the_stream_goes_on_where_it_was_left(tmp_path: Path) -> None:
    async with filled(tmp_path) as hub, served(hub) as url:
        client = Client(url, timeout_s=20)

        def first(last_id: str | None) -> Event:
            return next(client.listen(last_id, quantity="pm25"))

        def store(number: int) -> None:
            hub.feed.stored([("bai-chay", Reading(*PM, NOW_MS + number, float(number)))])

        waiting = asyncio.create_task(asyncio.to_thread(first, None))
        while not hub.feed.listeners:
            await asyncio.sleep(0.01)
        store(1)
        event = await waiting
        assert (event.kind, event.data[0]["value"]) == ("readings", 1.0)
        store(2)
        hub.feed.flush()
        missed = await asyncio.to_thread(first, event.id)
        assert missed.data[0]["value"] == 2.0
        assert (await asyncio.to_thread(first, "another-life-1")).kind == "reset"


async def test_a_refusal_says_what_to_do(tmp_path: Path) -> None:
    def question(client: Client, hub: Hub) -> None:
        with pytest.raises(ApiError, match="did you mean 'bai-chay-pm-1'") as caught:
            list(client.readings("bai-chay-pm-9", "pm25"))
        assert caught.value.status == 404
        nobody = Client(client._url)
        with pytest.raises(ApiError, match="a key is needed"):
            nobody.sensors()

    await asked(tmp_path, question)


def test_nobody_there_is_told_as_that() -> None:
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        Client("http://127.0.0.1:1").sensors()


@pytest.mark.parametrize("url", ["nonsense", "", "ftp://127.0.0.1", "http://127.0.0.1:port"])
def test_what_is_no_address_is_told_as_that(url: str) -> None:
    with pytest.raises(UnreachableError, match="cannot be reached"):
        Client(url).sensors()
