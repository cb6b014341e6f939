"""`halong alarm …`, beside a hub or without one."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from halong.__main__ import app
from storage import alarms as page
from storage import quiet
from storage.book import Book
from storage.notes import Notes
from telemetry.messages import Birth
from tests.api.conftest import NOW_MS, SENSORS, SITE
from tests.api.test_alarms import HEALTH, HERE, SPIKE
from tests.ingest.alarms.receivers import receiving


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Book(tmp_path / "book.sqlite") as book:
        book.register(Birth("gw-bai-chay", SITE, SENSORS, (1, 1), NOW_MS), NOW_MS)
        book.put_anomaly(SPIKE)
        with book.writing() as database:
            page.put(database, [HERE, HEALTH])
    return tmp_path


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["alarm", *words])
    assert result.exit_code == code, result.output
    return result.output


def told(*words: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(run(*words, "--json"))["items"]
    return items


def test_the_list(data: Path) -> None:
    assert [one["id"] for one in told("list", "--data", str(data))] == ["a1"]
    assert [one["id"] for one in told("list", "--all", "--data", str(data))] == ["a1", "a2"]
    assert [one["id"] for one in told("list", "--all", "--family", "health", "--data", str(data))] == ["a2"]
    assert [one["id"] for one in told("list", "--site", "bai-chay", "--data", str(data))] == ["a1"]
    assert "did you mean 'bai-chay'?" in run("list", "--site", "bai-chai", "--data", str(data), code=2)
    text = run("list", "--all", "--data", str(data))
    assert "closed (Lan)" in text
    assert "PM2.5 is high." in text


def test_acknowledging(data: Path) -> None:
    assert run("ack", "a1", "--comment", "I go", "--data", str(data)) == "acknowledged: PM2.5 is high.\n"
    with Book(data / "book.sqlite") as book:
        (note,) = Notes(book).of(["a1"])["a1"]
    assert (note.acknowledges, note.comment) == (True, "I go")
    assert "is closed since" in run("ack", "a2", "--data", str(data), code=1)
    assert "no alarm 'a9'" in run("ack", "a9", "--data", str(data), code=1)


def test_muting_and_back(data: Path) -> None:
    (mute,) = told(
        "mute", "a1", "--reason", "they dig", "--verdict", "known works", "--for", "2h", "--data", str(data)
    )
    assert (mute["sensor"], mute["kind"], mute["verdict"]) == (SPIKE.sensor, "spike", "known works")
    assert told("mutes", "--data", str(data)) == [mute]
    assert "not muted any more" in run("unmute", str(mute["id"]), "--data", str(data))
    assert told("mutes", "--data", str(data)) == []
    assert [one["id"] for one in told("mutes", "--all", "--data", str(data))] == [mute["id"]]
    assert "no mute" in run("unmute", str(mute["id"]), "--data", str(data), code=1)


def test_maintenance(data: Path) -> None:
    there = ("--data", str(data))
    (work,) = told("maintenance", "--site", "bai-chay", "--for", "3h", "--reason", "filters", *there)
    assert work["end_ms"] - work["start_ms"] == 3 * 3_600_000
    assert "filters" in run("maintenance", *there)
    assert told("maintenance", "--done", str(work["id"]), *there) == []
    with Book(data / "book.sqlite") as book, book.reading() as database:
        assert quiet.works(database)[0].ended_ms is not None
    assert "did you mean 'bai-chay'" in run(
        "maintenance", "--site", "bai-cay", "--reason", "x", *there, code=2
    )
    assert "--reason" in run("maintenance", "--site", "bai-chay", *there, code=2)
    assert "not both" in run("maintenance", "--site", "a", "--sensor", "b", *there, code=2)
    assert "no work 9" in run("maintenance", "--done", "9", *there, code=1)


async def test_channels_are_tried(tmp_path: Path) -> None:
    config = tmp_path / "hub.toml"
    async with receiving() as receiver:
        receiver.bad = []
        config.write_text(
            f"""[[alarms.channels]]
name = "ops"
kind = "webhook"
url = "{receiver.url}"
severity = "critical"
[[alarms.channels]]
name = "dead"
kind = "email"
smtp = "smtp://127.0.0.1:1"
sender = "hub@x.vn"
recipients = ["lan@x.vn"]
"""
        )
        text = await asyncio.to_thread(run, "test", str(config), code=1)
        assert "ops: sent\n" in text
        assert "dead: NOT sent, SMTPConnectError" in text
        assert (await asyncio.to_thread(run, "test", str(config), "--channel", "ops")) == "ops: sent\n"
        assert "did you mean 'ops'" in await asyncio.to_thread(
            run, "test", str(config), "--channel", "opps", code=2
        )
    assert [body["alarm"]["group"] for _, body, _ in receiver.requests] == ["test", "test"]
    config.write_text("")
    assert "has no [[alarms.channels]]" in await asyncio.to_thread(run, "test", str(config), code=2)
