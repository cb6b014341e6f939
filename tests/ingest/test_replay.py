"""Replaying the quarantine: once the cause is mended exactly these readings are stored, and nothing is stored twice."""

import time
import zlib

import cbor2
import pytest

from ingest import checks
from storage.commands import Commands
from storage.quarantine import QuarantineFilter, QuarantineRow, ReplayOrder
from telemetry import topics, undatable
from telemetry.inventory import Sensor
from telemetry.manifest import Manifest
from telemetry.packs import encode_manifests, encode_pack
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Flag, Reading
from telemetry.topics import PackName

DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def pm(at: int, value: float = 12.0, *, sensor: str = "pm-1") -> Reading:
    return Reading(sensor, "pm25", at, value)


async def replay(city, eventually, *, accept=(), **wanted):
    """The result of a command, as ingest writes it into the book."""
    commands = Commands(city.book)
    order = ReplayOrder(QuarantineFilter(**wanted), tuple(accept))
    number = commands.ask("replay", order, who="a test", now_ms=now_ms())
    await eventually(lambda: commands.find(number).result is not None)
    return commands.find(number).result


def outcomes(result) -> dict[str, int]:
    return {name: result[name] for name in ("stored", "already there", "still refused")}


def entries(city) -> dict[bytes, QuarantineRow]:
    return {row.payload: row for row in city.book.quarantined(1000)}


async def test_what_another_gateway_sent_is_stored_once_it_owns_the_sensor(city, eventually):
    at = now_ms()
    async with city.running(), city.gateway() as old, city.gateway("gw-2", "hon-gai") as new:
        await old.birth([Sensor("pm-1", "pms5003", ("pm25",), 1.0)])
        await eventually(lambda: old.acks)
        await old.pack(0, [pm(at - 10, 1.0)])
        await new.pack(0, [pm(at + n, float(n), sensor="pm-1") for n in range(5)])
        await eventually(lambda: new.stored() and old.stored())
        assert {row.reason for row in city.book.quarantined(10)} == {Reason.NOT_OWNER}
        refused = await replay(city, eventually, reason=Reason.NOT_OWNER)
        assert outcomes(refused) == {"stored": 0, "already there": 0, "still refused": 5}
        assert refused["entries"][0]["detail"] == "not owner: pm-1 belongs to gw-1, gw-2 sent it"
        accepted = await replay(city, eventually, reason=Reason.NOT_OWNER, accept=[Reason.NOT_OWNER])
        assert outcomes(accepted) == {"stored": 5, "already there": 0, "still refused": 0}
        assert sorted(r.value for r in city.store.rows.values()) == [0.0, 1.0, 1.0, 2.0, 3.0, 4.0]
        assert city.store.sites["pm-1"] == "hon-gai"
        rows = dict(city.store.rows)
        again = await replay(city, eventually, ids=tuple(row.id for row in city.book.quarantined(10)))
        assert outcomes(again) == {"stored": 0, "already there": 0, "still refused": 0}
        assert {entry["detail"] for entry in again["entries"]} == {"before: 1 stored"}
        assert city.store.rows == rows
        assert not [row for row in city.book.quarantined(10) if row.open]


async def test_an_entry_seen_again_is_open_again_and_then_already_there(city, eventually):
    at = now_ms()
    async with city.running(), city.gateway() as one, city.gateway("gw-2") as two:
        await one.birth([Sensor("pm-1", "pms5003", ("pm25",), 1.0)])
        await eventually(lambda: one.acks)
        await two.pack(0, [pm(at)])
        await eventually(lambda: two.stored())
        await replay(city, eventually, gateway="gw-2", accept=[Reason.NOT_OWNER])
        (row,) = city.book.quarantined(10)
        assert (row.open, row.count) == (False, 1)
        await two.pack(1, [pm(at)])
        await eventually(lambda: len(two.stored()) == 2)
        (row,) = city.book.quarantined(10)
        assert (row.open, row.count) == (True, 2)
        result = await replay(city, eventually, sensor="pm-1", accept=[Reason.NOT_OWNER])
        assert outcomes(result) == {"stored": 0, "already there": 1, "still refused": 0}
        assert [r.value for r in city.store.rows.values()] == [12.0]


