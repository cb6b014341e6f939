"""The picture of a replay: round numbers, broken lines, wild values, and labels that can be read."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from halong import detect_chart, replay
from telemetry.anomaly import AnomalyKind

DAY = 86_400_000
NAME = "{http://www.w3.org/2000/svg}"


def series(values: list[float], at_ms: list[int] | None = None) -> replay.Series:
    at = np.array(at_ms if at_ms is not None else [600_000 * row for row in range(len(values))], np.int64)
    return replay.of(Path("a & b.csv"), [], [[] for _ in values], at, np.array(values))


def parts(one: replay.Series, tag: str, style: str = "") -> list[ElementTree.Element]:
    picture = ElementTree.fromstring(detect_chart.svg(one))
    return [part for part in picture.iter(NAME + tag) if not style or part.get("class") == style]


def line(one: replay.Series) -> str:
    (path,) = parts(one, "path", "value")
    return path.get("d", "")


def heights(one: replay.Series) -> list[float]:
    return [float(number) for number in re.findall(r",([\d.]+)", line(one))]


def texts(one: replay.Series) -> list[str]:
    return [part.text or "" for part in parts(one, "text")]


def test_a_line_is_broken_where_readings_are_missing_and_one_alone_is_seen() -> None:
    whole = list(range(400))
    holed = [row for row in whole if not 100 <= row < 150 and not 151 <= row < 200]
    assert line(series([1.0] * 400)).count("M") == 1
    drawn = line(series([1.0] * len(holed), [600_000 * row for row in holed]))
    assert drawn.count("M") == 3
    assert drawn.count("h.1") == 1
    assert line(series([5.0])).endswith("h.1")


@pytest.mark.parametrize(
    ("values", "wild"),
    [
        ([1.0, 2.0, 3.0] * 200 + [1e308, -1e308], 2),
        ([1.0, 2.0, 3.0] * 200 + [900.0], 1),
        ([5.0] * 300 + [6.0], 0),
        ([1e300] * 300, 0),
        ([3e-320, 1e-320], 0),
        ([0.0, 10.0] * 300, 0),
    ],
)
def test_a_wild_value_is_at_the_edge_and_the_others_can_be_told_apart(values: list[float], wild: int) -> None:
    one = series(values)
    one.told = [(AnomalyKind.SPIKE,) if abs(value) > 800 else () for value in values]
    drawn = heights(one)
    assert all(detect_chart.TOP <= at <= detect_chart.TOP + detect_chart.PLOT for at in drawn)
    if wild:
        calm = drawn[: -2 * wild]
        assert max(calm) - min(calm) > detect_chart.PLOT / 10
    assert any("spike 900" in text for text in texts(one)) == (900.0 in values)


def test_axes_have_round_numbers_and_days() -> None:
    one = series([float(row % 97) for row in range(144 * 20)])
    notes = texts(one)
    assert {"0", "20", "40", "60", "80"} <= set(notes)
    assert {"1970-01-04", "1970-01-07", "1970-01-19"} <= set(notes)
    assert "2,880 rows, 0 told · 1970-01-01 00:00 to 1970-01-20 23:50" in notes
    assert {"06:00", "1970-01-02"} <= set(texts(series([1.0] * 200)))
    assert "2000-01-01" not in texts(series([1.0, 2.0], [0, 200 * 365 * DAY]))


def test_labels_lie_beside_each_other_inside_the_picture() -> None:
    one = series([1.0] * 300)
    one.told = [(AnomalyKind.SPIKE, AnomalyKind.STUCK)] * 300
    labels = [part for part in parts(one, "text", "health") if part.text == "spike, stuck"]
    assert len(parts(one, "circle", "health")) == 301
    assert 3 < len(labels) < 60
    for height in {part.get("y") for part in labels}:
        at = [float(part.get("x", "")) for part in labels if part.get("y") == height]
        assert min(np.diff(at)) > detect_chart.LETTER * len("spike, stuck")
        assert at[-1] < detect_chart.WIDTH - detect_chart.LETTER * len("spike, stuck")


def test_nothing_and_no_numbers_are_pictures_too() -> None:
    assert "no rows" in texts(series([]))
    assert line(series([float("nan")] * 3)) == ""
    assert "a & b.csv" in texts(series([]))
