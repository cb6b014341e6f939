"""Flags, redelivery, backlog, restarts and bounds of the judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np
import pytest

from ingest.detectors import Finding
from ingest.judge import Judge, Verdict
from ingest.rows import Rows
from ingest.telling import Known
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.reading import Flag, Reading
from tests.thorough import TIMES

T = 1_767_200_400_000
KNOWN = Known("Bãi Cháy bụi", "bai-chay", "gw-1", 1.0)


def reading(second: float, value: float, flags: int = 0, sensor: str = "pm-1") -> Reading:
    return Reading(sensor, "pm25", T + round(second * 1000), value, flags)


class Judgement(NamedTuple):
    """Of one reading."""

    flags: int | None
    changes: tuple[Anomaly, ...] = ()


def judge_at(judge: Judge, one: Reading, delay_ms: int = 200) -> Judgement:
    at = one.observed_at + delay_ms
    ((flags,), changes) = judge.judge(Rows.of_readings([one], at), lambda _: KNOWN, now_ms=at)
    return Judgement(flags, tuple(changes))


def healthy(count: int, start: int = 0) -> list[Reading]:
    rng = Random(3)
    return [reading(start + i, round(20 + rng.gauss(0, 2), 1)) for i in range(count)]


def warmed() -> Judge:
    judge, end = Judge(), T + 100_000
    rows = Rows.of_readings(healthy(100), end)
    assert judge.judge(rows, lambda _: KNOWN, now_ms=end) == ([0] * 100, [])
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


def told_of(judge: Judge, values: Sequence[float], start: int, surveyed: dict[int, AnomalyKind]) -> list[str]:
    """What opened and closed, a reading a second; with some of them the survey tells a kind."""
    said = []
    for index, value in enumerate(values):
        one = reading(start + index, value)
        at = one.observed_at + 200
        rows = Rows.of_readings([one], at)
        kind = surveyed.get(index)
        told = {0: [(kind, Finding(2.0, value, one.observed_at))]} if kind is not None else {}
        verdict = judge.judge(rows, lambda _: KNOWN, now_ms=at, surveyed=told)
        said += [f"{'-' if change.end_ms else '+'}{change.kind}" for change in verdict.changes]
    return list(dict.fromkeys(said))


def test_a_dead_zero_is_told_once_and_by_its_name():
    judge = warmed()
    zeros = [0.0] * 200
    assert told_of(judge, zeros, 100, {}) == ["+spike", "-spike", "+dead_zero"]
    again = Judge()
    assert again.load(judge.dump([("pm-1", "pm25")])) == 0
    back = [20.0 + index % 3 for index in range(20)]
    for one in (judge, again):
        assert told_of(one, back, 300, {}) == ["-dead_zero"]


def test_what_the_survey_calls_a_dead_zero_is_over_when_it_says_so():
    judge = warmed()
    told_of(judge, [0.0] * 130, 100, {120: AnomalyKind.ZERO})
    again = Judge()
    assert again.load(judge.dump([("pm-1", "pm25")])) == 0
    back = [20.0 + index % 3 for index in range(60)]
    for one in (judge, again):
        assert told_of(one, back, 230, {}) == []


@pytest.mark.parametrize("kind", [AnomalyKind.UNIT, AnomalyKind.NOISE])
def test_a_spike_gives_way_to_another_unit_and_to_noise(kind: AnomalyKind):
    rng = Random(5)
    values = [200 + rng.gauss(0, 40) for _ in range(100)]
    judge = warmed()
    assert told_of(judge, values, 100, {60: kind}) == ["+spike", f"+{kind}", "-spike"]
    again = Judge()
    assert again.load(judge.dump([("pm-1", "pm25")])) == 0
    for one in (judge, again):
        assert told_of(one, [900.0] * 5, 200, {}) == []


def test_impossible_values_in_another_unit_are_told_by_that_name():
    rng = Random(6)
    judge = Judge()
    assert told_of(judge, [round(200 + rng.gauss(0, 3), 1) for _ in range(100)], 0, {}) == []
    assert told_of(judge, [round(2000 + rng.gauss(0, 30), 1) for _ in range(2)], 100, {}) == ["+range"]
    again = Judge()
    assert again.load(judge.dump([("pm-1", "pm25")])) == 0
    for one in (judge, again):
        rng = Random(7)
        other = [round(2000 + rng.gauss(0, 30), 1) for _ in range(30)]
        assert told_of(one, other, 102, {}) == ["+unit_jump", "-range"]
        assert told_of(one, [200.0 + index % 5 for index in range(15)], 132, {}) == ["-unit_jump"]


def test_a_restart_neither_opens_again_nor_forgets():
    judge = warmed()
    (opened,) = judge_at(judge, reading(100, 200)).changes
    later = Judge()
    later.learn([*healthy(100), reading(100, 200, Flag.SPIKE)])
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
        judge.learn([reading(160, 300, state)])
        assert judge_at(judge, reading(161, 20)) == (0, ())
        assert judge_at(judge, reading(162, 300)).flags == Flag.SPIKE


def test_a_batch_of_more_series_than_are_kept_is_judged_whole():
    judge = Judge(max_series=10)
    many = [reading(0, 20, sensor=f"pm-{number}") for number in range(25)]
    assert judge.judge(Rows.of_readings(many, T), lambda _: KNOWN, now_ms=T).flags == [0] * 25
    assert judge.judge(Rows.of_readings(many, T), lambda _: KNOWN, now_ms=T).flags == [None] * 25
    judge_at(judge, reading(1, 20, sensor="pm-26"))
    assert len(judge) == 10


QUANTITIES = ("pm25", "temperature", "wind_direction", "rain", "wind_speed", "humidity", "energy")
ODD = (Flag.NUDGED, Flag.DEVICE, Flag.STUCK, Flag.CALIBRATING, Flag.FAULT | Flag.NUDGED)


@dataclass
class Street:
    """One series with everything the judge looks for: faults, standing values, new levels, gaps, odd flags."""

    sensor: str
    quantity: str
    rng: Random
    base: float
    noise: float
    at_ms: int = T
    what: str = ""
    left: int = 0
    value: float = 0.0

    def read(self) -> Reading:
        rng = self.rng
        self.at_ms += rng.choice([500, *[1000] * 200, 30_000, 900_000 if rng.random() < 0.2 else 1000])
        self.left -= 1
        if self.left < 0:
            self.what = rng.choices(["", "spike", "stuck", "level", "zero"], [300, 2, 1, 1, 1])[0]
            self.left = {"": 0, "spike": 3, "stuck": 150, "level": 200, "zero": 30}[self.what]
        self.base += rng.random() / 10 * (self.quantity in ("rain", "energy"))
        value = self.base + rng.gauss(0, self.noise)
        value += rng.choice([100.0, 300.0, -40.0, 4000.0]) if self.what == "spike" else 0.0
        value = {"level": value + 15, "zero": 0.0, "stuck": self.value}.get(self.what, value)
        self.value = round(value % 360 if self.quantity == "wind_direction" else value, 1)
        flags = rng.choice(ODD) if rng.random() < 0.01 else 0
        return Reading(self.sensor, self.quantity, self.at_ms, self.value, flags)


def life(rng: Random, count: int) -> list[Reading]:
    """Of a few series, some of it delivered again."""
    noises = (0, 0.05, 1, 5, 20)
    streets = [
        Street(f"s-{number}", rng.choice(QUANTITIES), rng, rng.uniform(10, 60), rng.choice(noises))
        for number in range(rng.randint(1, 10))
    ]
    found: list[Reading] = []
    while len(found) < count:
        found.append(rng.choice(streets).read())
        if rng.random() < 0.02:
            found.append(rng.choice(found[-200:]))
    return found


def judged(rng: Random, judge: Judge, readings: Sequence[Reading], sizes: Sequence[int]) -> Verdict:
    """In batches of any of these sizes; what is surveyed, when it arrives and when it is judged do not depend on the cut."""
    flags: list[int | None] = []
    changes: list[Anomaly] = []
    while len(flags) < len(readings):
        begin = len(flags)
        part = readings[begin : begin + rng.choice(sizes)]
        rows = Rows.of_readings(part, 0)
        late = [350_000 if (begin + row) % 97 == 0 else 300 for row in range(len(part))]
        surveyed = {
            row: [(AnomalyKind.DRIFT, Finding(1.5, 1.0, one.observed_at, 2.0, 1.0, 3.0))]
            for row, one in enumerate(part)
            if (begin + row) % 211 == 0
        }
        verdict = judge.judge(
            rows._replace(arrived_ms=rows.observed_ms + np.array(late)),
            lambda _: KNOWN,
            now_ms=T + 3_600_000,
            surveyed=surveyed,
        )
        flags += verdict.flags
        changes += verdict.changes
    return Verdict(flags, changes)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(6 * TIMES))
def test_readings_are_told_the_same_one_by_one_and_in_batches_of_any_size(seed: int):
    rng = Random(seed)
    readings = life(rng, 700)
    alone = judged(rng, Judge(), readings, [1])
    assert any(alone.flags)
    for sizes in ([len(readings)], [2, 3, 7], [1, 50, 400]):
        assert judged(rng, Judge(), readings, sizes) == alone


@pytest.mark.parametrize(("value", "flag"), [(0.0, 0), (100.0, 0), (-0.1, Flag.RANGE), (100.1, Flag.RANGE)])
def test_a_range_includes_its_ends(value: float, flag: int):
    assert judge_at(Judge(), Reading("rh-1", "humidity", T, value)).flags == flag