async def test_another_value_at_a_stored_instant_changes_nothing(city, eventually):
    at = now_ms()
    async with city.running(), city.gateway() as one, city.gateway("gw-2") as two:
        await one.birth([Sensor("pm-1", "pms5003", ("pm25",), 1.0)])
        await eventually(lambda: one.acks)
        await one.pack(0, [pm(at, 5.0)])
        await two.pack(0, [pm(at, 7.0)])
        await eventually(lambda: two.stored() and one.stored())
        (told,) = (await replay(city, eventually, sensor="pm-1", accept=[Reason.NOT_OWNER]))["entries"]
        assert told["outcome"] == "already there"
        assert told["detail"] == "1 already there, the store holds 5 at that instant, which stays"
        assert [r.value for r in city.store.rows.values()] == [5.0]


async def test_of_two_entries_at_one_instant_one_is_stored(city, eventually):
    at = now_ms()
    record = b'{"n":"pm-1/pm25","u":"ug/m3","t":%.3f,"v":%d,"site":"bai-chay"}'
    both = [
        Quarantined(Reason.NOT_OWNER, "?", f"t/{n}/x", f"gw-{n}", "pm-1", record % (at / 1000, n))
        for n in (1, 2)
    ]
    city.book.quarantine(both, at)
    async with city.running():
        result = await replay(city, eventually, sensor="pm-1", accept=[Reason.NOT_OWNER])
    assert outcomes(result) == {"stored": 1, "already there": 1, "still refused": 0}
    assert [r.value for r in city.store.rows.values()] == [2.0]  # newest entry first
    assert result["entries"][1]["detail"].endswith("the store holds 2 at that instant, which stays")


async def test_a_message_of_manifests_alone_is_taken_into_the_book(city, eventually):
    hour_ms = now_ms() // 3_600_000 * 3_600_000
    payload = encode_manifests(
        "bai-chay", [Manifest(sensor="pm-1", hour_ms=hour_ms, journal="aaaa", read=7, accepted=7)]
    )
    topic = topics.up(city.root, "bai-chay", PackName("gw-1", "aaaa", 3))
    city.book.quarantine(
        [Quarantined(Reason.UNDECODABLE, "a former release", topic, "gw-1", "", payload)], now_ms()
    )
    async with city.running():
        (told,) = (await replay(city, eventually, gateway="gw-1"))["entries"]
    assert (told["outcome"], told["detail"]) == ("stored", "1 manifests")
    assert [(row.gateway, row.read) for row in city.book.manifests(hour_ms, hour_ms + 1)] == [("gw-1", 7)]


async def test_a_clock_that_was_ahead_is_not_made_right_by_waiting(city, eventually):
    at = now_ms()
    async with city.running(), city.gateway() as gateway:
        await gateway.pack(0, [pm(at + 600_000)])
        await eventually(lambda: gateway.stored())
        city.clock_ahead_ms = 700_000
        result = await replay(city, eventually, reason=Reason.IMPOSSIBLE_TIME)
        assert outcomes(result) == {"stored": 0, "already there": 0, "still refused": 1}
        result = await replay(city, eventually, sensor="pm-1", accept=[Reason.IMPOSSIBLE_TIME])
        assert outcomes(result)["stored"] == 1


async def test_a_wider_window_takes_what_an_earlier_life_refused(city, eventually):
    old = now_ms() - 90 * DAY_MS
    async with city.running(), city.gateway() as gateway:
        await gateway.pack(0, [pm(old, 3.0)])
        await eventually(lambda: gateway.stored())
    city.policy = checks.Policy(checks.TimeWindow(past_ms=120 * DAY_MS))
    async with city.running():
        result = await replay(city, eventually, reason=Reason.IMPOSSIBLE_TIME)
    assert outcomes(result)["stored"] == 1
    assert city.store.rows["pm-1", "pm25", old].value == 3.0
    assert city.store.late["pm-1", "pm25", old] >= 90 * 86_400 - 60


async def test_unknown_sensors_are_refused_where_told_and_stored_once_listed(city, eventually):
    at = now_ms()
    city.policy = checks.Policy(refuse_unknown_sensors=True)
    async with city.running(), city.gateway() as gateway:
        await gateway.birth([Sensor("pm-1", "pms5003", ("pm25",), 1.0)])
        await eventually(lambda: gateway.acks)
        await gateway.pack(0, [pm(at), pm(at, 4.0, sensor="pm-2")])
        await eventually(lambda: gateway.stored())
        (row,) = city.book.quarantined(10)
        assert (row.reason, row.sensor) == (Reason.UNKNOWN_SENSOR, "pm-2")
        assert city.book.owners() == {"pm-1": "gw-1"}
        heard = len(gateway.acks)
        await gateway.birth([Sensor(name, "pms5003", ("pm25",), 1.0) for name in ("pm-1", "pm-2")], (1, 2))
        await eventually(lambda: len(gateway.acks) > heard)
        assert outcomes(await replay(city, eventually, reason=Reason.UNKNOWN_SENSOR))["stored"] == 1
        assert city.store.rows["pm-2", "pm25", at].value == 4.0


