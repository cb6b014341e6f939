"""Readings that are missing in between are told as a bad line; holes, late readings, links that lose a little are not."""

from collections.abc import Iterable

import numpy as np
import pytest

from ingest.arrivals import TABLES, Arrivals, Heard
from ingest.detectors.lanes import Lanes
from ingest.silence import Silence
from ingest.telling import Known
from telemetry.anomaly import Anomaly, AnomalyKind, Severity

T = 1_767_200_400_000
WARM = 100  # readings before anything is the matter


class Line:
    """One sensor, whose readings arrive 300 ms after they were observed unless a delay is given."""

    def __init__(self, period_s: float, declared_s: float | None = None) -> None:
        self.period_ms = round(period_s * 1000)
        self.known = {
            "pm-1": Known("Bụi", "bai-chay", "gw-1", period_s if declared_s is None else declared_s)
        }
        self.arrivals = Arrivals()
        self.since_ms = 0
        self.now_ms = T
        self.said: list[Anomaly] = []

    def hear(self, numbers: Iterable[float], delay_ms: int = 300) -> None:
        """Readings, by their number since the beginning, that arrive together `delay_ms` after the newest was observed."""
        at = T + np.array([round(one * self.period_ms) for one in numbers], np.int64)
        self.now_ms = max(self.now_ms, int(at.max()) + delay_ms)
        heard = Heard(["pm-1"], np.zeros(len(at), np.int64), at, np.full(len(at), self.now_ms))
        self.arrivals.hear(heard, [self.known["pm-1"].period_s], [self.since_ms])
        self.said += self.arrivals.check(self.now_ms, self.known)

    def missing(self) -> int:
        """Since the sum was 0 last."""
        lane = Lanes((), TABLES)
        lane.load(lane.add(), self.arrivals.dump("pm-1").lane)
        return int(lane.tables["missing"][0])

    def hear_each(self, numbers: Iterable[float]) -> None:
        """One by one."""
        for number in numbers:
            self.hear([number])


def lossy(first: int, count: int, share: float, seed: int = 3) -> list[int]:
    rng = np.random.default_rng(seed)
    return [first + number for number in range(count) if rng.random() >= share]


@pytest.mark.parametrize(("period_s", "count"), [(300.0, 16), (60.0, 16), (1.0, 600)])
def test_half_of_the_readings_missing_is_told_once_and_closed_when_they_come_again(
    period_s: float, count: int
) -> None:
    line = Line(period_s)
    line.hear_each(range(WARM))
    line.hear_each(lossy(WARM, count, 0.5))
    (opened,) = line.said
    assert (opened.kind, opened.sensor, opened.quantity) == (AnomalyKind.GAP, "pm-1", "")
    assert (opened.site, opened.severity, opened.end_ms) == ("bai-chay", Severity.WARNING, None)
    assert opened.start_ms >= T + (WARM - 1) * line.period_ms
    assert opened.text.startswith("Bụi: ")
    assert "readings that were due within" in opened.text
    assert "thiếu" in opened.text_vi
    line.hear_each(range(WARM + count, WARM + 2 * count))
    _, closed = line.said
    assert (closed.id, closed.end_ms is not None) == (opened.id, True)
    assert "over after" in closed.text


def test_its_sentence_counts_what_is_missing_and_knows_of_damaged_frames() -> None:
    line = Line(300.0)
    line.arrivals.frames_refused("pm-1", 2, T - 1000)
    line.hear_each(range(WARM))
    line.arrivals.frames_refused("pm-1", 2, line.now_ms)
    line.arrivals.frames_refused("pm-1", 5, line.now_ms)
    line.hear_each([WARM + 1, WARM + 3, WARM + 5, WARM + 7])
    (opened,) = line.said
    assert opened.text == (
        "Bụi: 3 of 6 readings that were due within 30 min are missing; its gateway dropped damaged frames meanwhile: its line"
        " is bad."
    )
    other = Line(300.0)
    other.arrivals.frames_refused("pm-1", 2, T - 1000)
    other.hear_each(range(WARM))
    other.arrivals.frames_refused("pm-1", 2, other.now_ms)  # none since then
    other.hear_each([WARM + 1, WARM + 3, WARM + 5, WARM + 7])
    (opened,) = other.said
    assert opened.text == "Bụi: 3 of 6 readings that were due within 30 min are missing."


