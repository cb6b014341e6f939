"""One suite over all detectors of the bank: no look-ahead, nothing changed by looking, the same however a batch is cut."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.detectors import evidence
from ingest.detectors.bank import BATCH_DETECTORS, Bank, rounds
from ingest.detectors.contract import Detector
from ingest.detectors.finding import Finding
from ingest.detectors.lanes import Lanes
from ingest.detectors.residuals import Frame
from telemetry.anomaly import AnomalyKind

T = 1_767_225_600_000
STEP = 300_000
DETECTORS = [make() for make in BATCH_DETECTORS]
Told = list[tuple[float, frozenset[AnomalyKind]]]


def life(seed: int, count: int) -> NDArray[np.float64]:
    """A daily curve with noise and, in places, everything a detector looks for."""
    rng = np.random.default_rng(seed)
    values = 20 + 8 * np.sin(np.arange(count) * 2 * np.pi / 288) + rng.normal(0, 0.5, count)
    for begin, length, fault in ((500, 1, 40.0), (620, 30, 0.0), (760, 40, values[760]), (900, 60, 33.0)):
        values[begin : begin + length] = fault
    values[1020:1060] *= 10
    return values


def times(count: int) -> NDArray[np.int64]:
    at = T + np.arange(count) * STEP
    return at + (np.arange(count) > 1_120) * 40 * STEP


def judge(bank: Bank, lane: int, at: NDArray[np.int64], values: NDArray[np.float64]) -> Told:
    told: Told = []
    for moment, value in zip(at, values, strict=True):
        frame = bank.score(np.array([lane]), np.array([moment]), np.array([value]))
        bank.learn(frame)
        kinds = frozenset(kind for kind, score in frame.kinds.items() if score[0] >= 1)
        told.append((float(frame.found["score"][0]), kinds))
    return told


def together(values: NDArray[np.float64]) -> set[tuple[int, int]]:
    """(row, lane) where anything is told of these: (rows, lanes)."""
    bank, lanes = Bank(), np.arange(values.shape[1])
    bank.lanes.add(len(lanes))
    found = set()
    for number, (moment, row) in enumerate(zip(T + np.arange(len(values)) * STEP, values, strict=True)):
        frame = bank.score(lanes, np.full(len(lanes), moment), row)
        bank.learn(frame)
        for score in frame.kinds.values():
            found |= {(number, lane) for lane in np.flatnonzero(score >= 1).tolist()}
    return found


@pytest.fixture(scope="module")
def alone() -> Told:
    bank = Bank()
    bank.lanes.add(1)
    return judge(bank, 0, times(1300), life(1, 1300))


def test_what_was_put_in_is_found_and_named(alone: Told) -> None:
    def first(kind: AnomalyKind, begin: int) -> int:
        return next(row for row in range(begin, len(alone)) if kind in alone[row][1])

    assert first(AnomalyKind.SPIKE, 400) == 500
    assert first(AnomalyKind.ZERO, 600) <= 623
    assert first(AnomalyKind.STUCK, 700) <= 772
    assert first(AnomalyKind.UNIT, 1000) <= 1022
    assert first(AnomalyKind.GAP, 1100) == 1121
    quiet = [kinds for row, (_, kinds) in enumerate(alone) if 120 <= row < 500 and kinds]
    assert len(quiet) <= 1


def test_the_score_of_a_prefix_is_the_prefix_of_the_scores(alone: Told) -> None:
    bank = Bank()
    bank.lanes.add(1)
    assert judge(bank, 0, times(1300)[:777], life(1, 1300)[:777]) == alone[:777]


def test_neighbours_and_the_way_a_batch_is_cut_change_nothing(alone: Told) -> None:
    """The series as one of three, all readings in one heap, cut anywhere: neighbouring lanes (a slice) and scattered ones."""
    bank = Bank()
    bank.lanes.add(8)
    rng = np.random.default_rng(7)
    lanes = np.tile(np.array([2, 5, 6]), 1300)
    at = np.repeat(times(1300), 3)
    values = np.stack([life(9, 1300), life(1, 1300), life(8, 1300)], 1).reshape(-1)
    told: Told = []
    begin = 0
    while begin < len(lanes):
        end = min(len(lanes), begin + int(rng.integers(1, 40)))
        for rows in rounds(lanes[begin:end]):
            rows = rows + begin
            frame = bank.score(lanes[rows], at[rows], values[rows])
            bank.learn(frame)
            for number in np.flatnonzero(lanes[rows] == 5):
                kinds = frozenset(kind for kind, score in frame.kinds.items() if score[number] >= 1)
                told.append((float(frame.found["score"][number]), kinds))
        begin = end
    assert [kinds for _, kinds in told] == [kinds for _, kinds in alone]
    assert [score for score, _ in told] == pytest.approx([score for score, _ in alone], abs=1e-5)


def test_looking_changes_nothing() -> None:
    bank = Bank()
    bank.lanes.add(3)
    judge(bank, 1, times(600), life(1, 1300)[:600])
    before = [bank.lanes.dump(lane) for lane in range(3)]
    bank.score(np.array([0, 1, 2]), np.full(3, T + 10**9), np.array([1.0, 1e30, -5.0]))
    assert [bank.lanes.dump(lane) for lane in range(3)] == before


def test_a_snapshot_goes_on_where_it_was_left(alone: Told) -> None:
    first, second = Bank(), Bank()
    first.lanes.add(1)
    second.lanes.add(4)
    judge(first, 0, times(900), life(1, 900))
    second.lanes.load(3, first.lanes.dump(0))
    assert judge(second, 3, times(1300)[900:], life(1, 1300)[900:]) == alone[900:]
    with pytest.raises(ValueError, match="bytes"):
        second.lanes.load(3, b"other")


def test_a_fault_does_not_become_normal_and_a_new_regime_does() -> None:
    rng = np.random.default_rng(3)
    values = 50 + rng.normal(0, 1, 4000)
    for begin in (1000, 1300, 1600, 1900):
        values[begin : begin + 20] += 40
    values[2500:] += 40
    bank = Bank()
    bank.lanes.add(1)
    told = judge(bank, 0, T + np.arange(4000) * STEP, values)
    for begin in (1000, 1300, 1600, 1900):
        assert any(kinds for _, kinds in told[begin : begin + 20]), begin
    regime = [row for row, (_, kinds) in enumerate(told) if AnomalyKind.REGIME in kinds]
    assert len(regime) == 1
    assert 2500 + evidence.ACCEPT <= regime[0] <= 2500 + evidence.ACCEPT + 20
    assert [kinds for _, kinds in told[regime[0] + 1 :] if kinds] == []


def test_what_comes_again_and_again_is_told_seldomer_and_what_is_worse_still_is_told() -> None:
    rng = np.random.default_rng(4)
    values = 50 + rng.normal(0, 1, 4000)
    usual, worse = range(1000, 3200, 100), 3850
    for begin in usual:
        values[begin] += 15 * rng.choice([-1, 1])
    values[worse] += 150
    bank = Bank()
    bank.lanes.add(1)
    told = judge(bank, 0, T + np.arange(4000) * STEP, values)
    found = [begin for begin in usual if told[begin][1]]
    assert found[0] == usual[0]
    assert 2 <= len(found) <= len(usual) // 3
    assert told[worse][1]


def test_a_new_series_is_told_of_nothing_and_of_a_spike_on_its_first_day_it_is() -> None:
    values = np.random.default_rng(8).normal(0, 1, (201, 60))
    values[200] += 25
    found = together(values)
    assert len([one for one in found if one[0] < 200]) <= 3
    assert len([one for one in found if one[0] == 200]) >= 30


def test_a_value_that_no_sensor_means_is_not_told_again_at_its_hour_of_the_next_days() -> None:
    rng = np.random.default_rng(9)
    day = 10 * np.sin(2 * np.pi * np.arange(3200) / 288)[:, None]
    values = 60 + day + rng.gamma(1, 3, (3200, 12))
    values[2200] = np.tile([-9999.0, 65535.0, 1e6], 4)
    found = together(values)
    assert len([one for one in found if one[0] == 2200]) == 12
    assert len([one for one in found if one[0] > 2210]) <= 3


def test_what_lies_between_bursts_does_not_stand_still_and_a_hair_around_one_value_does() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(70, 20, 3000)
    for begin in range(40, 1000, 12):
        values[begin : begin + 2] = rng.uniform(1e4, 1e5, 2)
    values[2500:2580] = 68.4 + 0.01 * rng.integers(0, 2, 80)
    bank = Bank()
    bank.lanes.add(1)
    told = judge(bank, 0, T + np.arange(3000) * STEP, values)
    stuck = [row for row, (_, kinds) in enumerate(told) if AnomalyKind.STUCK in kinds]
    assert stuck
    assert stuck[0] > 2500
    assert stuck[-1] <= 2580


@pytest.mark.parametrize("value", [0.0, -3.0, 1e300, 5e-324, 1e9])
def test_a_constant_series_of_any_size_is_calm(value: float) -> None:
    bank = Bank()
    bank.lanes.add(1)
    told = judge(bank, 0, times(400)[:400], np.full(400, value))
    assert {kinds for _, kinds in told} == {frozenset()}
    assert {score for score, _ in told} == {0.0}


def test_wild_values_neither_warn_nor_poison() -> None:
    bank = Bank()
    bank.lanes.add(1)
    rng = np.random.default_rng(5)
    values = rng.choice([1e308, -1e308, 0.0, 1e-300, 7.0], 600)
    told = judge(bank, 0, times(600), values)
    assert all(0 <= score <= 1 for score, _ in told)
    assert np.isfinite(np.frombuffer(bank.lanes.dump(0), np.float32)[: len(bank.lanes.names)]).all()


def test_rounds_take_each_lane_once_and_keep_its_order() -> None:
    lanes = np.array([4, 1, 4, 4, 2, 1])
    assert [rows.tolist() for rows in rounds(lanes)] == [[1, 4, 0], [5, 2], [3]]
    assert list(rounds(np.zeros(0, np.int64))) == []


def test_lanes_grow_and_forget() -> None:
    lanes = Lanes(["a"], {"b": ((2,), np.uint16)})
    assert lanes.add(3) == 0
    lanes.write(slice(0, 3), {"a": np.array([1, 2, 3], np.float32)})
    assert lanes.add(500) == 3
    assert lanes.read(slice(0, 4))["a"].tolist() == [1, 2, 3, 0]
    lanes.clear(1)
    assert lanes.read(slice(0, 3))["a"].tolist() == [1, 0, 3]


def test_no_two_detectors_share_a_row_or_a_kind() -> None:
    rows = [row for detector in DETECTORS for row in (*detector.rows, *detector.tables)]
    kinds = [kind for detector in DETECTORS for kind in detector.kinds]
    assert len(set(rows)) == len(rows)
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize(("detector", "kind"), [(one, kind) for one in DETECTORS for kind in one.kinds])
@pytest.mark.parametrize("quantity", ["pm25", ""])
def test_every_kind_has_its_sentences(detector: Detector[Frame], kind: AnomalyKind, quantity: str) -> None:
    finding = Finding(3.0, 412.0, T, 25.0, 12.0, 34.0)
    english, vietnamese = detector.explain(kind, "Bãi Cháy", quantity, finding)
    assert english.startswith("Bãi Cháy: ")
    assert vietnamese.startswith("Bãi Cháy: ")
    assert english != vietnamese
    assert "{" not in english + vietnamese
    assert not english.endswith(".")


def test_the_state_of_a_series_is_small() -> None:
    bank = Bank()
    bank.lanes.add(1000)
    assert bank.lanes.bytes_per_series() <= 6000
