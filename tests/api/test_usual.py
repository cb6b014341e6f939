"""What is usual for a sensor, asked over the API of what the detectors have written into the book."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import httpx
import numpy as np
import pytest

from api.examples import _EXAMPLES
from ingest import memory, usual
from ingest.judge import Judge
from ingest.silence import Silence
from ingest.survey import Survey
from storage import snapshots
from tests.api.conftest import NOW_MS, Hub, asking

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
PATH = "/v1/sensors/bai-chay-pm-1/usual"


@pytest.fixture
async def client(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    services = replace(hub.services, usual=partial(usual.hours, hub.book))
    async with asking(Hub(services, hub.ready)) as one:
        yield one


def learn(hub: Hub, days: int) -> None:
    """Five-minute values up to now: 20 at midnight, 40 at noon."""
    survey = Survey(frozenset())
    at = NOW_MS + np.arange(-days * 288, 0, dtype=np.int64) * 300_000
    hour = (at / HOUR_MS + 7) % 24
    course = 30 - 10 * np.cos(hour / 12 * np.pi)
    values = course + np.random.default_rng(1).normal(0, 1, len(at))
    survey.look([("bai-chay-pm-1", "pm25")], np.zeros(len(at), np.int64), at, values, [300.0])
    with hub.book.writing() as database:
        snapshots.keep(database, memory.dump(Judge(), survey, Silence(), 0))


async def test_a_day_of_hours_with_a_band(hub: Hub, client: httpx.AsyncClient) -> None:
    learn(hub, 4)
    answer = await client.get(PATH, params={"quantity": "pm25"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["unit"] == "ug/m3"
    assert [item["t"] for item in found["items"]] == [NOW_MS + hour * HOUR_MS for hour in range(-24, 1)]
    for item in found["items"]:
        middle = (item["t"] / HOUR_MS + 7.5) % 24
        assert abs(item["expected"] - (30 - 10 * np.cos(middle / 12 * np.pi))) < 2
        assert item["low"] < item["expected"] < item["high"]
        assert item["high"] - item["low"] < 20
    assert found["items"][0].keys() == _EXAMPLES["usual"]["items"][0].keys()


async def test_what_is_not_learned_is_null(hub: Hub, client: httpx.AsyncClient) -> None:
    learn(hub, 1)
    for quantity in ("pm25", "pm10", "wind_direction"):
        items = (await client.get(PATH, params={"quantity": quantity, "start": str(NOW_MS)})).json()["items"]
        assert [(item["low"], item["expected"], item["high"]) for item in items] == [(None, None, None)]


async def test_a_holiday_is_named_also_in_what_is_to_come(hub: Hub, client: httpx.AsyncClient) -> None:
    learn(hub, 4)
    asked = {"quantity": "pm25", "start": "2027-01-01T08:00:00+07:00", "end": "2027-01-02T01:00:00+07:00"}
    items = (await client.get(PATH, params=asked)).json()["items"]
    assert items[0]["holiday"] == "New Year's Day"
    assert items[0]["holiday_vi"] == "Tết Dương lịch"
    assert items[0]["expected"] is not None
    assert items[-1]["start"] == "2027-01-01T17:00:00.000Z"
    assert items[-1]["holiday"] is None


@pytest.mark.parametrize(
    ("path", "asked", "status", "says"),
    [
        (PATH, {"quantity": "pm52"}, 400, "did you mean 'pm25'"),
        ("/v1/sensors/bai-chay-pm-9/usual", {"quantity": "pm25"}, 404, "bai-chay-pm-1"),
        (PATH, {"quantity": "pm25", "start": "0"}, 400, "92 days"),
        (PATH, {"quantity": "pm25", "from": "0"}, 400, "unknown parameter 'from'"),
    ],
)
async def test_what_cannot_be_asked(
    client: httpx.AsyncClient, path: str, asked: dict[str, str], status: int, says: str
) -> None:
    answer = await client.get(path, params=asked)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]
