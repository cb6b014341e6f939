"""Where panels are placed, and that the file of a dashboard is the same every time."""

import json

from grafana.model import Dashboard, Panel, Row


def panel(width: int, height: int) -> Panel:
    return Panel("one", "timeseries", "SELECT 1", width, height)


def dashboard(*rows: Row) -> Dashboard:
    return Dashboard("one", "One", "", (), "now-1h", "1m", (), rows)


def places(one: Dashboard) -> list[tuple[int, int, int, int]]:
    found = [placed["gridPos"] for placed in json.loads(one.text())["panels"]]
    return [(place["x"], place["y"], place["w"], place["h"]) for place in found]


def test_panels_flow_from_left_to_right_below_their_heading() -> None:
    first = Row("a", (panel(12, 8), panel(8, 9), panel(8, 6), panel(16, 6), panel(24, 3)))
    assert places(dashboard(first, Row("b", (panel(6, 4),)))) == [
        (0, 0, 24, 1),
        (0, 1, 12, 8),
        (12, 1, 8, 9),
        (0, 10, 8, 6),
        (8, 10, 16, 6),
        (0, 16, 24, 3),
        (0, 19, 24, 1),
        (0, 20, 6, 4),
    ]


def test_the_file_has_sorted_keys_two_spaces_and_one_line_end() -> None:
    text = dashboard(Row("Không khí", (panel(12, 8),))).text()
    assert text == dashboard(Row("Không khí", (panel(12, 8),))).text()
    assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    assert "Không khí" in text


def test_what_is_not_said_is_not_there() -> None:
    (_, plain) = json.loads(dashboard(Row("a", (panel(12, 8),))).text())["panels"]
    assert not {"description", "interval", "maxDataPoints", "transformations"} & plain.keys()