@pytest.mark.parametrize("hole", [1, 2, 3, 12, 2000])
@pytest.mark.parametrize("period_s", [300.0, 1.0])
def test_one_hole_is_no_bad_line_however_long(period_s: float, hole: int) -> None:
    line = Line(period_s)
    line.hear_each(range(WARM))
    line.hear_each(range(WARM + hole, 2 * WARM + hole))
    assert line.said == []


@pytest.mark.parametrize("period_s", [300.0, 1.0])
def test_readings_a_third_of_a_period_early_or_late_are_in_time(period_s: float) -> None:
    rng = np.random.default_rng(1)
    line = Line(period_s)
    line.hear_each(number + rng.uniform(-0.3, 0.3) for number in range(1500))
    assert line.said == []


@pytest.mark.parametrize("seed", range(5))
def test_a_link_that_always_loses_a_seventh_is_not_told_for_it(seed: int) -> None:
    line = Line(300.0)
    line.hear_each(lossy(0, 300, 0.15, seed))
    line.said.clear()
    line.hear_each(lossy(300, 1000, 0.15, seed + 100))
    assert sum(one.end_ms is None for one in line.said) <= 1


def test_a_sensor_slower_than_it_was_declared_has_its_own_pace() -> None:
    for pace in (1.7, 2.0, 3.0):
        line = Line(300.0, declared_s=300.0)
        line.hear_each(np.arange(200) * pace)
        assert line.said == []


def test_what_comes_after_newer_ones_fills_its_hole() -> None:
    """The newest five minutes go first, packs that a broker lost come again after ten seconds, in any order."""
    line = Line(1.0)
    line.hear_each(range(WARM))
    for begin in range(WARM, WARM + 1200, 60):
        line.hear_each(range(begin + 40, begin + 60))
        line.hear(reversed(range(begin, begin + 40)), delay_ms=10_000)
    assert line.said == []
    line.hear_each(lossy(WARM + 1220, 1200, 0.5))
    assert [one.end_ms for one in line.said] == [None]


@pytest.mark.parametrize("hole", [4, 300])
def test_what_fills_a_hole_and_comes_again_fills_it_once(hole: int) -> None:
    lines = []
    for times in (1, 3):
        line = Line(1.0)
        line.hear_each([*range(WARM), *range(WARM + hole, 2 * WARM + hole)])
        for _ in range(times):
            line.hear(range(WARM, WARM + hole, 2), delay_ms=10_000)
            line.hear(range(WARM, WARM + 2), delay_ms=10_000)
        lines.append(line.arrivals.dump("pm-1"))
    assert lines[0] == lines[1]


@pytest.mark.parametrize("hole", [1, 5, 63, 64, 65, 299])
def test_a_hole_that_is_filled_was_none(hole: int) -> None:
    whole, late = Line(1.0), Line(1.0)
    for line in (whole, late):
        line.hear_each(range(WARM))
    late.hear_each([WARM + hole])
    late.hear(reversed(range(WARM, WARM + hole)), delay_ms=10_000)
    whole.hear_each(range(WARM, WARM + hole + 1))
    assert late.missing() == whole.missing() == 0


def test_backlog_and_redelivery_tell_nothing() -> None:
    line = Line(60.0)
    line.hear_each(range(WARM))
    line.hear([WARM + 2 * number for number in range(20)], delay_ms=3_600_000)  # only old ones
    line.hear(range(WARM), delay_ms=3_700_000)
    assert line.said == []


def test_what_came_before_a_break_says_nothing_of_what_came_after_it() -> None:
    line = Line(300.0)
    line.hear_each(range(WARM))
    for number in range(WARM, WARM + 40, 4):
        line.since_ms = T + number * line.period_ms  # the hub was deaf, or the gateway away, until now
        line.hear_each([number, number + 1])
    assert line.said == []


def test_a_sensor_that_speaks_when_it_likes_has_no_rate() -> None:
    line = Line(60.0, declared_s=0.0)
    line.hear_each(lossy(0, 500, 0.5))
    assert line.said == []


