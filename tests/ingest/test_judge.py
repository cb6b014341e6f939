"""Flags, redelivery, backlog, restarts and bounds of the judge."""

from random import Random

from ingest.judge import Judge, Judgement, Known
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.reading import Flag, Reading

T = 1_767_200_400_000
KNOWN = Known("Bãi Cháy bụi", "bai-chay", "gw-1", 1.0)


def reading(second: float, value: float, flags: int = 0, sensor: str = "pm-1") -> Reading:
    return Reading(sensor, "pm25", T + round(second * 1000), value, flags)


def judge_at(judge: Judge, one: Reading, delay_ms: int = 200) -> Judgement:
    at = one.observed_at + delay_ms
    return judge.judge(one, KNOWN, arrived_ms=at, now_ms=at)


def healthy(count: int, start: int = 0) -> list[Reading]:
    rng = Random(3)
    return [reading(start + i, round(20 + rng.gauss(0, 2), 1)) for i in range(count)]


def warmed() -> Judge:
    judge = Judge()
    for one in healthy(100):
        assert judge_at(judge, one) == (0, ())
    return judge


def test_a_redelivered_reading_keeps_its_flags_and_opens_nothing():
    judge = warmed()
    spike = reading(100, 300, Flag.NUDGED)
    assert judge_at(judge, spike).flags == Flag.NUDGED | Flag.SPIKE
    assert judge_at(judge, spike) == (Flag.NUDGED | Flag.SPIKE, ())
    assert judge_at(judge, healthy(100)[50]) == (None, ())
    assert judge_at(judge, reading(50.5, 20, Flag.NUDGED)) == (Flag.NUDGED, ())
    assert judge_at(judge, reading(50.6, 4000)) == (Flag.RANGE, ())


def test_backlog_gets_range_checks_only_and_old_backlog_no_alarm():
    judge = warmed()
    late = judge_at(judge, reading(100, 300), delay_ms=300_001)
    assert late == (0, ())
    impossible = judge_at(judge, reading(101, 5000), delay_ms=3_600_001)
    assert impossible == (Flag.RANGE, ())
    recent = judge_at(judge, reading(102, 5000), delay_ms=1_800_000)
    assert recent.flags == Flag.RANGE
    assert [anomaly.kind for anomaly in recent.changes] == [AnomalyKind.RANGE]


def test_backlog_teaches_nothing():
    judge = warmed()
    for second in range(100, 400):
        judge_at(judge, reading(second, 300), delay_ms=600_000)
    assert judge_at(judge, reading(500, 300)).flags == Flag.SPIKE


def test_what_the_device_doubts_is_neither_judged_nor_learned():
    judge = warmed()
    assert judge_at(judge, reading(100, 300, Flag.DEVICE)) == (Flag.DEVICE, ())
    assert judge_at(judge, reading(101, 20)) == (0, ())


def test_an_episode_opens_once_worsens_and_closes():
    judge = warmed()
    told = []
    for second, value in enumerate([100, 101, 102, 250, *[20 + i % 3 for i in range(12)]], start=100):
        told += judge_at(judge, reading(second, value)).changes
    assert len({anomaly.id for anomaly in told}) == 1
    assert [anomaly.end_ms for anomaly in told] == [None, None, T + 104_000]
    assert told[1].score > told[0].score * 1.5
    assert told[1].value == told[2].value == 250


def test_one_doubtful_reading_is_flagged_and_no_anomaly():
    judge = warmed()
    assert judge_at(judge, reading(100, 50)) == (Flag.SPIKE, ())
    assert judge_at(judge, reading(101, 20)) == (0, ())


def test_a_restart_neither_opens_again_nor_forgets():
    judge = warmed()
    (opened,) = judge_at(judge, reading(100, 200)).changes
    later = Judge()
    for one in healthy(100):
        later.learn(one)
    later.learn(reading(100, 200, Flag.SPIKE))
    later.resume([opened], T + 101_000)
    assert judge_at(later, reading(100, 200)) == (Flag.SPIKE, ())
    told: list[Anomaly] = []
    told += judge_at(later, reading(102, 201)).changes
    for second in range(103, 120):
        told += judge_at(later, reading(second, 20 + second % 3)).changes
    assert [(anomaly.id, anomaly.end_ms) for anomaly in told] == [(opened.id, T + 103_000)]
    assert told[0].text.startswith("Bãi Cháy bụi: PM2.5 is 201.0")


def test_a_series_that_falls_silent_does_not_keep_its_anomaly_open():
    judge = warmed()
    (opened,) = judge_at(judge, reading(100, 200)).changes
    assert judge.expire(T + 390_000) == []
    (closed,) = judge.expire(T + 401_000)
    assert (closed.id, closed.end_ms) == (opened.id, T + 100_000)
    assert judge.expire(T + 900_000) == []


def test_series_are_bounded_and_the_longest_silent_go():
    judge = Judge(max_series=10)
    for number in range(25):
        judge_at(judge, reading(number, 20, sensor=f"pm-{number}"))
    assert len(judge) == 10
    assert judge_at(judge, reading(24, 20, sensor="pm-24")).flags is None


def test_what_an_instrument_says_while_it_is_calibrated_or_out_of_order_calls_nobody_and_teaches_nothing():
    for state in (Flag.CALIBRATING, Flag.FAULT):
        judge = warmed()
        for second in range(100, 160):
            assert judge_at(judge, reading(second, 300, state)) == (state, ())
            assert judge_at(judge, reading(second + 0.5, 5000, state)) == (state | Flag.RANGE, ())
        judge.learn(reading(160, 300, state))
        assert judge_at(judge, reading(161, 20)) == (0, ())
        assert judge_at(judge, reading(162, 300)).flags == Flag.SPIKE