async def test_a_message_a_former_release_could_not_read_is_taken_apart(city, eventually):
    """Its good readings are stored, the others become entries of their own."""
    at = now_ms()
    payload = encode_pack("bai-chay", [pm(at, 1.0), pm(at + 1, 2.0), pm(at - 61 * DAY_MS, 3.0)])
    topic = topics.up(city.root, "bai-chay", PackName("gw-1", "aaaa", 3))
    city.book.quarantine([Quarantined(Reason.UNDECODABLE, "not SenML", topic, "gw-1", "", payload)], at)
    async with city.running():
        result = await replay(city, eventually, reason=Reason.UNDECODABLE)
    (told,) = result["entries"]
    assert (told["outcome"], told["detail"]) == ("stored", "2 stored, 1 set aside one by one")
    assert sorted(r.value for r in city.store.rows.values()) == [1.0, 2.0]
    (left,) = [row for row in city.book.quarantined(10) if row.open]
    assert (left.reason, left.sensor) == (Reason.IMPOSSIBLE_TIME, "pm-1")


async def test_a_quantity_a_former_release_did_not_know_is_stored_now(city, eventually):
    at = now_ms()
    record = b'{"n":"pm-1/pm4","u":"ug/m3","t":%.3f,"v":7.5,"site":"bai-chay"}' % (at / 1000)
    known = Quarantined(Reason.UNKNOWN_QUANTITY, "unknown quantity 'pm4'", "t", "gw-1", "pm-1", record)
    unknown = Quarantined(Reason.UNKNOWN_QUANTITY, "?", "t", "gw-1", "pm-1", record.replace(b"pm4", b"joy"))
    text = Quarantined(Reason.BAD_RECORD, "?", "t", "gw-1", "pm-1", b"{'n': 'pm-1/pm25', 'v': Undefined}")
    city.book.quarantine([known, unknown, text], at)
    async with city.running():
        result = await replay(city, eventually, gateway="gw-1")
    assert outcomes(result) == {"stored": 1, "already there": 0, "still refused": 2}
    assert city.store.rows["pm-1", "pm4", at].value == 7.5
    refusals = {entries(city)[entry.payload].replay.detail for entry in (unknown, text)}
    assert "unknown quantity: unknown quantity 'joy'" in refusals
    assert any(detail.startswith("not a record: ") for detail in refusals)


async def test_what_the_store_refuses_still_is_told_with_its_words(city, eventually):
    at = now_ms()
    city.store.refused = {666.0: "field type conflict"}
    async with city.running(), city.gateway() as gateway:
        await gateway.pack(0, [pm(at, 666.0)])
        await eventually(lambda: gateway.stored())
        (told,) = (await replay(city, eventually, sensor="pm-1"))["entries"]
        assert (told["outcome"], told["detail"]) == (
            "still refused",
            "refused by the store: field type conflict",
        )
        city.store.refused = {}
        assert outcomes(await replay(city, eventually, sensor="pm-1"))["stored"] == 1


async def test_a_replay_waits_for_a_store_that_is_away(city, eventually):
    at = now_ms()
    record = Quarantined(
        Reason.STORE_REFUSED, "?", "t", "gw-1", "pm-1", b'{"n":"pm-1/pm25","t":%.3f,"v":1}' % (at / 1000)
    )
    async with city.running(), city.gateway() as gateway:
        await gateway.pack(0, [pm(at - 5)])
        await eventually(lambda: gateway.stored())
        city.book.quarantine([record], at)
        city.store.away = True
        commands = Commands(city.book)
        number = commands.ask("replay", ReplayOrder(QuarantineFilter(sensor="pm-1")), who="a test", now_ms=at)
        tried = city.store.attempts
        await eventually(lambda: city.store.attempts > tried)
        assert commands.find(number).result is None
        city.store.away = False
        await eventually(lambda: commands.find(number).result is not None)
        assert outcomes(commands.find(number).result)["stored"] == 1


