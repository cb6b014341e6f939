"""One suite over the detectors that are asked of every reading."""

import numpy as np
import pytest

from ingest.detectors import DETECTORS, Finding
from ingest.detectors.glance import rounds
from ingest.recent import Recent
from telemetry.anomaly import AnomalyKind
from tests.ingest.detectors import alone

COUNT = 600


def life(seed: int) -> list[float]:
    """Noise, a run that stands still and a value far out."""
    rng = np.random.default_rng(seed)
    values: list[float] = np.round(rng.normal(50, 3, COUNT), 1).tolist()
    values[300:420] = [values[300]] * 120
    values[500] = 400.0
    return values


@pytest.mark.parametrize("kind", DETECTORS)
def test_looking_changes_nothing(kind: AnomalyKind):
    one = alone.fed(DETECTORS[kind], "pm25", life(1))
    before = {name: table.copy() for name, table in one.lanes.tables.items()}
    assert one.score((COUNT + 1) * 1000, 300.0) == one.score((COUNT + 1) * 1000, 300.0)
    for name, table in one.lanes.tables.items():
        assert np.array_equal(before[name], table, equal_nan=True)


@pytest.mark.parametrize("kind", DETECTORS)
def test_both_sentences_name_the_sensor(kind: AnomalyKind):
    finding = Finding(2.0, 80.0, 0, 20.0, 10.0, 30.0, readings=70, usual=3)
    text, text_vi = DETECTORS[kind].explain(kind, "Bãi Cháy", "pm25", finding)
    assert text.startswith("Bãi Cháy: ")
    assert text_vi.startswith("Bãi Cháy: ")
    assert text != text_vi


def scores(seeds: tuple[int, ...], mine: int) -> dict[AnomalyKind, list[float]]:
    """Of the series with the seed `mine`, looked at with the others; some of them end sooner."""
    lengths = [COUNT if seed == mine else 100 * seed for seed in seeds]
    recent = Recent()
    lanes = np.repeat([recent.add() for _ in seeds], lengths).astype(np.int64)
    at = np.concatenate([np.arange(1, length + 1) * 1000 for length in lengths])
    values = np.concatenate([life(seed)[:length] for seed, length in zip(seeds, lengths, strict=True)])
    rows, nothing = np.arange(len(lanes)), np.zeros(len(lanes), np.int64)
    seen = recent.look(rows, lanes, nothing, at, values, nothing.copy(), None)
    (here,) = np.nonzero(lanes == seeds.index(mine))
    return {kind: np.nan_to_num(score[here], nan=-1).tolist() for kind, score in seen.scores.items()}


def test_neighbours_change_nothing_and_each_kind_is_found_where_it_is():
    among, by_itself = scores((3, 1, 2, 5), 1), scores((1,), 1)
    assert among == by_itself
    stuck = [at for at, score in enumerate(by_itself[AnomalyKind.STUCK]) if score >= 1]
    assert 320 <= stuck[0] <= 365
    assert stuck[-1] == 419
    assert by_itself[AnomalyKind.SPIKE][500] >= 1


def test_rounds_hold_each_row_once_and_the_lanes_of_each_are_the_first_ones():
    lanes = np.random.default_rng(4).integers(0, 9, 200) * 7
    cut = rounds(lanes)
    last = dict.fromkeys(lanes.tolist(), -1)
    seen = []
    for rows in cut:
        assert lanes[rows].tolist() == cut.lanes[: len(rows)].tolist()
        for row in rows.tolist():
            assert row > last[int(lanes[row])]
            last[int(lanes[row])] = row
        seen += rows.tolist()
    assert sorted(seen) == list(range(200))
