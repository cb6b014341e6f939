"""The pipeline against a real broker: what is stored, what is acknowledged, what disturbs nobody."""

import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from telemetry.alarm import AlarmState
from telemetry.anomaly import AnomalyKind
from telemetry.inventory import Sensor
from telemetry.manifest import Manifest
from telemetry.messages import SensorCounters
from telemetry.packs import encode_manifests
from telemetry.quarantine import Reason
from telemetry.reading import Flag, Reading
from telemetry.times import HOUR_MS


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def pm(at: int, value: float = 12.0, *, sensor: str = "pm-1", flags: int = 0) -> Reading:
    return Reading(sensor, "pm25", at, value, flags)


async def test_packs_are_stored_acknowledged_traced_and_shown(city, eventually):
    at = now_ms()
    async with city.running() as pipeline, city.gateway() as gateway:
        await gateway.pack(0, [pm(at - 1000), pm(at, 13.0)])
        await gateway.pack(1, [pm(at + 1, 14.0)])
        await eventually(lambda: gateway.stored() == {("aaaa", 0), ("aaaa", 1)})
        assert {(r.observed_at, r.value) for r in city.store.rows.values()} == {
            (at - 1000, 12.0),
            (at, 13.0),
            (at + 1, 14.0),
        }
        assert city.store.sites == {"pm-1": "bai-chay"}
        assert sorted(city.committed()) == [["gw-1", "aaaa", 0], ["gw-1", "aaaa", 1]]
        shown = [(site, r.value) for site, r in city.live]
        assert shown[-1] == ("bai-chay", 14.0)  # of each commit the newest of a series
        assert shown == sorted(set(shown))
        assert all(ack.credit == 16 and ack.time_ms >= at for ack in gateway.acks)
        assert pipeline.account.readings_stored == 3
        assert pipeline.ready() == {"broker": True, "store": True, "clock": True}
        assert pipeline.latencies.p50() is not None
        assert city.book.owners() == {"pm-1": "gw-1"}


async def test_garbage_is_quarantined_and_acknowledged_and_disturbs_nobody(city, eventually):
    at = now_ms()
    async with city.running() as pipeline, city.gateway() as gateway:
        await gateway.pack(0, [pm(at)])
        await gateway.raw(1, b"\x00\xffnot a pack")
        await gateway.raw(2, b"[" + b" " * 70_000 + b"]")
        await gateway.publish(f"{city.root}/up/nonsense", b"{}")
        await gateway.raw(3, b'[{"n":"pm-1/pm25","t":1e9,"v":1}]')
        await gateway.pack(4, [pm(at + 1000, 13.0)])
        await eventually(lambda: len(gateway.stored()) == 5)
        assert len(city.store.rows) == 2
        rows = {row.topic.rpartition("/")[2]: row.reason for row in city.book.quarantined(10)}
        assert rows == {
            "1": Reason.UNDECODABLE,
            "2": Reason.TOO_LARGE,
            "3": Reason.UNDECODABLE,
            "nonsense": Reason.UNDECODABLE,
        }
        assert pipeline.account.messages_quarantined == 4


@pytest.fixture
def full_disk():
    """A text file that can be opened and not written, and that says so again when it is closed."""
    full = Path("/dev/full").open("w", buffering=1, encoding="utf-8")  # noqa: SIM115
    yield full
    with suppress(OSError):
        full.close()


async def test_a_trace_on_a_full_disk_holds_nothing_up(city, eventually, full_disk):
    city.trace = full_disk
    async with city.running(), city.gateway() as gateway:
        for seq in range(2):
            await gateway.pack(seq, [pm(now_ms() + seq)])
            await eventually(lambda seq=seq: ("aaaa", seq) in gateway.stored())
    assert len(city.store.rows) == 2


async def test_bad_records_are_set_aside_and_their_neighbours_stored(city, eventually):
    at = now_ms() / 1000
    payload = (
        f'[{{"bn":"pm-1/","site":"bai-chay","n":"pm25","u":"ug/m3","t":{at:.3f},"v":5}},'
        f'{{"n":"pm25","u":"Cel","t":{at:.3f},"v":6}},{{"n":"joy","t":{at:.3f},"v":7}},'
        f'{{"n":"pm10","t":{at:.3f},"vs":"eight"}},{{"n":"pm10","t":{at:.3f},"v":9}}]'
    )
    async with city.running() as pipeline, city.gateway() as gateway:
        await gateway.raw(0, payload.encode())
        await eventually(lambda: gateway.stored() == {("aaaa", 0)})
        assert sorted(r.value for r in city.store.rows.values()) == [5.0, 9.0]
        reasons = sorted(row.reason for row in city.book.quarantined(10))
        assert reasons == [Reason.BAD_RECORD, Reason.UNIT, Reason.UNKNOWN_QUANTITY]
        assert {row.sensor for row in city.book.quarantined(10)} == {"pm-1"}
        assert pipeline.account.records_bad == 3


