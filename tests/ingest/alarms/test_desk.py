"""From readings to people: a pipeline on a real broker, a webhook that fails, an operator, maintenance, another life."""

import time
from typing import Any

import pytest

from ingest.alarms.channels import Channel, build
from ingest.alarms.settings import AlarmSettings, ChannelSettings
from storage import quiet
from storage.notes import Note, Notes
from storage.quiet import Maintenance, Mute, Verdict
from telemetry.alarm import AlarmState
from telemetry.anomaly import Severity
from telemetry.reading import Reading
from tests.ingest.alarms.receivers import Receiver, receiving


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def pm(at: int, value: float) -> Reading:
    return Reading("pm-1", "pm25", at, value)


def ordinary(until: int, count: int = 60) -> list[Reading]:
    return [pm(until - 1000 * (count - i), 20.0 + i % 5) for i in range(count)]


def to(receiver: Receiver, **wanted: Any) -> list[Channel]:
    ops = ChannelSettings("ops", "webhook", url=receiver.url, language="en", severity=Severity.INFO, **wanted)
    return build(AlarmSettings((ops,)), {})


def states(receiver: Receiver) -> list[str]:
    return [key.rpartition("-")[2] for key in receiver.states()]


async def test_a_spike_reaches_people_is_acknowledged_and_ends(city, eventually) -> None:
    at = now_ms()
    async with receiving() as receiver, city.gateway() as gateway:
        receiver.bad = [500, 0]
        city.channels = to(receiver)
        async with city.running():
            await gateway.pack(0, ordinary(at))
            await gateway.pack(1, [pm(at, 300.0), pm(at + 1, 301.0)])
            await eventually(lambda: city.alarms)
            note = Note(city.alarms[0].id, at, "Lan", acknowledges=True, comment="I go and see")
            Notes(city.book).add(note)
            await eventually(lambda: city.alarms[-1].state is AlarmState.ACKNOWLEDGED)
        async with city.running():  # another life, with the same spike from the broker once more
            await gateway.pack(1, [pm(at, 300.0), pm(at + 1, 301.0)])
            await gateway.pack(2, [pm(at + 100 + i, 20.0 + i % 5) for i in range(12)])
            await eventually(lambda: len(states(receiver)) == 3)
    assert states(receiver) == ["open", "acknowledged", "closed"]
    assert len({body["alarm"]["id"] for _, body, _ in receiver.requests}) == 1
    last = receiver.requests[-1][1]
    assert last["alarm"]["acknowledged_by"] == "Lan"
    assert "over after" in last["text"]


@pytest.mark.parametrize("over", [True, False])
async def test_maintenance_silences_it(city, eventually, over: bool) -> None:
    at = now_ms()
    async with receiving() as receiver, city.gateway() as gateway:
        city.channels = to(receiver)
        with city.book.writing() as database:
            work = quiet.begin(
                database, Maintenance(0, "bai-chay", "", at - 1000, at + 3_600_000, "new filter", "Lan", at)
            )
        async with city.running():
            await gateway.pack(0, ordinary(at))
            await gateway.pack(1, [pm(at, 300.0), pm(at + 1, 301.0)])
            await eventually(lambda: city.alarms)
            if over:
                await gateway.pack(2, [pm(at + 100 + i, 20.0 + i % 5) for i in range(12)])
                await eventually(lambda: city.alarms[-1].state is AlarmState.CLOSED)
            assert receiver.requests == []
            with city.book.writing() as database:
                assert quiet.finish(database, work.id, who="Lan", now_ms=now_ms()) is not None
            if over:
                await gateway.pack(3, [pm(at + 1000, 500.0), pm(at + 1001, 500.0)])
            await eventually(lambda: receiver.requests)
    # What was over before the work ended is told to nobody, what lasts is told then.
    (_, body, _) = receiver.requests[0]
    assert body["state"] == "open"
    assert body["alarm"]["id"] == city.alarms[-1].id
    assert (body["alarm"]["id"] == city.alarms[0].id) is not over


async def test_what_is_muted_calls_nobody(city, eventually) -> None:
    at = now_ms()
    with city.book.writing() as database:
        quiet.mute(
            database,
            Mute(0, "pm-1", "pm25", "spike", Verdict.KNOWN_WORKS, "road works", "Lan", at, at + 3_600_000),
        )
    async with city.running(), city.gateway() as gateway:
        await gateway.pack(0, ordinary(at))
        await gateway.pack(1, [pm(at, 300.0), pm(at + 1, 301.0)])
        await eventually(lambda: city.anomalies)
        await gateway.pack(2, [pm(at + 2, 5000.0)])  # impossible: of another kind
        await eventually(lambda: city.alarms)
    assert {alarm.kind for alarm in city.alarms} == {"range"}
