"""Vehicles and their periods, against a reference that looks at all reports at once."""

import statistics
from collections.abc import Sequence
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.omnipresense import ops243
from edge.payloads import Dated
from edge.traffic import CATCH_UP, GAP_MS, LATE_MS, LONGEST_MS, MAX_VEHICLES, Traffic, percentile

PERIOD = 60_000
T0 = 1_700_000_040_000  # the beginning of a minute
SETTLED = GAP_MS + LATE_MS
Report = tuple[int, float, str]


def started(*, raw: bool = False) -> Traffic:
    traffic = Traffic(PERIOD, raw=raw)
    assert traffic.due(T0, 0) == []
    return traffic


def minute(traffic: Traffic, number: int = 0, watched_since_ms: int | None = 0) -> dict[str, float]:
    end = T0 + (number + 1) * PERIOD
    due = traffic.due(end + SETTLED, watched_since_ms)
    assert all(dated.time_ms == end for dated in due)
    return {dated.quantity: dated.value for dated in due}


def test_an_empty_period_has_a_count_and_no_speed() -> None:
    assert minute(started()) == {"vehicle_count": 0, "occupancy": 0}


def test_reports_of_one_direction_without_a_gap_are_one_vehicle() -> None:
    traffic = started()
    for at, speed, way in (
        (0, 40, "in"),
        (GAP_MS - 1, 44, "in"),
        (GAP_MS, 60, "out"),
        (3 * GAP_MS, 30, "in"),
    ):
        traffic.report(T0 + at, speed, way)
    found = minute(traffic)
    assert found["vehicle_count"] == 3
    assert found["vehicle_speed"] == pytest.approx((44 + 60 + 30) / 3)
    assert found["occupancy"] == pytest.approx(100 * (GAP_MS - 1) / PERIOD)


def test_a_queue_without_gaps_is_cut() -> None:
    traffic = started()
    for at in range(0, 2 * LONGEST_MS, 200):
        traffic.report(T0 + at, 20.0)
    assert minute(traffic)["vehicle_count"] == 2


def test_a_vehicle_on_the_border_belongs_to_where_it_ends() -> None:
    traffic = started()
    for at in (-1000, -500, 0, 500):
        traffic.report(T0 + PERIOD + at, 50.0)
    first = minute(traffic)
    assert (first["vehicle_count"], "vehicle_speed" in first) == (0, False)
    assert first["occupancy"] == pytest.approx(100 * 1000 / PERIOD)
    second = minute(traffic, 1)
    assert (second["vehicle_count"], second["vehicle_speed"]) == (1, 50)
    assert second["occupancy"] == pytest.approx(100 * 500 / PERIOD)


def test_a_period_is_told_once_and_only_when_it_has_settled() -> None:
    traffic = started()
    assert traffic.due(T0 + PERIOD + SETTLED - 1, 0) == []
    assert len(traffic.due(T0 + PERIOD + SETTLED, 0)) == 2
    assert traffic.due(T0 + PERIOD + SETTLED, 0) == []


@pytest.mark.parametrize(("since", "told"), [(T0, True), (T0 + 1, False), (None, False)])
def test_what_was_not_watched_from_its_start_is_not_counted(since: int | None, told: bool) -> None:
    traffic = started()
    traffic.report(T0 + 5, 50.0)
    assert bool(minute(traffic, watched_since_ms=since)) is told


def test_a_clock_that_jumps_starts_anew() -> None:
    traffic = started()
    traffic.report(T0 + 5, 50.0)
    far = T0 + (CATCH_UP + 2) * PERIOD
    assert traffic.due(far + 7, 0) == []
    assert traffic.due(far + PERIOD + SETTLED, 0) == []  # its first 7 ms are in no period
    assert [dated.time_ms for dated in traffic.due(far + 2 * PERIOD + SETTLED, 0)] == [far + 2 * PERIOD] * 2
    assert traffic.due(T0, 0) == []
    assert minute(traffic) == {"vehicle_count": 0, "occupancy": 0}


def test_a_device_that_counts_is_believed() -> None:
    traffic = started()
    traffic.report(T0 + 1, 99.0)
    traffic.counted(T0 + 500, 1, 40.0)
    traffic.report(T0 + 600, 41.0)
    traffic.counted(T0 + 900, 1, 60.0)
    found = minute(traffic)
    assert found == {"vehicle_count": 2, "vehicle_speed": 50, "vehicle_speed_p85": pytest.approx(57)}
    traffic.counted(T0 + PERIOD + 1, 4, 30.0)
    traffic.counted(T0 + PERIOD + 2, 0, None)
    traffic.counted(T0 + PERIOD + 3, 1, 50.0)
    assert minute(traffic, 1) == {"vehicle_count": 5, "vehicle_speed": 34}