async def test_a_command_nobody_can_read_is_answered_and_does_not_stop_the_next(city, eventually):
    commands = Commands(city.book)
    bad = commands.ask("replay", {"wanted": {"ids": "all of them"}}, who="a test", now_ms=1)
    other = commands.ask("something for another process", {}, who="a test", now_ms=1)
    async with city.running():
        assert outcomes(await replay(city, eventually, ids=(99,))) == {
            "stored": 0,
            "already there": 0,
            "still refused": 0,
        }
    assert commands.find(bad).result["error"].startswith("Expected `array`")
    assert commands.find(other).result is None


BOMBS = {
    "json depth": (b"[" * 40_000, Reason.UNDECODABLE),
    "json records": (b"[" + b'{"n":"a/pm25"},' * 3000 + b"{}]", Reason.TOO_LARGE),
    "json bytes": (b"[" + b" " * 200_000 + b"]", Reason.TOO_LARGE),
    "cbor depth": (b"\x81" * 60_000, Reason.UNDECODABLE),
    "cbor endless": (b"\x9f" * 60_000, Reason.UNDECODABLE),
    "cbor length": (b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", Reason.UNDECODABLE),
    "cbor bytes": (b"\x81\xa1\x02\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", Reason.UNDECODABLE),
    "cbor bigfloat": (cbor2.dumps([{0: "a/pm25", 2: cbor2.CBORTag(5, [2**31, 3])}]), Reason.UNDECODABLE),
    "cbor decimal": (cbor2.dumps([{0: "a/pm25", 2: cbor2.CBORTag(4, [10**9, 3])}]), Reason.UNDECODABLE),
    "cbor rational": (cbor2.dumps([{0: "a/pm25", 2: cbor2.CBORTag(30, [1, 0])}]), Reason.UNDECODABLE),
    "cbor regex": (cbor2.dumps([{0: cbor2.CBORTag(35, "(a+)+$")}]), Reason.UNDECODABLE),
    "cbor itself": (b"\xd8\x1c\x81\xd8\x1d\x00", Reason.UNDECODABLE),
    "zlib": (zlib.compress(b"[" + b" " * 10_000_000 + b"]"), Reason.UNDECODABLE),
}


@pytest.mark.parametrize("kind", BOMBS)
async def test_a_bomb_is_set_aside_and_its_neighbours_are_stored(city, eventually, kind):
    payload, reason = BOMBS[kind]
    at = now_ms()
    async with city.running(), city.gateway() as gateway:
        await gateway.pack(0, [pm(at)])
        await gateway.raw(1, payload)
        await gateway.pack(2, [pm(at + 1)])
        await eventually(lambda: len(gateway.stored()) == 3)
        assert len(city.store.rows) == 2
        (row,) = city.book.quarantined(10)
        assert row.reason == reason
        assert len(row.payload) <= 64 * 1024
        result = await replay(city, eventually, reason=reason)
        assert outcomes(result) == {"stored": 0, "already there": 0, "still refused": 1}


async def test_undatable_readings_wait_with_their_bracket_and_are_stored_once_as_a_guess(city, eventually):
    latest = now_ms() - 60_000
    since_boot = [Reading("pm-1", "pm25", at, at / 100) for at in (1_000, 2_000, 5_000)]
    async with city.running() as pipeline, city.gateway() as gateway:
        await gateway.raw(0, undatable.encode("bai-chay", "45dd", (latest - DAY_MS, latest), since_boot))
        await eventually(lambda: gateway.stored() == {("aaaa", 0)})
        (entry,) = city.book.quarantined(10)
        assert (entry.reason, entry.sensor) == (Reason.UNDATABLE, "")
        assert entry.detail.startswith("3 readings of pm-1, taken between ")
        assert pipeline.account.messages_quarantined == 1
        assert city.store.rows == {}
        assert outcomes(await replay(city, eventually)) == {
            "stored": 0,
            "already there": 0,
            "still refused": 1,
        }
        accepted = await replay(city, eventually, accept=[Reason.UNDATABLE])
        assert outcomes(accepted) == {"stored": 1, "already there": 0, "still refused": 0}
        assert [
            (r.observed_at, r.value, r.flags) for r in sorted(city.store.rows.values(), key=lambda r: r.value)
        ] == [
            (latest - 4_000, 10.0, Flag.GUESSED_TIME),
            (latest - 3_000, 20.0, Flag.GUESSED_TIME),
            (latest, 50.0, Flag.GUESSED_TIME),
        ]
