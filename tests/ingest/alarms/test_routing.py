"""Who is told what, when, and in which order."""

import msgspec
import pytest

from ingest.alarms.routing import Route, in_maintenance, notices
from storage.outbox import Told
from storage.quiet import Maintenance
from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import Severity
from tests.ingest.alarms.test_grouping import KNOWN, Grouping, T, found, step


def alarm(severity: Severity = Severity.WARNING, **changes: object) -> Alarm:
    (one,) = step(Grouping(), [found("pm25-1", severity=severity)], T)
    return msgspec.structs.replace(one, **changes)


def acknowledged(one: Alarm) -> Alarm:
    return msgspec.structs.replace(
        one, state=AlarmState.ACKNOWLEDGED, acknowledged_ms=T + 5, acknowledged_by="Lan"
    )


def closed(one: Alarm) -> Alarm:
    return msgspec.structs.replace(one, state=AlarmState.CLOSED, end_ms=T + 9)


def states(one: Alarm, route: Route, told: Told, now_ms: int = T, *, held: bool = False) -> list[str]:
    sent = notices(one, [route], told, now_ms, held=held)
    told |= {(notice.channel, notice.state): notice.alarm.severity for notice in sent}
    return [notice.state for notice in sent]


def test_each_state_is_told_once_and_in_order() -> None:
    told: Told = {}
    ops = Route("ops")
    assert states(alarm(), ops, told) == ["open"]
    assert states(alarm(), ops, told) == []
    assert states(alarm(Severity.CRITICAL), ops, told) == ["raised-critical"]
    assert states(acknowledged(alarm()), ops, told) == ["acknowledged"]
    assert states(closed(acknowledged(alarm())), ops, told) == ["closed"]
    assert states(closed(acknowledged(alarm())), ops, told) == []


def test_what_was_missed_comes_together_in_order() -> None:
    told: Told = {("ops", "open"): Severity.WARNING}
    assert states(closed(acknowledged(alarm(Severity.CRITICAL))), Route("ops"), told) == [
        "raised-critical",
        "acknowledged",
        "closed",
    ]


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        (Route("ops"), True),
        (Route("ops", Severity.WARNING), True),
        (Route("ops", Severity.CRITICAL), False),
        (Route("ops", sites=frozenset({"bai-chay"})), True),
        (Route("ops", sites=frozenset({"hon-gai"})), False),
        (Route("ops", families=frozenset({AlarmFamily.CITY})), True),
        (Route("ops", families=frozenset({AlarmFamily.HEALTH})), False),
    ],
)
def test_a_channel_hears_what_it_is_for(route: Route, wanted: bool) -> None:
    assert bool(states(alarm(), route, {})) is wanted
    assert states(closed(alarm()), route, {}) == []


def test_a_graver_alarm_reaches_who_wants_only_grave_ones() -> None:
    told: Told = {}
    boss = Route("boss", Severity.CRITICAL)
    assert states(alarm(), boss, told) == []
    assert states(alarm(Severity.CRITICAL), boss, told) == ["open"]
    assert states(closed(alarm()), boss, told) == ["closed"]  # milder now: its end is told all the same


def test_a_storm_has_no_site_and_is_for_everybody() -> None:
    assert states(alarm(site=""), Route("ops", sites=frozenset({"hon-gai"})), {}) == ["open"]


def test_escalation_waits_for_an_acknowledgement() -> None:
    boss = Route("boss", after_ms=60_000)
    told: Told = {}
    assert states(alarm(), boss, told, T + 59_999) == []
    assert states(acknowledged(alarm()), boss, {}, T + 600_000) == []
    assert states(alarm(), boss, told, T + 60_000) == ["escalated"]
    assert states(acknowledged(alarm()), boss, told, T + 61_000) == ["acknowledged"]


def test_maintenance_holds_what_begins_and_lets_what_was_told_end() -> None:
    told: Told = {}
    ops = Route("ops")
    assert states(alarm(), ops, told, held=True) == []
    assert states(closed(alarm()), ops, told) == []
    assert states(alarm(), ops, told) == ["open"]
    assert states(alarm(Severity.CRITICAL), ops, told, held=True) == []
    assert states(closed(alarm()), ops, told, held=True) == ["closed"]


@pytest.mark.parametrize(
    ("site", "sensor", "now_ms", "held"),
    [
        ("bai-chay", "", T, True),
        ("hon-gai", "", T, False),
        ("bai-chay", "", T - 1, False),
        ("bai-chay", "", T + 60_000, False),
        ("", "pm25-1", T, True),
        ("", "pm25-2", T, False),
    ],
)
def test_where_work_goes_on(site: str, sensor: str, now_ms: int, held: bool) -> None:
    work = Maintenance(1, site, sensor, T, T + 60_000, "new filter", "Lan", T)
    assert in_maintenance(alarm(), [work], now_ms) is held


def test_work_at_one_sensor_does_not_hide_its_neighbour() -> None:
    grouping = Grouping()
    (both,) = grouping.step([found("pm25-1"), found("pm25-2")], T, known=KNOWN)
    one, two = (Maintenance(n, "", f"pm25-{n}", T, T + 1, "", "Lan", T) for n in (1, 2))
    assert not in_maintenance(both, [one], T)
    assert in_maintenance(both, [one, two], T)
