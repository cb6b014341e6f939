"""The live feed: the latest by observation, what was missed, and a slow listener that hurts only itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from runtime import feed as feed_module
from runtime.feed import BEHIND, HISTORY, Event, Feed, Latest, Only, encode_latest
from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import Anomaly, AnomalyKind, Severity
from telemetry.reading import Flag, Reading

T = 1_700_000_000_000
PATIENCE_S = 30.0
NUMBERS = count(1000)


def reading(at: int = 0, value: float = 1.0, sensor: str = "pm-1", flags: int = 0) -> Reading:
    return Reading(sensor, "pm25", T + at, value, flags)


def anomaly(identifier: str, value: float = 1.0) -> Anomaly:
    return Anomaly(
        identifier, "pm-1", "pm25", "s", AnomalyKind.SPIKE, Severity.INFO, T, None, 1.0, value, None, None, None, "", ""
    )  # fmt: skip


def alarm(identifier: str) -> Alarm:
    return Alarm(
        id=identifier, group="city/s", family=AlarmFamily.CITY, kind=AnomalyKind.SPIKE, severity=Severity.INFO,
        state=AlarmState.OPEN, site="s", sensors=("pm-1",), quantity="pm25", start_ms=T, end_ms=None, score=1.0,
        value=None, expected=None, low=None, high=None, text="", text_vi="", anomalies=("a",), opened_ms=T,
    )  # fmt: skip


def news(feed: Feed) -> Event:
    """The event of one new reading."""
    feed.stored([("s", reading(next(NUMBERS)))])
    (event,) = feed.flush()
    return event


def content(event: Event) -> Any:
    return json.loads(event.data)


class Listening:
    """A listener that takes its events one by one."""

    def __init__(self, feed: Feed, last_id: str | None = None, *, idle_s: float = PATIENCE_S) -> None:
        self.events = feed.listen(last_id, idle_s=idle_s)

    async def next(self) -> Event:
        async with asyncio.timeout(PATIENCE_S):
            event = await anext(self.events)
        assert event is not None
        return event

    async def rest(self) -> list[Event | None]:
        """Until it is let go."""
        async with asyncio.timeout(PATIENCE_S):
            return [event async for event in self.events]


@asynccontextmanager
async def listening(feed: Feed) -> AsyncIterator[Listening]:
    """A listener that is known to the feed: it has had the first event, which is given away."""
    listener = Listening(feed)
    first = asyncio.create_task(listener.next())
    async with asyncio.timeout(PATIENCE_S):
        before = feed.listeners
        while feed.listeners == before:
            await asyncio.sleep(0)
    news(feed)
    await first
    yield listener


def test_the_latest_is_the_newest_by_observation_not_by_arrival() -> None:
    feed = Feed("e")
    feed.stored([("s", reading(5, 5.0)), ("s", reading(9, 9.0)), ("s", reading(7, 7.0))])
    feed.stored([("s", reading(8, 8.0)), ("t", reading(1, 1.0, "pm-2"))])
    assert feed.latest == {
        ("pm-1", "pm25"): Latest("s", reading(9, 9.0)),
        ("pm-2", "pm25"): Latest("t", reading(1, 1.0, "pm-2")),
    }
    (event,) = feed.flush()
    assert event.kind == "readings"
    assert [(item["sensor"], item["value"]) for item in content(event)] == [("pm-1", 9.0), ("pm-2", 1.0)]


def test_what_is_remembered_from_the_store_is_no_news() -> None:
    feed = Feed("e")
    feed.remember([("s", reading(5, 5.0)), ("s", reading(3, 3.0))])
    assert feed.latest[("pm-1", "pm25")].reading.value == 5.0
    assert feed.flush() == []
    feed.stored([("s", reading(4, 4.0)), ("s", reading(5, 5.5))])
    assert feed.flush() == []
    feed.stored([("s", reading(6, 6.0))])
    assert len(feed.flush()) == 1
    feed.remember([("s", reading(2, 2.0))])
    assert feed.latest[("pm-1", "pm25")].reading.value == 6.0


def test_a_flush_without_news_is_nothing_and_news_are_told_once() -> None:
    feed = Feed("e")
    assert feed.flush() == []
    news(feed)
    assert feed.flush() == []


def test_one_event_of_a_kind_with_an_anomaly_in_its_last_state() -> None:
    feed = Feed("e")
    feed.stored([("s", reading())])
    for one in (anomaly("a", 1.0), anomaly("b"), anomaly("a", 2.0)):
        feed.anomaly(one)
    readings, anomalies = feed.flush()
    assert (readings.id, readings.kind, anomalies.id, anomalies.kind) == ("e-1", "readings", "e-2", "anomaly")
    assert [(item["id"], item["value"]) for item in content(anomalies)] == [("a", 2.0), ("b", 1.0)]


def test_two_events_at_once_are_the_most_and_none_waits_for_ever() -> None:
    feed = Feed("e")
    kinds = []
    for _ in range(4):
        feed.stored([("s", reading(next(NUMBERS)))])
        feed.anomaly(anomaly("a"))
        feed.alarm(alarm("one"))
        kinds.append([event.kind for event in feed.flush()])
    assert kinds == [["readings", "anomaly"], ["readings", "alarm"]] * 2


def test_a_flood_of_anomalies_keeps_the_newest() -> None:
    feed = Feed("e")
    for number in range(feed_module.ANOMALIES + 50):
        feed.anomaly(anomaly(f"{number}"))
    (event,) = feed.flush()
    assert [item["id"] for item in content(event)] == [str(n) for n in range(50, feed_module.ANOMALIES + 50)]


def test_the_wire_form() -> None:
    event = Event("e-7", "readings", b"[]")
    assert event.encode() == b"event: readings\nid: e-7\ndata: []\n\n"
    assert encode_latest(Latest("bai-chay", reading(3, 12.5, flags=int(Flag.SPIKE)))) == {
        "sensor": "pm-1",
        "site": "bai-chay",
        "quantity": "pm25",
        "t": T + 3,
        "value": 12.5,
        "flags": 8,
    }


async def test_a_listener_hears_what_happens_from_now_on() -> None:
    feed = Feed("e")
    news(feed)
    async with listening(feed) as listener:
        sent = [news(feed) for _ in range(3)]
        assert [await listener.next() for _ in sent] == sent


async def test_silence_is_none_now_and_then() -> None:
    listener = Listening(Feed("e"), idle_s=0.001)
    assert [await anext(listener.events) for _ in range(3)] == [None] * 3


async def test_the_feed_flushes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "EVERY_S", 0.001)
    feed = Feed("e")
    running = asyncio.create_task(feed.run())
    async with listening(feed) as listener:
        feed.stored([("s", reading(10**6, 99.0))])
        assert content(await listener.next())[0]["value"] == 99.0
    running.cancel()
    await asyncio.wait([running])


async def test_who_comes_back_gets_what_it_missed_and_then_what_is_new() -> None:
    feed = Feed("e")
    sent = [news(feed) for _ in range(10)]
    listener = Listening(feed, sent[3].id)
    assert [await listener.next() for _ in range(6)] == sent[4:]
    later = news(feed)
    assert await listener.next() == later


async def test_who_missed_nothing_gets_nothing() -> None:
    feed = Feed("e")
    last = news(feed)
    listener = Listening(feed, last.id)
    waiting = asyncio.create_task(listener.next())
    await asyncio.sleep(0)
    later = news(feed)
    assert await waiting == later


async def test_the_oldest_event_that_is_kept_can_be_missed_the_one_before_is_a_reset() -> None:
    feed = Feed("e")
    sent = [news(feed) for _ in range(HISTORY + 5)]
    assert await Listening(feed, sent[4].id).next() == sent[5]
    reset = await Listening(feed, sent[3].id).next()
    assert (reset.kind, reset.id) == ("reset", sent[-1].id)


@pytest.mark.parametrize(
    "last_id",
    ["other-3", "e-4", "e-99", "e-", "e", "", "-1", "e--1", "e-x", "e-1.0", "e-" + "9" * 5000, "e-²", "E-1"],
)
async def test_an_id_that_is_not_of_this_life_is_a_reset(last_id: str) -> None:
    feed = Feed("e")
    for _ in range(3):
        news(feed)
    listener = Listening(feed, last_id)
    reset = await listener.next()
    assert (reset.kind, reset.id, reset.data) == ("reset", "e-3", b"{}")
    later = news(feed)
    assert await listener.next() == later


async def test_a_slow_listener_is_told_and_let_go_and_the_others_hear_everything() -> None:
    feed = Feed("e")
    async with listening(feed) as slow, listening(feed) as quick:
        await slow.next()  # what made the other known
        sent = []
        for _ in range(BEHIND + 3):
            sent.append(news(feed))
            assert await quick.next() == sent[-1]
        assert feed.listeners == 1
        assert feed.dropped == 1
        (last,) = await slow.rest()
        assert last is not None
        assert (last.kind, content(last)) == ("dropped", {"reason": "too slow"})
        again = Listening(feed, last.id)
        assert [await again.next() for _ in sent] == sent  # coming back with that id, nothing is missing


async def test_who_is_exactly_as_far_behind_as_allowed_stays() -> None:
    feed = Feed("e")
    async with listening(feed) as listener:
        sent = [news(feed) for _ in range(BEHIND)]
        assert feed.dropped == 0
        assert [await listener.next() for _ in sent] == sent


async def test_who_leaves_is_forgotten() -> None:
    feed = Feed("e")
    async with listening(feed) as listener:
        assert feed.listeners == 1
        await listener.events.aclose()  # type: ignore[attr-defined]
        assert feed.listeners == 0


async def test_closing_lets_everybody_go_also_those_who_come_late() -> None:
    feed = Feed("e")
    async with listening(feed) as one, listening(feed) as other:
        news(feed)
        feed.close()
        assert await one.rest() == []
        assert await other.rest() == []
    assert feed.listeners == 0
    assert await Listening(feed, "e-1").rest() == []


async def test_a_listener_with_a_filter_hears_its_part_and_comes_back_without_a_gap() -> None:
    feed = Feed("e")
    only = Only(sensors=frozenset({"pm-2"}))
    listener = feed.listen(only=only, idle_s=PATIENCE_S)
    first = asyncio.create_task(anext(listener))
    await asyncio.sleep(0)
    news(feed)
    feed.stored([("s", reading(next(NUMBERS), 5.0, "pm-2")), ("s", reading(next(NUMBERS), 6.0))])
    feed.flush()
    event = await first
    assert event is not None
    assert (event.id, [item["sensor"] for item in content(event)]) == ("e-2", ["pm-2"])
    await listener.aclose()
    news(feed)
    feed.stored([("s", reading(next(NUMBERS), 7.0, "pm-2"))])
    feed.flush()
    again = await anext(feed.listen("e-2", only=only))
    assert again is not None
    assert (again.id, [item["value"] for item in content(again)]) == ("e-4", [7.0])


def test_what_is_kept_for_those_who_come_back_is_bounded_in_bytes() -> None:
    feed = Feed("e")
    one = reading(next(NUMBERS), sensor="x" * 60)
    feed.stored([("s" * 60, reading(index, sensor=f"{one.sensor}{index}")) for index in range(20_000)])
    for _ in range(12):
        feed.stored(
            [("s" * 60, reading(next(NUMBERS) * 100, sensor=f"{one.sensor}{i}")) for i in range(20_000)]
        )
        feed.flush()
    assert feed._history_bytes == sum(kept.bytes for kept in feed._history) <= feed_module.HISTORY_BYTES
    assert 1 < len(feed._history) < 12
