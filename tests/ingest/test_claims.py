"""Two gateways, one sensor: seen, told, set aside, over when one is left."""

import time

from ingest.claims import QUIET_MS, Claim, Claims
from storage.commands import Commands
from telemetry.anomaly import AnomalyKind
from telemetry.inventory import Sensor
from telemetry.quarantine import Reason
from telemetry.reading import Reading

T = 1_767_200_400_000


def test_a_conflict_opens_changes_and_ends_once() -> None:
    claims = Claims()
    one = Claim("gw-1", "bai-chay", ("gw-2",))
    (opened,) = claims.look({"pm-1": one}, {}, T)
    assert (opened.sensor, opened.kind, opened.site, opened.end_ms) == (
        "pm-1",
        AnomalyKind.CLAIM,
        "bai-chay",
        None,
    )
    assert opened.text == "pm-1 belongs to gw-1, and gw-2 claims it too: what they send of it is set aside."
    assert claims.look({"pm-1": one}, {}, T + 1) == []
    assert claims.concern("gw-2")
    assert not claims.concern("gw-3")
    (worse,) = claims.look({"pm-1": one._replace(claimants=("gw-2", "gw-3"))}, {}, T + 2)
    assert (worse.id, worse.score) == (opened.id, 2.0)
    (over,) = claims.look({}, {}, T + 180_000)
    assert (over.id, over.end_ms) == (opened.id, T + 180_000)
    assert over.text.endswith("is set aside; over after 3 min.")
    assert claims.look({}, {}, T + 4) == []


def test_another_life_goes_on_with_it() -> None:
    claims, later = Claims(), Claims()
    one = {"pm-1": Claim("gw-1", "bai-chay", ("gw-2",))}
    opened = claims.look(one, {}, T)
    later.resume(opened, T + 4)
    assert later.look(one, {}, T + 5) == []
    assert [change.id for change in later.look({}, {}, T + 6)] == [opened[0].id]


OWNERS = {"pm-1": ("gw-1", "bai-chay")}


def test_who_only_sends_claims_too_until_it_has_been_quiet() -> None:
    claims = Claims()
    assert claims.sent([("pm-1", "gw-2")], T)
    (opened,) = claims.look({}, OWNERS, T)
    assert opened.text.startswith("pm-1 belongs to gw-1, and gw-2 claims it too")
    assert not claims.sent([("pm-1", "gw-2")], T + 60_000)
    assert not claims.fade(T + QUIET_MS)
    assert claims.fade(T + 60_000 + QUIET_MS)
    listed = {"pm-1": Claim("gw-1", "bai-chay", ("gw-3",))}
    (both,) = claims.look(listed, OWNERS, T + 61_000)
    assert (both.id, both.score) == (opened.id, 2.0)
    (one,) = claims.look(listed, OWNERS, T + 60_000 + QUIET_MS)
    assert one.text.startswith("pm-1 belongs to gw-1, and gw-3 claims it too")
    assert not claims.fade(T + 9 * QUIET_MS)


def test_who_becomes_the_owner_claims_nothing_any_more() -> None:
    claims = Claims()
    claims.sent([("pm-1", "gw-2")], T)
    claims.look({}, OWNERS, T)
    (over,) = claims.look({}, {"pm-1": ("gw-2", "bai-chay")}, T + 1)
    assert over.end_ms == T + 1
    assert not claims.fade(T + 9 * QUIET_MS)


def test_another_life_waits_for_who_only_sends() -> None:
    claims, later = Claims(), Claims()
    claims.sent([("pm-1", "gw-2")], T)
    opened = claims.look({}, OWNERS, T)
    later.resume(opened, T + 5)
    assert later.look({}, OWNERS, T + 6) == []
    assert later.sent([("pm-1", "gw-2")], T + 7)
    assert later.look({}, OWNERS, T + 7) == []
    quiet = Claims()
    quiet.resume(opened, T + 5)
    assert not quiet.fade(T + 6)
    assert quiet.fade(T + 5 + QUIET_MS)
    assert [change.id for change in quiet.look({}, OWNERS, T + 5 + QUIET_MS)] == [opened[0].id]


SENSOR = Sensor("pm-1", "pms5003", ("pm25",), 1.0)


