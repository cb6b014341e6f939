"""Everything since the backup is lost, and a gateway's journal heals it: an agent, a broker, a hub, the command line."""

import asyncio
import json
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from halong.hub import HubConfig
from storage.backup import BackupError, back_up, read_label, restore
from storage.book import Book
from storage.embedded import EmbeddedStore
from storage.store import Columns
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Reading
from tests.halong.test_hub import config, now_ms, publish_raw, running  # noqa: F401  # `config` is a fixture
from tests.peers import agent, edge_config

T = 1_767_200_400_000
AGENT = """
[broker]
url = "{url}"
root = "{root}"
[journal]
path = "{directory}/journal.db"
commit_ms = 20
[clock]
trust = "system"
[[mqtt]]
topic = "{root}/devices/co2"
sensor = "co2-1"
fields = {{ co2 = {{ path = "v" }} }}
time = "at"
"""


class Done(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str


async def halong(*arguments: object) -> Done:
    """In a process of its own: the hub's file is the hub's."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "halong", *map(str, arguments), stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        stdout, stderr = await process.communicate()
    return Done(process.returncode or 0, stdout.decode(), stderr.decode())


async def say(hub: HubConfig, values: range, at_ms: int) -> None:
    for value in values:
        message = json.dumps({"v": value, "at": (at_ms + value) / 1000}).encode()
        await publish_raw(hub, f"{hub.broker.root}/devices/co2", message)


async def stored(get, wanted: int) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(20):
        while len((await get("/v1/readings?sensor=co2-1&quantity=co2&limit=1000"))["items"]) < wanted:
            await asyncio.sleep(0.05)


async def heard(get) -> None:  # type: ignore[no-untyped-def]
    """The gateway is known, so its source is subscribed soon."""
    async with asyncio.timeout(20):
        while not any(one["online"] for one in (await get("/v1/gateways"))["items"]):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)


async def test_what_was_lost_since_the_backup_comes_back_from_the_journal(
    config: HubConfig,  # noqa: F811
    tmp_path: Path,
) -> None:
    at_ms, data = now_ms() - 60_000, Path(config.data)
    gateway = edge_config(AGENT, url=config.broker.url, root=config.broker.root, directory=tmp_path)
    async with agent(gateway):
        async with running(config) as get:
            await heard(get)
            await say(config, range(400, 410), at_ms)
            await stored(get, 10)
            made = await halong("backup", tmp_path / "safe", "--data", data, "--json")
            assert made.exit_code == 0, made
            (line,) = [line for line in made.stdout.splitlines() if line.startswith('{"directory"')]
            assert json.loads(line)["rows"] == 10
            again = await halong("backup", tmp_path / "safe", "--data", data)
            assert again.exit_code == 1
            assert "is there already" in again.stderr
            await say(config, range(410, 425), at_ms)
            await stored(get, 25)
            busy = await halong("restore", tmp_path / "safe", "--data", data)
            assert busy.exit_code == 1
            assert "stop it" in busy.stderr
        for path in data.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        done = await halong("restore", tmp_path / "safe", "--data", data)
        assert done.exit_code == 0, done
        (command,) = [line.split()[1:] for line in done.stdout.splitlines() if "halong resend" in line]
        async with running(config) as get:
            await heard(get)
            await stored(get, 10)
            rest = ["--broker", config.broker.url, "--root", config.broker.root]
            asked = await halong(*command, *rest)
            assert asked.exit_code == 0, asked
            await stored(get, 25)
            items = (await get("/v1/readings?sensor=co2-1&quantity=co2&limit=1000"))["items"]
            assert [item["value"] for item in items] == [float(value) for value in range(400, 425)]
            assert (await get("/v1/account"))["readings_duplicate"] >= 10


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[tuple[Book, EmbeddedStore]]:
    store = EmbeddedStore(tmp_path / "data" / "store.duckdb", clock=lambda: T)
    await store.open()
    with Book(tmp_path / "data" / "book.sqlite") as book:
        yield book, store
    await store.close()


async def write(store: EmbeddedStore, first: int, count: int) -> None:
    columns = Columns()
    for number in range(first, first + count):
        columns.append("s", Reading("pm-1", "pm25", T + number, float(number)), 0, None)
    await store.write(columns)


async def test_a_backup_made_between_writes_is_of_one_moment(
    kept: tuple[Book, EmbeddedStore], tmp_path: Path
) -> None:
    book, store = kept
    book.quarantine([Quarantined(Reason.UNDECODABLE, "?", "t", "g", "", b"x")], T)
    await write(store, 0, 100)

    async def busy() -> None:
        for batch in range(1, 20):
            await write(store, 100 * batch, 100)

    writing = asyncio.create_task(busy())
    label = await back_up(book, store, tmp_path / "safe", now_ms=T)
    await writing
    assert label == read_label(tmp_path / "safe")
    assert label.rows % 100 == 0
    assert not (tmp_path / "safe.partial").exists()
    restore(tmp_path / "safe", tmp_path / "other", now_ms=T)
    other = EmbeddedStore(tmp_path / "other" / "store.duckdb", clock=lambda: T)
    await other.open()
    assert sum((await other.count(0, T + 10_000)).values()) == label.rows
    await other.close()
    with Book(tmp_path / "other" / "book.sqlite") as copy:
        assert copy.quarantine_total() == 1


async def test_nothing_half_made_is_left_and_nothing_damaged_is_restored(
    kept: tuple[Book, EmbeddedStore], tmp_path: Path
) -> None:
    book, store = kept
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BackupError, match=r"cannot back up .* name too long"):
        await back_up(book, store, tmp_path / ("x" * 300), now_ms=T)
    with pytest.raises(BackupError, match="cannot back up"):
        await back_up(book, store, tmp_path / "file" / "safe", now_ms=T)
    with pytest.raises(BackupError, match="is no backup"):
        restore(tmp_path, tmp_path / "other", now_ms=T)
    await back_up(book, store, tmp_path / "safe", now_ms=T)
    (tmp_path / "safe" / "store.duckdb").unlink()
    with pytest.raises(BackupError, match="has lost its store"):
        restore(tmp_path / "safe", tmp_path / "other", now_ms=T)
    await back_up(book, None, tmp_path / "book-only", now_ms=T)
    (tmp_path / "book-only" / "book.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(BackupError, match="is damaged"):
        restore(tmp_path / "book-only", tmp_path / "other", now_ms=T)
    assert not (tmp_path / "other").exists()


async def test_a_book_that_somebody_has_open_is_not_replaced(
    kept: tuple[Book, EmbeddedStore], tmp_path: Path
) -> None:
    book, _ = kept
    await back_up(book, None, tmp_path / "safe", now_ms=T)
    with pytest.raises(BackupError, match=r"a hub has the book in .* open: stop it"):
        restore(tmp_path / "safe", tmp_path / "data", now_ms=T)
    book.__exit__(None, None, None)
    restore(tmp_path / "safe", tmp_path / "data", now_ms=T)
    (tmp_path / "data" / "book.sqlite").write_bytes(b"no database" * 1000)
    restore(tmp_path / "safe", tmp_path / "data", now_ms=T + 1)
    with Book(tmp_path / "data" / "book.sqlite") as again:
        assert again.gateways() == []


async def test_what_was_there_is_set_aside_and_a_stopped_hub_needs_none(
    kept: tuple[Book, EmbeddedStore], tmp_path: Path
) -> None:
    book, store = kept
    await write(store, 0, 10)
    await store.close()
    book.__exit__(None, None, None)
    done = await halong("backup", tmp_path / "safe", "--data", tmp_path / "data")
    assert "10 readings" in done.stdout, done
    put_back = await halong("restore", tmp_path / "safe", "--data", tmp_path / "data")
    assert put_back.exit_code == 0, put_back
    (aside,) = (tmp_path / "data").glob("before-restore-*")
    assert {"store.duckdb", "book.sqlite"} <= {path.name for path in aside.iterdir()}