def test_several_quantities_of_a_frame_are_one_arrival() -> None:
    line = Line(60.0)
    for number in range(300):
        line.hear([number, number, number])
    assert line.said == []
    assert Arrivals().check(T, {}) == []


def test_of_a_sensor_that_is_gone_nothing_is_said_any_more() -> None:
    line = Line(60.0)
    line.hear_each([*range(WARM), *range(WARM, WARM + 20, 2)])
    (opened,) = line.said
    last_ms = line.now_ms - 300
    assert line.arrivals.check(last_ms + 600_000, line.known) == []
    (closed,) = line.arrivals.check(last_ms + 700_000, line.known)
    assert (closed.id, closed.end_ms) == (opened.id, last_ms)


def test_a_restart_goes_on_with_what_is_open() -> None:
    line = Line(60.0)
    line.hear_each([*range(WARM), *range(WARM, WARM + 20, 2)])
    (opened,) = line.said
    later = Line(60.0)
    later.arrivals.resume([opened])
    later.hear_each(range(WARM + 20, WARM + 26, 2))
    assert later.said == []
    later.hear_each(range(WARM + 26, WARM + 60))
    assert [(one.id, one.end_ms is None) for one in later.said] == [(opened.id, False)]


@pytest.mark.parametrize("stop", [1, WARM, WARM + 3, WARM + 8, WARM + 16])
def test_a_restart_in_order_counts_on(stop: int) -> None:
    numbers = [*range(WARM), *range(WARM, WARM + 20, 2), *range(WARM + 20, WARM + 60)]
    whole = Line(60.0)
    whole.arrivals.frames_refused("pm-1", 2, T)
    whole.hear_each(numbers)
    assert len(whole.said) == 2
    before, after = Line(60.0), Line(60.0)
    before.arrivals.frames_refused("pm-1", 2, T)
    before.hear_each(one for one in numbers if one < stop)
    after.arrivals.frames_refused("pm-1", 2, before.now_ms)  # its gateway's next heartbeat comes first
    assert after.arrivals.load("pm-1", before.arrivals.dump("pm-1"))
    after.arrivals.resume(one for one in before.said if one.end_ms is None)
    after.hear_each(one for one in numbers if one >= stop)
    assert before.said + after.said == whole.said


def test_counts_of_another_make_are_left_out() -> None:
    line = Line(60.0)
    line.hear_each(range(WARM))
    kept = line.arrivals.dump("pm-1")
    for strange in (kept._replace(make=kept.make + 1), kept._replace(lane=kept.lane[:-1])):
        later = Arrivals()
        assert not later.load("pm-1", strange)
        assert later.newest("pm-1") == (0, 0)
    assert Arrivals().load("pm-2", Arrivals().dump("pm-2"))


def test_silence_tells_of_it_and_a_gateway_that_was_away_excuses_it() -> None:
    known = {"pm-1": Known("Bụi", "bai-chay", "gw-1", 60.0)}

    def told(*, flaps: bool) -> list[AnomalyKind]:
        silence, said = Silence(), []
        silence.listen(T)
        for number in [*range(WARM), *range(WARM, WARM + 12, 2)]:
            at = T + number * 60_000
            if flaps and number > WARM:
                silence.gateway_left("gw-1", at - 30_000, orderly=False)
            silence.gateway_beat("gw-1", at - 1000)
            silence.sensor_heard("pm-1", at)
            silence.readings_heard(
                Heard(["pm-1"], np.zeros(1, np.int64), np.array([at]), np.array([at + 300])), known
            )
            said += [one.kind for one in silence.check(at + 400, known, {"gw-1": "bai-chay"})]
        return said

    assert told(flaps=False) == [AnomalyKind.GAP]
    assert told(flaps=True) == []


def test_the_state_of_sensors_that_nobody_lists_is_forgotten() -> None:
    arrivals = Arrivals()
    for batch in range(3):
        names = [f"s{batch}-{number}" for number in range(900)]
        at = np.full(900, T + batch, np.int64)
        arrivals.hear(Heard(names, np.arange(900), at, at), [60.0] * 900, [0] * 900)
        arrivals.check(T + batch, {})
    assert len(arrivals) <= 1000
