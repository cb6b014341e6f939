"""What belongs together is one alarm: over sites, over episodes, in a storm, under a dead gateway; and what is muted is none."""

from collections.abc import Sequence

import msgspec
import pytest

from ingest.alarms.grouping import DONE_MAX, LATE_MS, STORM_ALARMS, Grouping, Timing
from ingest.telling import Known
from storage.quiet import Mute, Verdict
from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id

T = 1_795_395_600_000
TIMING = Timing(settle_ms=30_000, linger_ms=300_000, gateway_linger_ms=60_000)
KNOWN = {
    f"{quantity}-{number}": Known(f"{quantity} {number}, Bãi Cháy", "bai-chay", "gw-1", 60.0, "Bãi Cháy")
    for quantity in ("pm25", "noise_laeq")
    for number in range(100)
}


def found(
    sensor: str,
    kind: AnomalyKind = AnomalyKind.SPIKE,
    *,
    start_ms: int = T,
    end_ms: int | None = None,
    site: str = "bai-chay",
    severity: Severity = Severity.WARNING,
    score: float = 3.1,
) -> Anomaly:
    quantity = (
        ""
        if kind in (AnomalyKind.SILENCE, AnomalyKind.GAP, AnomalyKind.GATEWAY)
        else sensor.rpartition("-")[0]
    )
    text = f"{sensor}: {kind}"
    return Anomaly(
        id=anomaly_id(sensor, quantity, kind, start_ms),
        sensor=sensor,
        quantity=quantity,
        site=site,
        kind=kind,
        severity=severity,
        start_ms=start_ms,
        end_ms=end_ms,
        score=score,
        value=412.0,
        expected=20.0,
        low=8.0,
        high=31.0,
        text=f"{text}; over after 60 s." if end_ms else f"{text}.",
        text_vi=f"{text} vi; đã hết sau 60 giây." if end_ms else f"{text} vi.",
    )


def over(anomaly: Anomaly, end_ms: int) -> Anomaly:
    return msgspec.structs.replace(anomaly, end_ms=end_ms)


def step(
    grouping: Grouping, changes: Sequence[Anomaly], now_ms: int, mutes: Sequence[Mute] = ()
) -> list[Alarm]:
    return grouping.step(changes, now_ms, known=KNOWN, mutes=mutes)


def muting(sensor: str, quantity: str = "", kind: str = "") -> Mute:
    return Mute(1, sensor, quantity, kind, Verdict.FALSE, "", "an operator", T, T + 1)


def test_several_sensors_of_a_site_are_one_event_not_ten() -> None:
    grouping = Grouping(TIMING)
    (one,) = step(grouping, [found("pm25-1")], T)
    assert (one.state, one.family, one.sensors) == (AlarmState.OPEN, AlarmFamily.CITY, ("pm25-1",))
    assert (one.value, one.expected, one.low, one.high) == (412.0, 20.0, 8.0, 31.0)
    (more,) = step(grouping, [found(f"pm25-{n}", start_ms=T + n, score=1.0) for n in range(2, 10)], T + 5000)
    (all_,) = step(grouping, [found("noise_laeq-1", start_ms=T + 20)], T + 6000)
    assert one.id == more.id == all_.id
    assert len(all_.sensors) == len(all_.anomalies) == 10
    assert more.text == "pm25-1: spike; eight neighbours agree."
    assert all_.text.endswith("eight neighbours agree; unusual there, too: equivalent sound level.")
    assert all_.text_vi == (
        "pm25-1: spike vi; 8 cảm biến bên cạnh cũng thấy như vậy; cũng bất thường ở đó: mức âm tương đương."
    )
    (elsewhere,) = step(grouping, [found("pm25-50", site="hon-gai")], T + 7000)
    assert elsewhere.id != one.id


def test_what_follows_within_minutes_is_the_same_alarm_and_it_ends_when_the_last_did() -> None:
    grouping = Grouping(TIMING)
    first, second = found("pm25-1"), found("pm25-1", start_ms=T + 200_000, score=9.0)
    (opened,) = step(grouping, [first], T)
    (calm,) = step(grouping, [over(first, T + 60_000)], T + 60_000)
    assert (calm.id, calm.state, calm.end_ms) == (opened.id, AlarmState.OPEN, None)
    (again,) = step(grouping, [second], T + 200_000)
    assert (again.id, again.score) == (opened.id, 9.0)
    step(grouping, [over(second, T + 230_000)], T + 230_000)
    assert step(grouping, [], T + 529_999) == []
    (closed,) = step(grouping, [], T + 530_000)
    assert (closed.id, closed.state, closed.end_ms) == (opened.id, AlarmState.CLOSED, T + 230_000)
    assert closed.text == "pm25-1: spike; over after 3 min."
    assert step(grouping, [over(second, T + 230_000), second], T + 540_000) == []
    (new,) = step(grouping, [found("pm25-1", start_ms=T + 600_000)], T + 600_000)
    assert new.id != opened.id