async def test_it_is_told_everywhere_and_ends_when_the_other_lists_it_no_more(city, eventually):
    at = time.time_ns() // 1_000_000
    async with city.running(), city.gateway() as one, city.gateway("gw-2", "hon-gai") as two:
        await one.birth([SENSOR])
        await eventually(lambda: one.acks)
        await two.birth([SENSOR, Sensor("pm-2", "pms5003", ("pm25",), 1.0)])
        await eventually(lambda: city.anomalies and two.alarms)
        (opened,) = city.book.anomalies(open_only=True)
        assert (opened.kind, opened.sensor, opened.site) == (AnomalyKind.CLAIM, "pm-1", "bai-chay")
        assert city.anomalies == [opened]
        assert [alarm.anomalies for alarm in one.alarms] == [(opened.id,)]
        await two.pack(0, [Reading("pm-1", "pm25", at, 5.0), Reading("pm-2", "pm25", at, 6.0)])
        await eventually(lambda: two.stored())
        assert [row.reason for row in city.book.quarantined(5)] == [Reason.NOT_OWNER]
        assert [r.value for r in city.store.rows.values()] == [6.0]
    async with city.running():  # another life is told nothing new
        async with city.gateway("gw-2", "hon-gai") as two:
            await two.birth([Sensor("pm-2", "pms5003", ("pm25",), 1.0)], (1, 2))
            await eventually(lambda: len(city.anomalies) == 2)
        assert city.anomalies[-1].id == opened.id
        assert city.anomalies[-1].end_ms is not None
        assert city.book.anomalies(open_only=True) == []


async def test_retiring_the_owner_hands_the_sensor_over_and_its_readings_can_be_replayed(city, eventually):
    at = time.time_ns() // 1_000_000
    commands = Commands(city.book)
    async with city.running(), city.gateway() as one, city.gateway("gw-2", "hon-gai") as two:
        await one.birth([SENSOR])
        await eventually(lambda: one.acks)
        await two.birth([SENSOR])
        await eventually(lambda: city.anomalies)
        await two.pack(0, [Reading("pm-1", "pm25", at, 5.0)])
        await eventually(lambda: two.stored())
        asked = {"gateway": "gw-1", "at_ms": at - 5, "who": "a test"}
        number = commands.ask("retire", asked, who="a test", now_ms=at)
        await eventually(lambda: commands.find(number).result is not None)
        assert city.book.owner("pm-1") == "gw-2"
        assert city.book.anomalies(open_only=True, kind=AnomalyKind.CLAIM) == []
        replay = commands.ask("replay", {"wanted": {"reason": "not owner"}}, who="a test", now_ms=at)
        await eventually(lambda: commands.find(replay).result is not None)
        assert commands.find(replay).result["stored"] == 1
        assert [(r.value, city.store.sites["pm-1"]) for r in city.store.rows.values()] == [(5.0, "hon-gai")]
        unknown = commands.ask("retire", {**asked, "gateway": "gw-9"}, who="a test", now_ms=at)
        await eventually(lambda: commands.find(unknown).result is not None)
        assert commands.find(unknown).result == {"error": "no gateway 'gw-9' has ever been heard of"}


async def test_a_gateway_without_a_birth_is_told_of_once_when_it_sends_another_ones_readings(
    city, eventually
):
    at = time.time_ns() // 1_000_000
    async with city.running(), city.gateway() as one, city.gateway("gw-2", "hon-gai") as two:
        await one.birth([SENSOR])
        await eventually(lambda: one.acks)
        await two.pack(0, [Reading("pm-1", "pm25", at - 7_200_000, 4.0)])  # what it kept is no claim of today
        await eventually(lambda: len(two.stored()) == 1)
        assert city.anomalies == []
        for number in (1, 2):
            await two.pack(number, [Reading("pm-1", "pm25", at + number, 5.0)])
        await eventually(lambda: city.anomalies and len(two.stored()) == 3)
        (opened,) = city.book.anomalies(open_only=True)
        assert (opened.kind, opened.sensor, opened.site) == (AnomalyKind.CLAIM, "pm-1", "bai-chay")
        assert "gw-2 claims it too" in opened.text
        assert city.anomalies == [opened]
        assert {row.reason for row in city.book.quarantined(5)} == {Reason.NOT_OWNER}
