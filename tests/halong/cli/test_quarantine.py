"""`halong quarantine`: beside a running hub, over its book."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from halong.__main__ import app
from storage.book import Book
from storage.commands import Commands
from telemetry.quarantine import Quarantined, Reason

RECORD = b'{"n":"pm-1/pm25","u":"ug/m3","t":1767200400.0,"v":7}'


def halong(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["quarantine", *map(str, arguments)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Book(tmp_path / "book.sqlite") as book:
        book.quarantine(
            [Quarantined(Reason.NOT_OWNER, "pm-1 belongs to gw-1", "t", "gw-2", "pm-1", RECORD)], 1000
        )
        book.quarantine([Quarantined(Reason.UNDECODABLE, "no pack", "t", "gw-2", "", b"\x00\xff")], 2000)
    return tmp_path


@contextmanager
def a_hub_that_answers(data: Path, result: Any) -> Iterator[list[dict[str, Any]]]:
    """Takes up one command, as a hub does."""
    seen: list[dict[str, Any]] = []
    stop = threading.Event()

    def work() -> None:
        with Book(data / "book.sqlite") as book:
            while not stop.is_set():
                for row in Commands(book).waiting(["replay"]):
                    seen.append(row.content)
                    Commands(book).finish(row.id, result, 3000)
                time.sleep(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_entries_are_listed_for_people_and_programs(data: Path) -> None:
    lines = halong("list", "--data", data).stdout.splitlines()
    assert lines[0].split() == ["id", "last", "seen", "count", "reason", "gateway", "sensor", "detail"]
    assert "1970-01-01 07:00:02" in lines[1]
    assert [line.split()[0] for line in lines[1:]] == ["2", "1"]
    found = json.loads(halong("list", "--data", data, "--reason", "not owner", "--json").stdout)
    assert (len(found["items"]), found["total"], found["items"][0]["sensor"]) == (1, 2, "pm-1")


def test_one_entry_is_shown_with_its_bytes(data: Path) -> None:
    assert RECORD.decode() in halong("show", 1, "--data", data).stdout
    assert "payload    00 ff" in halong("show", 2, "--data", data).stdout
    assert json.loads(halong("show", 2, "--data", data, "--json").stdout)["payload"] == "AP8="
    absent = halong("show", 9, "--data", data)
    assert (absent.exit_code, absent.stderr) == (1, "halong: no entry 9 in the quarantine\n")


@pytest.mark.parametrize(("refused", "code"), [(0, 0), (1, 1)])
def test_a_replay_is_carried_out_by_the_hub(data: Path, refused: int, code: int) -> None:
    entries = [{"id": 1, "outcome": "stored", "detail": "1 stored"}]
    result = {"stored": 1, "already there": 0, "still refused": refused, "entries": entries}
    with a_hub_that_answers(data, result) as seen:
        done = halong("replay", 1, "--accept", "not owner", "--data", data)
    assert (done.exit_code, seen) == (code, [{"wanted": {"ids": [1]}, "accept": ["not owner"]}])
    assert done.stdout.splitlines() == [
        "1: stored (1 stored)",
        f"1 stored, 0 already there, {refused} still refused",
    ]


def test_an_entry_is_dismissed_with_a_note(data: Path) -> None:
    done = halong("dismiss", 2, "--note", "a test", "--data", data)
    assert (done.exit_code, done.stdout) == (0, "1 dismissed\n")
    assert [line.split()[0] for line in halong("list", "--data", data).stdout.splitlines()[1:]] == ["1"]
    assert "dismissed: a test (" in halong("list", "--all", "--data", data).stdout
    assert halong("dismiss", 2, "--note", "again", "--data", data).exit_code == 1


def test_what_the_hub_cannot_do_is_one_line(data: Path) -> None:
    with a_hub_that_answers(data, {"error": "no"}):
        done = halong("replay", 1, "--data", data)
    assert (done.exit_code, done.stderr) == (1, "halong: no\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay"], "say which"),
        (["replay", "--reason", "nonsense"], "no reason 'nonsense'; known: undecodable"),
        (["list", "--reason", "x"], "no reason 'x'"),
    ],
)
def test_a_mistake_is_one_line(data: Path, arguments: list[str], words: str) -> None:
    done = halong(*arguments, "--data", data)
    assert done.exit_code == 2
    assert done.stderr.startswith("halong: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_directory_without_a_book_is_one_line(tmp_path: Path) -> None:
    done = halong("list", "--data", tmp_path)
    assert done.exit_code == 2
    assert "there is no book at" in done.stderr