async def test_a_redelivered_pack_changes_nothing(city, eventually):
    at = now_ms()
    pack = [pm(at, 12.0, flags=Flag.NUDGED), pm(at + 1, 13.0)]
    async with city.running() as pipeline, city.gateway() as gateway:
        await gateway.pack(0, pack)
        await eventually(lambda: gateway.stored())
        rows = dict(city.store.rows)
        gateway.acks.clear()
        await gateway.pack(0, pack)
        await eventually(lambda: gateway.stored() == {("aaaa", 0)})
        await gateway.pack(0, pack)
        await gateway.pack(0, pack)
        await eventually(lambda: pipeline.account.readings_duplicate == 6)
        assert city.store.rows == rows
        assert pipeline.account.readings_stored == 2


async def test_manifests_are_in_the_book_before_their_acknowledgement_however_often_they_come(
    city, eventually
):
    hour = now_ms() // HOUR_MS * HOUR_MS
    early = Manifest(sensor="pm-1", hour_ms=hour, journal="aaaa", expected=10, read=8, accepted=8)
    late = Manifest(
        sensor="pm-1", hour_ms=hour, journal="aaaa", expected=20, read=19, accepted=18, duplicate=1
    )
    async with city.running() as pipeline, city.gateway() as gateway:
        for seq, manifest in enumerate((late, early, late)):
            await gateway.raw(seq, encode_manifests("bai-chay", [manifest]))
        await gateway.raw(1, encode_manifests("bai-chay", [early]))
        await gateway.pack(3, [pm(now_ms())])
        await eventually(lambda: gateway.stored() == {("aaaa", seq) for seq in range(4)})
        (row,) = city.book.manifests(hour, hour + 1)
        assert (row.gateway, row.expected, row.read, row.accepted) == ("gw-1", 20, 19, 18)
        assert len(city.store.rows) == pipeline.account.readings_stored == 1
        assert city.book.quarantine_total() == 0
        assert set(city.book.owners()) == {"pm-1"}


async def test_a_store_outage_keeps_everything_and_acknowledges_nothing(city, eventually):
    at = now_ms()
    async with city.running() as pipeline, city.gateway() as gateway:
        await gateway.pack(0, [pm(at)])
        await eventually(lambda: gateway.stored() == {("aaaa", 0)})
        city.store.away = True
        for seq in range(1, 6):
            await gateway.pack(seq, [pm(at + seq, float(seq))])
        await eventually(lambda: any(ack.credit == 0 for ack in gateway.acks))
        tried = city.store.attempts
        await eventually(lambda: city.store.attempts > tried + 2)
        assert gateway.stored() == {("aaaa", 0)}
        assert not pipeline.ready()["store"]
        heard = len(gateway.acks)
        await gateway.state(online=True)
        await eventually(lambda: len(gateway.acks) > heard)
        assert gateway.acks[-1].credit == 0
        city.store.away = False
        await eventually(lambda: gateway.stored() == {("aaaa", n) for n in range(6)})
        assert [ack.credit for ack in gateway.acks][-1] == 16
        assert len(city.store.rows) == 6
        assert pipeline.account.readings_stored == 6
        assert pipeline.account.readings_duplicate == 0
        assert pipeline.account.outages == 1


async def test_what_the_store_refuses_is_set_aside_and_the_rest_stored(city, eventually):
    at = now_ms()
    city.store.refused = {666.0: "field type conflict"}
    async with city.running() as pipeline, city.gateway() as gateway:
        await gateway.pack(0, [pm(at, 1.0), pm(at + 1, 666.0), pm(at + 2, 3.0)])
        await eventually(lambda: gateway.stored() == {("aaaa", 0)})
        assert sorted(r.value for r in city.store.rows.values()) == [1.0, 3.0]
        (row,) = city.book.quarantined(10)
        assert (row.reason, row.detail, row.sensor) == (Reason.STORE_REFUSED, "field type conflict", "pm-1")
        assert b"666" in row.payload
        assert [r.value for _, r in city.live] == [3.0]
        assert pipeline.account.readings_quarantined == 1