def test_a_change_that_is_none_is_not_told() -> None:
    grouping = Grouping(TIMING)
    assert len(step(grouping, [found("pm25-1")], T)) == 1
    assert step(grouping, [found("pm25-1")], T + 1000) == []


def test_health_of_one_sensor_is_one_alarm_apart_from_what_happens_in_the_city() -> None:
    grouping = Grouping(TIMING)
    alarms = step(
        grouping,
        [found("pm25-1", AnomalyKind.STUCK), found("pm25-1", AnomalyKind.RANGE), found("pm25-1")],
        T,
    )
    assert [(one.family, len(one.anomalies)) for one in alarms] == [
        (AlarmFamily.HEALTH, 2),
        (AlarmFamily.CITY, 1),
    ]


def test_a_short_silence_is_no_alarm_and_those_of_a_site_are_one() -> None:
    grouping = Grouping(TIMING)
    short = found("pm25-1", AnomalyKind.SILENCE)
    assert step(grouping, [short], T) == []
    assert step(grouping, [over(short, T + 20_000)], T + 20_000) == []
    long = [found(f"pm25-{n}", AnomalyKind.SILENCE, start_ms=T + 60_000) for n in (2, 3, 4)]
    assert step(grouping, long, T + 60_000) == []
    assert step(grouping, long[:1], T + 89_000) == []  # heard again, waits no longer for it
    (alarm,) = step(grouping, [], T + 90_000)
    assert alarm.sensors == ("pm25-2", "pm25-3", "pm25-4")
    assert alarm.text == "pm25-2: silence; the same of pm25 3, pm25 4."


def test_sensors_on_one_bad_line_are_one_alarm_with_those_that_are_silent() -> None:
    grouping = Grouping(TIMING)
    (alarm,) = step(grouping, [found("pm25-1", AnomalyKind.GAP), found("pm25-2", AnomalyKind.GAP)], T)
    assert (alarm.family, alarm.sensors) == (AlarmFamily.HEALTH, ("pm25-1", "pm25-2"))
    step(grouping, [found("pm25-3", AnomalyKind.SILENCE)], T)
    (alarm,) = step(grouping, [], T + 30_000)
    assert alarm.sensors == ("pm25-1", "pm25-2", "pm25-3")
    assert "the same of pm25 2, pm25 3" in alarm.text


def test_a_dead_gateway_is_one_alarm_not_sixty() -> None:
    grouping = Grouping(TIMING)
    silences = [found(f"pm25-{n}", AnomalyKind.SILENCE) for n in range(60)]
    dead = found("gw-1", AnomalyKind.GATEWAY, start_ms=T + 10_000, severity=Severity.CRITICAL)
    assert step(grouping, silences, T) == []
    (alarm,) = step(grouping, [dead], T + 20_000)
    assert (alarm.sensors, alarm.severity) == (("gw-1",), Severity.CRITICAL)
    assert step(grouping, [], T + 3_600_000) == step(grouping, [], T + 3_699_000) == []
    heard = [over(one, T + 3_700_000) for one in silences[:58]]
    assert step(grouping, [over(dead, T + 3_700_000), *heard], T + 3_700_000)[0].state is AlarmState.OPEN
    told = step(grouping, [], T + 3_760_000)  # the gateway is well, two of its sensors are not
    assert [(one.state, one.sensors) for one in told] == [
        (AlarmState.OPEN, ("pm25-58", "pm25-59")),
        (AlarmState.CLOSED, ("gw-1",)),
    ]


def test_a_storm_is_limited_and_a_later_alarm_has_its_own_name_again() -> None:
    grouping = Grouping(TIMING)
    many = [found(f"gw-{n}", AnomalyKind.GATEWAY, site=f"site-{n}") for n in range(60)]
    alarms = step(grouping, many, T)
    assert len(alarms) == STORM_ALARMS + 1
    storm = alarms[-1]
    assert (storm.group, storm.site, storm.severity) == ("storm", "", Severity.CRITICAL)
    assert storm.text == "Storm of alarms: 40 further sensors or gateways at 40 sites, told together."
    (own,) = step(grouping, [found("gw-99", AnomalyKind.GATEWAY, start_ms=T + 700_000)], T + 700_000)
    assert own.group == "gateway/gw-99"


