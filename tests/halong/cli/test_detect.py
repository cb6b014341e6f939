"""`halong detect replay`: files in, the same files with scores and flags out."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from halong.__main__ import app
from halong.cli.records import BOOK
from storage.book import Book
from telemetry.anomaly import Anomaly, AnomalyKind, Severity

BEGIN = datetime(2026, 5, 1)


def rows(count: int = 700) -> list[list[str]]:
    rng = np.random.default_rng(4)
    values = 20 + 5 * np.sin(np.arange(count) * 2 * np.pi / 288) + rng.normal(0, 0.4, count)
    values[600:601] = 90
    return [[str(BEGIN + timedelta(minutes=5 * row)), f"{value:.4f}"] for row, value in enumerate(values)]


def put(file: Path, lines: list[list[str]], header: str = "timestamp,value") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([header, *map(",".join, lines)]) + "\n", encoding="utf-8")


def detect(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["detect", *map(str, arguments)])


def taken(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_a_folder_keeps_its_names_rows_and_values(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a" / "one.csv", rows())
    put(tmp_path / "in" / "b" / "two.csv", rows(300))
    result = detect("replay", tmp_path / "in", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "2 files, 1,000 rows" in result.output
    one = taken(tmp_path / "out" / "a" / "one.csv")
    assert [[row["timestamp"], row["value"]] for row in one] == rows()
    assert "spike" in one[600]["flags"]
    assert float(one[600]["anomaly_score"]) == max(float(row["anomaly_score"]) for row in one[100:])
    assert sum(bool(row["flags"]) for row in one[300:600]) <= 1
    two = taken(tmp_path / "out" / "b" / "two.csv")
    assert len(two) == 300


def test_neither_neighbours_nor_names_nor_later_rows_matter(tmp_path: Path) -> None:
    put(tmp_path / "in" / "one.csv", rows())
    put(tmp_path / "in" / "other.csv", rows(200))
    put(tmp_path / "alone.csv", rows()[:650])
    assert detect("replay", tmp_path / "in", "--out", tmp_path / "x").exit_code == 0
    assert detect("replay", tmp_path / "alone.csv", "--out", tmp_path / "y").exit_code == 0
    full, prefix = taken(tmp_path / "x" / "one.csv"), taken(tmp_path / "y" / "alone.csv")
    assert full[:650] == prefix


def test_rows_that_are_late_doubled_or_unreadable_pass_through_and_teach_nothing(tmp_path: Path) -> None:
    clean = rows()
    dirty = clean[:400]
    dirty += [clean[10], clean[399], [clean[399][0], "9999"], [str(BEGIN + timedelta(days=9)), "nan"]]
    dirty += [[clean[399][0], ""], [clean[399][0], "n/a"], *clean[400:]]
    put(tmp_path / "clean.csv", clean)
    put(tmp_path / "dirty.csv", dirty)
    for name in ("clean", "dirty"):
        assert detect("replay", tmp_path / f"{name}.csv", "--out", tmp_path / "out").exit_code == 0
    told = taken(tmp_path / "out" / "dirty.csv")
    assert [(row["timestamp"], row["value"]) for row in told] == [tuple(row) for row in dirty]
    assert {(row["anomaly_score"], row["flags"]) for row in told[400:406]} == {("0.000000", "")}
    assert told[:400] + told[406:] == taken(tmp_path / "out" / "clean.csv")


def test_seconds_milliseconds_and_zones_are_times_and_other_columns_stay(tmp_path: Path) -> None:
    seconds = [[str(1_777_593_600 + 300 * row), value, "x"] for row, (_, value) in enumerate(rows())]
    millis = [[at + "000", value, "x"] for at, value, _ in seconds]
    zoned = [[at.replace(" ", "T") + "+07:00", value, "x"] for at, value in rows()]
    for name, lines in (("s", seconds), ("ms", millis), ("iso", zoned)):
        put(tmp_path / "in" / f"{name}.csv", lines, "timestamp,value,note")
    assert detect("replay", tmp_path / "in", "--out", tmp_path / "out").exit_code == 0
    found = [taken(tmp_path / "out" / f"{name}.csv") for name in ("s", "ms", "iso")]
    assert {row["note"] for row in found[0]} == {"x"}
    scores = [[row["anomaly_score"] for row in one] for one in found]
    assert scores[0] == scores[1] == scores[2]


def test_a_declared_period_tells_a_gap_early(tmp_path: Path) -> None:
    lines = rows(60)
    put(tmp_path / "one.csv", lines[:30] + lines[42:])
    for period, told in (("0", ""), ("300", "gap")):
        assert (
            detect("replay", tmp_path / "one.csv", "--out", tmp_path / "out", "--period", period).exit_code
            == 0
        )
        assert taken(tmp_path / "out" / "one.csv")[30]["flags"] == told


def test_a_chart_shows_the_value_the_flags_and_the_labels(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a" / "one.csv", rows())
    labels = tmp_path / "labels.json"
    labels.write_text('{"a/one.csv": [["2026-05-03 01:00:00", "2026-05-03 03:00:00"]]}')
    result = detect(
        "replay", tmp_path / "in", "--out", tmp_path / "out", "--chart", "--labels", labels, "--holidays"
    )
    assert result.exit_code == 0, result.output
    picture = ElementTree.parse(tmp_path / "out" / "a" / "one.svg").getroot()
    classes = [element.get("class") for element in picture.iter()]
    assert [classes.count(one) for one in ("window", "band", "value")] == [2, 2, 2]  # one is in the legend
    assert "city" in classes
    assert any(str(element.text) == "spike 90" for element in picture.iter())


def test_an_anomaly_is_explained_while_it_lasted(tmp_path: Path) -> None:
    start = 1_795_395_600_000
    anomaly = Anomaly(
        id="a1",
        sensor="pm-1",
        quantity="pm25",
        site="bai-chay",
        kind=AnomalyKind.BIAS,
        severity=Severity.INFO,
        start_ms=start,
        end_ms=start + 600_000,
        score=1.8,
        value=90.0,
        expected=30.0,
        low=20.0,
        high=40.0,
        text="Bãi Cháy: too high.",
        text_vi="Bãi Cháy: quá cao.",
    )
    with Book(tmp_path / BOOK) as book:
        book.adopt("pm-1", "gw-1", "bai-chay", "pm25", start)
        book.put_anomaly(anomaly)

    def asked(second: int, *more: str) -> str:
        at = datetime.fromtimestamp(start / 1000 + second, UTC).isoformat()
        result = detect("explain", "pm-1", "--at", at, "--data", tmp_path, *more)
        assert result.exit_code == 0, result.output
        return result.output

    assert "Bãi Cháy: too high." in asked(300)
    assert "score 1.8, value 90, expected 30, usual 20 to 40" in asked(300)
    assert json.loads(asked(300, "--json"))[0]["kind"] == "bias"
    assert "no anomaly" in asked(-60)
    assert "no anomaly" in asked(700)
    with Book(tmp_path / BOOK) as book:
        book.put_anomaly(msgspec.structs.replace(anomaly, end_ms=None))
    assert "Bãi Cháy: too high." in asked(700)
    assert "has still to see" in asked(100 * 365 * 86_400)
    hub = detect("explain", "hub", "--at", "2026-11-23T08:00:00Z", "--data", tmp_path)
    assert (hub.exit_code, hub.output) == (0, "hub had no anomaly at 2026-11-23 15:00:00\n")
    nobody = detect("explain", "pm-11", "--at", "2026-11-23T08:00:00Z", "--data", tmp_path)
    assert (nobody.exit_code, nobody.output) == (2, "halong: no sensor 'pm-11', did you mean 'pm-1'?\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("when,what\n1,2\n", "timestamp and value"),
        ("timestamp,value\nyesterday,1\nyesterday,2\n", "line 2: 'yesterday' is no time"),
        ("timestamp,value\n2026-05-01,1,2\n", "line 2: 3 columns"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    result = detect("replay", tmp_path / "bad.csv", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_what_cannot_be_read_is_told_and_the_rest_is_judged(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a" / "bad.csv", rows(20), "when,what")
    put(tmp_path / "in" / "good.csv", [*rows(20), ["yesterday", "1"], ["today", "1"], *rows(3)])
    result = detect("replay", tmp_path / "in", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stdout == (
        "1 file, 25 rows (5 not judged: no number, or not newer than a row before), 0 alerts:"
        f" {tmp_path / 'out'}\n"
    )
    assert "bad.csv: the first line has to name" in result.stderr
    assert "good.csv, line 22: 'yesterday' is no time (nor in 1 more row): passed through" in result.stderr
    assert len(taken(tmp_path / "out" / "good.csv")) == 25
    assert not (tmp_path / "out" / "a").exists()


def test_files_are_not_replaced_by_their_results(tmp_path: Path) -> None:
    put(tmp_path / "in" / "one.csv", rows(20))
    before = (tmp_path / "in" / "one.csv").read_bytes()
    for source in (tmp_path / "in", tmp_path / "in" / "one.csv"):
        result = detect("replay", source, "--out", tmp_path / "in" / ".." / "in")
        assert result.exit_code == 2
        assert "--out is where the files are" in result.stderr
    assert (tmp_path / "in" / "one.csv").read_bytes() == before
    for _ in range(2):
        result = detect("replay", tmp_path / "in", "--out", tmp_path / "in" / "out")
        assert "1 file, 20 rows, 0 alerts" in result.stdout


def test_a_zone_that_is_none_is_one_line(tmp_path: Path) -> None:
    put(tmp_path / "one.csv", rows(20))
    result = detect("replay", tmp_path / "one.csv", "--out", tmp_path / "out", "--zone", "Hạ Long")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "--zone Hạ Long: no such zone" in result.stderr


def test_a_place_that_was_given_and_is_not_there_is_one_line(tmp_path: Path) -> None:
    put(tmp_path / "in" / "one.csv", rows(20))
    labels = tmp_path / "labels.json"
    labels.write_text('{"two.csv": [["2026-05-03", "2026-05-04"]]}')
    replay = ("replay", tmp_path / "in", "--out", tmp_path / "out", "--labels")
    for arguments, says in (
        (("bench", "--data", tmp_path / "gone", "--seeds", "1"), "no labels in "),
        ((*replay, labels), "--labels goes with --chart"),
        ((*replay, labels, "--chart"), "names none of the files in"),
        ((*replay, tmp_path / "gone.json", "--chart"), "is no JSON of labelled windows"),
    ):
        result = detect(*arguments)
        assert result.exit_code == 2, result.output
        assert says in result.stderr
        assert result.output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_without_files_and_an_empty_file(tmp_path: Path) -> None:
    assert "no .csv file" in detect("replay", tmp_path, "--out", tmp_path / "out").output
    assert "there is no" in detect("replay", tmp_path / "gone", "--out", tmp_path / "out").output
    put(tmp_path / "empty.csv", [])
    assert detect("replay", tmp_path / "empty.csv", "--out", tmp_path / "out", "--chart").exit_code == 0
    assert taken(tmp_path / "out" / "empty.csv") == []
