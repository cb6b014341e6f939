"""`halong correction` and `halong validity`: dated facts in the book, with whoever noted them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from halong.__main__ import app
from storage.amendments import Pages
from storage.book import Book
from telemetry.corrections import Form

SINCE = "2026-11-01T00:00:00+07:00"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Book(tmp_path / "book.sqlite") as book:
        for sensor, quantity in (("pm-1", "pm25"), ("air-1", "humidity")):
            book.adopt(sensor, "gw-1", "bai-chay", quantity, 1_790_000_000_000)
    return tmp_path


def halong(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)])


def test_a_correction_is_added_listed_and_removed(data: Path) -> None:
    added = halong(
        data, "correction", "add", "pm-1", "pm25", "--form", "epa", "--humidity", "air-1", "--from", SINCE, "--reason", "wet"
    )  # fmt: skip
    assert added.stdout == "correction 1 of pm-1 pm25 holds since 2026-11-01 00:00:00\n", added.output
    with Book(data / "book.sqlite") as book:
        (one,) = Pages(book).corrections()
    assert (one.correction.form, one.correction.humidity, one.reason) == (Form.EPA, "air-1", "wet")
    assert "epa by the humidity of air-1" in halong(data, "correction", "list").stdout
    (item,) = json.loads(halong(data, "correction", "list", "--json").stdout)
    assert (item["form"], item["start"], item["end"]) == ("epa", "2026-10-31T17:00:00.000Z", None)
    again = halong(
        data, "correction", "add", "pm-1", "pm25", "--factor", "2", "--from", SINCE, "--reason", "x"
    )
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert halong(data, "correction", "remove", "1").stdout == "1 is taken back\n"
    assert halong(data, "correction", "remove", "1").exit_code == 1
    assert len(halong(data, "correction", "list").stdout.splitlines()) == 1
    assert len(halong(data, "correction", "list", "--all").stdout.splitlines()) == 2


def test_a_period_is_declared_invalid_and_taken_back(data: Path) -> None:
    done = halong(
        data,
        "validity",
        "invalidate",
        "pm-1",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-02T00:00:00Z",
        "--reason",
        "fog",
    )
    assert done.stdout.startswith("period 1 of pm-1 is invalid since 2026-11-01 00:00:00")
    assert "fog" in halong(data, "validity", "list").stdout
    assert halong(data, "validity", "undo", "1").exit_code == 0
    assert json.loads(halong(data, "validity", "list", "--json").stdout) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("correction", "add", "pm-1", "pm26", "--from", SINCE, "--reason", "x"), "no quantity 'pm26'"),
        (
            ("correction", "add", "PM 1", "pm25", "--from", SINCE, "--reason", "x"),
            "no sensor 'PM 1', known: air-1, pm-1",
        ),
        (
            ("validity", "invalidate", "pm-2", "--from", SINCE, "--reason", "x"),
            "no sensor 'pm-2', did you mean",
        ),
        (
            ("correction", "add", "pm-1", "pm25", "--humidity", "co2-7", "--from", SINCE, "--reason", "x"),
            "no sensor 'co2-7', known: air-1, pm-1",
        ),
        (
            ("validity", "invalidate", "pm-1", "--from", "noon", "--reason", "x"),
            "--from 'noon' is no time",
        ),
    ],
)
def test_a_mistake_is_one_line(data: Path, arguments: tuple[str, ...], words: str) -> None:
    done = halong(data, *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