def test_nothing_stale_is_told() -> None:
    grouping = Grouping(TIMING)
    assert step(grouping, [found("pm25-1", end_ms=T + 1000)], T + 1001 + LATE_MS) == []
    (fresh,) = step(grouping, [found("pm25-2", end_ms=T + 1000)], T + 1000 + LATE_MS)
    assert fresh.state is AlarmState.OPEN  # and closed once it has lingered


@pytest.mark.parametrize(
    ("mute", "alarms"),
    [
        (muting("pm25-1"), 0),
        (muting("pm25-1", "pm25"), 0),
        (muting("pm25-1", "pm25", "spike"), 0),
        (muting("pm25-1", "pm10"), 1),
        (muting("pm25-1", "", "stuck"), 1),
        (muting("pm25-2"), 1),
    ],
)
def test_a_muted_pattern_is_no_alarm(mute: Mute, alarms: int) -> None:
    assert len(step(Grouping(TIMING), [found("pm25-1")], T, [mute])) == alarms


def test_muting_ends_what_is_open_and_it_does_not_come_back_by_itself() -> None:
    grouping = Grouping(TIMING)
    step(grouping, [found("pm25-1"), found("pm25-2")], T)
    assert step(grouping, [], T + 1000, [muting("pm25-1")]) == []  # the other still says so
    (closed,) = step(grouping, [], T + 2000, [muting("pm25-1"), muting("pm25-2")])
    assert (closed.state, closed.end_ms) == (AlarmState.CLOSED, T + 2000)
    assert step(grouping, [found("pm25-1", score=7.0)], T + 3000) == []


def test_somebody_looks_after_it() -> None:
    grouping = Grouping(TIMING)
    one = found("pm25-1")
    (opened,) = step(grouping, [one], T)
    taken = grouping.acknowledge(one.id, T + 1000, "Lan", KNOWN)  # by the anomaly's own id
    assert taken is not None
    assert (taken.id, taken.state, taken.acknowledged_by) == (opened.id, AlarmState.ACKNOWLEDGED, "Lan")
    assert grouping.acknowledge(opened.id, T + 2000, "Minh", KNOWN) is None
    assert grouping.acknowledge("nothing", T, "Minh", KNOWN) is None
    (more,) = step(grouping, [found("pm25-2")], T + 3000)
    assert (more.state, more.acknowledged_ms) == (AlarmState.ACKNOWLEDGED, T + 1000)


def test_another_life_goes_on_with_the_same_alarms() -> None:
    first, later = Grouping(TIMING), Grouping(TIMING)
    one, gone = found("pm25-1"), found("noise_laeq-3", AnomalyKind.STUCK, end_ms=T + 100)
    opened = step(first, [one, gone], T)
    first.acknowledge(one.id, T + 1000, "Lan", KNOWN)
    alarms = [alarm for alarm in opened if alarm.family is AlarmFamily.CITY]
    alarms = [msgspec.structs.replace(a, acknowledged_ms=T + 1000, acknowledged_by="Lan") for a in alarms]
    old = [alarm for alarm in opened if alarm.family is AlarmFamily.HEALTH]
    later.resume(alarms, old, {one.id: one})
    assert step(later, [one, gone], T + 2000) == []
    (more,) = step(later, [found("pm25-2")], T + 3000)
    assert (more.id, more.state, more.acknowledged_by) == (alarms[0].id, AlarmState.ACKNOWLEDGED, "Lan")


def test_what_is_remembered_of_the_past_is_bounded() -> None:
    grouping = Grouping(TIMING)
    grouping.resume([], [], {})
    grouping._forget([str(number) for number in range(DONE_MAX + 5)])
    assert len(grouping._done) == DONE_MAX


def test_a_drift_of_weeks_is_an_alarm_beside_what_else_happens_to_the_sensor() -> None:
    grouping = Grouping(TIMING)
    (drifts,) = step(grouping, [found("pm25-1", AnomalyKind.CALIBRATION, start_ms=T - 10 * 86_400_000)], T)
    (stands,) = step(grouping, [found("pm25-1", AnomalyKind.STUCK, start_ms=T + 1000)], T + 1000)
    assert drifts.id != stands.id
    assert drifts.family is stands.family is AlarmFamily.HEALTH