async def test_impossible_times_and_foreign_sensors_are_quarantined(city, eventually):
    at = now_ms()
    async with city.running(), city.gateway() as one, city.gateway("gw-2", "hon-gai") as two:
        await one.birth([Sensor("pm-1", "pms5003", ("pm25",), 1.0)])
        await eventually(lambda: one.acks)
        await one.pack(0, [pm(at - 61 * 86_400_000), pm(at + 600_000), pm(at, 4.0)])
        await two.pack(0, [pm(at, 5.0), pm(at, 6.0, sensor="pm-2")])
        await eventually(lambda: one.stored() and two.stored())
        assert sorted(r.value for r in city.store.rows.values()) == [4.0, 6.0]
        reasons = sorted(row.reason for row in city.book.quarantined(10))
        assert reasons == [Reason.IMPOSSIBLE_TIME, Reason.IMPOSSIBLE_TIME, Reason.NOT_OWNER]


async def test_every_life_announces_its_own_epoch_and_its_end(city, eventually):
    async with city.gateway() as gateway:
        async with city.running():
            await eventually(lambda: any(epoch.online for epoch in gateway.epochs))
        await eventually(lambda: not gateway.epochs[-1].online)
        async with city.running():
            await eventually(lambda: gateway.epochs[-1].online)
        assert len({epoch.epoch for epoch in gateway.epochs if epoch.online}) == 2


async def test_births_and_heartbeats_are_answered_with_time_and_credit(city, eventually):
    async with city.running(), city.gateway() as gateway:
        await gateway.birth([Sensor("pm-1", "pms5003", ("pm25",), 1.0, "Bụi")])
        await eventually(lambda: len(gateway.acks) == 1)
        await gateway.state(online=True)
        await eventually(lambda: len(gateway.acks) == 2)
        assert [(ack.stored, ack.credit) for ack in gateway.acks] == [({}, 16), ({}, 16)]
        (row,) = city.book.sensors()
        assert (row.name, row.site) == ("Bụi", "bai-chay")


def ordinary(until: int, count: int = 60) -> list[Reading]:
    return [pm(until - 1000 * (count - i), 20.0 + i % 5) for i in range(count)]


async def test_an_anomaly_is_told_once_survives_a_restart_and_is_closed(city, eventually):
    at = now_ms()
    async with city.gateway() as gateway:
        async with city.running():
            await gateway.pack(0, ordinary(at))
            await gateway.pack(1, [pm(at, 300.0), pm(at + 1, 301.0)])
            await eventually(lambda: gateway.alarms)
            (opened,) = city.book.anomalies(open_only=True)
            assert city.anomalies == [opened]
            (alarm,) = city.alarms
            assert gateway.alarms == [alarm]
            assert alarm.anomalies == (opened.id,)
            assert (opened.kind, opened.sensor, opened.site) == (AnomalyKind.SPIKE, "pm-1", "bai-chay")
            assert city.store.rows["pm-1", "pm25", at].flags == Flag.SPIKE
            assert next(r.flags for _, r in city.live if r.observed_at == at + 1) == Flag.SPIKE
        async with city.running() as pipeline:
            await gateway.pack(1, [pm(at, 300.0), pm(at + 1, 301.0)])
            await gateway.pack(2, [pm(at + 2, 302.0)])
            await gateway.pack(3, [pm(at + 100 + i, 20.0 + i % 5) for i in range(12)])
            await eventually(lambda: gateway.cleared)
            closed = gateway.alarms[-1]
            assert (closed.id, closed.anomalies, closed.end_ms) == (alarm.id, (opened.id,), at + 100)
            assert (gateway.cleared, closed.state) == (["pm-1"], AlarmState.CLOSED)
            assert city.book.anomalies(open_only=True) == []
            assert len(city.book.anomalies()) == 1
            assert pipeline.account.anomalies_opened == 0