def test_raw_tells_each_vehicle_once_instead_of_the_mean() -> None:
    traffic = started(raw=True)
    traffic.report(T0 + 100, 40.0)
    traffic.report(T0 + 300, 45.0)
    assert traffic.due(T0 + 300 + SETTLED - 1, 0) == []
    assert traffic.due(T0 + 300 + SETTLED, 0) == [Dated("vehicle_speed", 45.0, T0 + 300)]
    assert minute(traffic) == {
        "vehicle_count": 1,
        "vehicle_speed_p85": 45,
        "occupancy": pytest.approx(100 * 200 / PERIOD),
    }


def test_what_is_kept_is_bounded() -> None:
    traffic = started()
    for number in range(MAX_VEHICLES + 5):
        traffic.counted(T0 + number, 1, 30.0)
    assert minute(traffic)["vehicle_count"] == MAX_VEHICLES


def test_what_radars_say() -> None:
    traffic, radar = started(), ops243({})
    lines = [
        b'{"speed":10,"direction":"inbound"}',
        b'{"speed":12,"direction":"inbound"}',
        b"-5.0",
        b'{"Units":"m-per-sec"}',
    ]
    for number, line in enumerate(lines):
        assert traffic.take(radar.decode(line), T0 + 200 * number) == ()
    found = minute(traffic)
    assert (found["vehicle_count"], found["vehicle_speed"]) == (2, pytest.approx((43.2 + 18) / 2))
    summary = b'{"classifier":"object_outbound","max_speed_mps":13.39}'
    traffic.take(radar.decode(summary), T0 + PERIOD + 1)
    assert minute(traffic, 1)["vehicle_count"] == 1


@given(st.lists(st.floats(0, 300), min_size=1, max_size=30))
def test_the_percentile_is_the_one_of_the_books(speeds: list[float]) -> None:
    found = percentile(speeds, 0.85)
    if len(speeds) > 1:
        assert found == pytest.approx(statistics.quantiles(speeds, n=20, method="inclusive")[16])
    else:
        assert found == speeds[0]


def vehicles(reports: Sequence[Report]) -> list[tuple[int, int, float]]:
    """(first, last, highest speed), from all reports of each direction in time order."""
    found = []
    for way in sorted({way for _, _, way in reports}):
        run: list[Report] = []
        for report in [one for one in reports if one[2] == way]:
            if run and (report[0] - run[-1][0] >= GAP_MS or report[0] - run[0][0] >= LONGEST_MS):
                found.append((run[0][0], run[-1][0], max(one[1] for one in run)))
                run = []
            run.append(report)
        if run:
            found.append((run[0][0], run[-1][0], max(one[1] for one in run)))
    return found


def covered(found: Sequence[tuple[int, int, float]], start: int, end: int) -> int:
    """Milliseconds of [start, end) in which a vehicle was seen, step by step between all instants that matter."""
    edges = sorted({start, end, *(t for first, last, _ in found for t in (first, last) if start <= t <= end)})
    return sum(
        high - low
        for low, high in pairwise(edges)
        if any(first <= low and last >= high for first, last, _ in found)
    )


REPORTS = st.lists(
    st.tuples(st.integers(0, 4 * GAP_MS), st.floats(1, 200), st.sampled_from(["in", "out"])), max_size=60
)


@given(steps=REPORTS, every=st.integers(200, 5_000))
def test_periods_against_the_reference(steps: list[tuple[int, float, str]], every: int) -> None:
    period, at, reports = 10_000, 0, []
    for step, speed, way in steps:
        at += step
        reports.append((T0 + at, speed, way))
    traffic, found = Traffic(period), {}
    end = T0 + at + 3 * period
    looks = list(range(T0, end, every))
    events = sorted([*((t, 1, None) for t in looks), *((r[0], 0, r) for r in reports)], key=lambda e: e[:2])
    for now, _, report in events:
        if report is not None:
            traffic.report(*report)
            continue
        for time_ms, group in groupby(traffic.due(now, 0), key=lambda dated: dated.time_ms):
            assert time_ms not in found
            found[time_ms] = {dated.quantity: dated.value for dated in group}
    truth = vehicles(reports)
    first_end = T0 // period * period + period
    last_end = max((t for t in looks), default=T0) - SETTLED
    ends = list(range(first_end, last_end + 1, period))
    assert list(found) == ends
    for end in ends:
        inside = [speed for _, last, speed in truth if end - period <= last < end]
        assert found[end]["vehicle_count"] == len(inside)
        assert found[end]["occupancy"] == pytest.approx(100 * covered(truth, end - period, end) / period)
        assert ("vehicle_speed" in found[end]) is bool(inside)
        if inside:
            assert found[end]["vehicle_speed"] == pytest.approx(statistics.fmean(inside))
            assert found[end]["vehicle_speed_p85"] == pytest.approx(percentile(inside, 0.85))
