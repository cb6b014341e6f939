"""The benchmark's rules on small files, and the faults that are put in."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from halong import nab, seeded
from halong.__main__ import app

ROWS = 200
AT = np.arange(ROWS, dtype=np.int64) * 60_000
WINDOW = (AT[100], AT[119])
FILE = nab.label(AT, [WINDOW])


def scores(**rows: float) -> np.ndarray:
    score = np.zeros(ROWS)
    for row, value in rows.items():
        score[int(row[1:])] = value
    return score


def standing(*told: int) -> nab.Standing:
    return nab.best([FILE], [scores(**{f"r{row}": 0.9 for row in told})], "standard")


def test_nothing_told_is_0_and_an_early_alert_is_nearly_100() -> None:
    assert nab.best([FILE], [np.zeros(ROWS)], "standard").score == 0
    assert standing(100).score == pytest.approx(100, abs=0.1)


def test_earlier_is_better_and_a_second_alert_in_the_window_is_free() -> None:
    by_row = [standing(row).score for row in range(100, 120)]
    assert by_row == sorted(by_row, reverse=True)
    assert standing(105, 106, 119).score == standing(105).score


def test_a_false_alert_costs_less_just_after_a_window_and_nothing_in_probation() -> None:
    early, after, far = (standing(100, row).score for row in (60, 121, 190))
    assert standing(100).score > after > far
    assert early == pytest.approx(far)
    assert standing(10, 100).score == standing(100).score
    assert standing(100, 190).false_per_10k == pytest.approx(1e4 / 170)


def test_the_threshold_that_pays_best_is_found() -> None:
    at = nab.best([FILE], [scores(r100=0.9, r50=0.8, r190=0.7)], "standard")
    assert (at.threshold, at.found, at.windows, at.false_per_10k) == (0.9, 1, 1, 0.0)
    assert nab.spread([FILE] * 3, [scores(r100=0.9)] * 3, "standard", 0.9) == pytest.approx(0)


@pytest.mark.parametrize("fault", seeded.LENGTHS)
def test_faults_are_put_where_they_are_said_to_be(fault: str) -> None:
    rng = np.random.default_rng(1)
    values = 10 + rng.normal(size=2000).round(2)
    case = seeded.put("x", fault, np.arange(2000, dtype=np.int64) * 300_000, values, rng)
    assert len(case.faults) == 3
    assert case.faults[0][0] >= 0.45 * 2000
    if fault == "gap":
        assert [int(case.at_ms[first] - case.at_ms[first - 1]) for first, _ in case.faults] == [
            31 * 300_000
        ] * 3
        return
    changed = np.zeros(2000, bool)
    for first, last in case.faults:
        changed[first:last] = True
    assert (case.values[~changed] == values[~changed]).all()
    assert (case.values[changed] != values[changed]).mean() > 0.9


def test_what_is_found_named_and_false_is_counted() -> None:
    case = seeded.Case("x", "stuck", AT, np.zeros(ROWS), [(100, 120), (150, 160)])
    told: list[tuple[str, ...]] = [()] * ROWS
    told[20] = told[90] = told[95] = told[104] = ("spike",)
    told[110] = ("stuck",)
    found, false = seeded.tally(case, told)
    assert found == (2, 1, 1, 4.0)
    assert false == 1


def test_the_bench_scores_what_data_there_is_and_says_where_to_get_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    values = 20 + rng.normal(size=1500)
    values[1200:1210] += 30
    lines = [f"{1_777_593_600 + 300 * row},{value:.3f}" for row, value in enumerate(values)]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.csv").write_text("timestamp,value\n" + "\n".join(lines))
    window = [[str(1_777_593_600 + 300 * row) for row in (1190, 1230)]]
    (tmp_path / "windows.json").write_text(json.dumps({"a/one.csv": window, "a/gone.csv": []}))
    result = CliRunner().invoke(app, ["detect", "bench", "--data", str(tmp_path), "--seeds", "1", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["nab"]["standard"]["found"] == 1
    assert found["nab"]["standard"]["score"] > 50
    assert set(found["harmless"]) == set(seeded.harmless(0, 10))
    gone = CliRunner().invoke(app, ["detect", "bench", "--data", str(tmp_path / "gone"), "--seeds", "1"])
    assert gone.exit_code == 2
    assert "github.com/numenta/NAB" in gone.output
    assert "in which nothing happens" not in gone.output