async def test_what_stood_still_long_before_the_start_is_stuck_by_how_it_moved_before_that(city, eventually):
    """Nothing is remembered, and the last 200 readings are all alike."""
    at = now_ms() // 1000 * 1000
    stuck = [pm(at - 1000 * age, 42.0) for age in range(1, 3000)]
    moving = [pm(at - 1000 * age, 20.0 + age % 7) for age in range(3000, 6000)]
    for one in stuck + moving:
        city.store.rows[one.sensor, one.quantity, one.observed_at] = one
        city.store.rows["pm-2", one.quantity, one.observed_at] = pm(one.observed_at, 42.0, sensor="pm-2")
    async with city.running(), city.gateway() as gateway:
        await gateway.pack(0, [pm(at, 42.0), pm(at, 42.0, sensor="pm-2")])
        await eventually(lambda: gateway.alarms)
        assert [(one.kind, one.sensor) for one in city.anomalies] == [(AnomalyKind.STUCK, "pm-1")]
        assert city.store.rows["pm-1", "pm25", at].flags == Flag.STUCK
        assert city.store.rows["pm-2", "pm25", at].flags == 0  # it never changed: nobody knows


async def test_silence_of_a_sensor_and_of_its_gateway_are_told_apart(city, eventually):
    async with city.running() as pipeline, city.gateway() as gateway:
        names = ("pm-1", "pm-2", "misdated")
        await gateway.birth([Sensor(name, "pms5003", ("pm25",), 1.0) for name in names])
        await gateway.pack(0, [pm(now_ms(), sensor=name) for name in names])
        await eventually(lambda: pipeline.account.readings_stored == 3)
        city.clock_ahead_ms = 15_000
        await gateway.state(online=True)
        await gateway.pack(1, [pm(now_ms() + 15_000), pm(now_ms() + 3_600_000, sensor="misdated")])
        await eventually(lambda: gateway.alarms)
        assert [(a.kind, a.sensors) for a in gateway.alarms] == [(AnomalyKind.SILENCE, ("pm-2",))]
        await gateway.state(online=False)
        await eventually(lambda: len(city.book.gateways()) == 1 and not city.book.gateways()[0].state.online)
        city.clock_ahead_ms = 60_000
        await eventually(lambda: len(gateway.alarms) == 2)
        assert (gateway.alarms[-1].kind, gateway.alarms[-1].sensors) == (AnomalyKind.GATEWAY, ("gw-1",))


@pytest.mark.parametrize("restarts", [False, True])
async def test_readings_that_are_missing_in_between_are_told_with_the_frames_that_were_dropped(
    city, eventually, restarts: bool
):
    came = (0, 1, 2, 4, 6, 7, 9, 11, 13)  # of one every 20 s
    async with city.gateway() as gateway, AsyncExitStack() as life:
        pipeline = await life.enter_async_context(city.running())
        await gateway.birth([Sensor("pm-1", "pms5003", ("pm25",), 20.0)])
        await gateway.state(online=True, sensors=(SensorCounters("pm-1", "faulty", read=9, bad=5),))
        await eventually(lambda: pipeline.account.control_received >= 2)
        at = now_ms()
        readings = [pm(at - 20_000 * (13 - number), 20.0 + number) for number in came]
        await gateway.pack(0, readings[:5])
        await eventually(lambda: ("aaaa", 0) in gateway.stored())
        assert not gateway.alarms
        if restarts:
            await life.aclose()
            await life.enter_async_context(city.running())
        await gateway.pack(1, readings[5:])
        await eventually(lambda: gateway.alarms)
        (opened,) = city.book.anomalies(open_only=True)
        assert (opened.kind, opened.sensor, opened.quantity) == (AnomalyKind.GAP, "pm-1", "")
        assert "5 of 11 readings that were due within 3 min are missing; its gateway dropped" in opened.text
        (alarm,) = gateway.alarms
        assert (alarm.kind, alarm.sensors, alarm.group) == (AnomalyKind.GAP, ("pm-1",), "silence/bai-chay")


async def test_ingest_starts_before_its_store(city, eventually):
    city.store.away = True
    async with city.running() as pipeline, city.gateway() as gateway:
        await gateway.state(online=True)
        await eventually(lambda: gateway.acks and gateway.acks[-1].credit == 0)
        await gateway.pack(0, [pm(now_ms())])
        city.store.away = False
        await eventually(lambda: gateway.stored() == {("aaaa", 0)})
        assert gateway.acks[-1].credit == 16
        assert pipeline.ready() == {"broker": True, "store": True, "clock": True}
