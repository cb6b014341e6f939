"""Files that each release has left behind are opened by this program: nobody loses readings to an upgrade.

`tests/data/releases/VERSION/` holds what one run of `halong up --for 6s --gateways 1` wrote with that release, compressed.
They are never changed; a release adds a directory.
"""

import asyncio
import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from random import Random

import duckdb
import pytest

from edge import journalfile
from edge.journal import Journal
from halong.hub import ApiSettings, BrokerSettings, HubConfig, run
from halong.sets import read_accepted
from storage import book as books
from storage import duckfile
from storage.book import Book, BookUnavailableError
from storage.embedded import EmbeddedStore
from storage.store import StoreUnavailableError
from telemetry.reading import Reading

RELEASES = sorted((Path(__file__).parent / "data" / "releases").iterdir())
FAR = 2**50


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The files of a release, unpacked."""
    for packed in request.param.glob("*.gz"):
        with gzip.open(packed) as source, (tmp_path / packed.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
    shutil.copy(request.param / "expected.json", tmp_path)
    return tmp_path


async def stored(path: Path) -> list[Reading]:
    store = EmbeddedStore(path, clock=lambda: 0)
    await store.open()
    try:
        return [reading async for some in store.scan(0, FAR) for reading in some]
    finally:
        await store.close()


def test_there_is_something_of_this_version() -> None:
    assert version("halong-telemetry") in [path.name for path in RELEASES]


async def test_the_three_files_hold_what_they_held(release: Path) -> None:
    expected = json.loads((release / "expected.json").read_text())
    readings = await stored(release / "store.duckdb")
    assert len(readings) == expected["stored"]
    journal = Journal.open(release / "journal.db", clock=lambda: 0, rng=Random(1), keep_days=36500, max_mb=64)
    assert journal.waiting() == 0
    assert journal.resend(0, FAR) == expected["packs"]
    journal.close()
    accepted = read_accepted({expected["gateway"]: release / "journal.db"})
    assert len(accepted.readings) == expected["stored"]
    assert set(accepted.pack_of) == {reading.key for reading in readings}
    with Book(release / "book.sqlite") as book:
        assert [row.id for row in book.sensors()] == expected["sensors"]
        assert [row.id for row in book.gateways()] == [expected["gateway"]]
        assert len(book.manifests(0, FAR)) == expected["manifests"]


async def test_they_carry_the_version_that_this_program_writes_once_opened(release: Path) -> None:
    await stored(release / "store.duckdb")
    with Book(release / "book.sqlite"):
        pass
    Journal.open(release / "journal.db", clock=lambda: 0, rng=Random(1), keep_days=1, max_mb=64).close()
    for name, known in (
        ("book.sqlite", books.SCHEMA_VERSION),
        ("journal.db", journalfile.SCHEMA_VERSION),
    ):
        with closing(sqlite3.connect(release / name)) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (known,)
    with duckdb.connect(release / "store.duckdb") as database:
        assert database.execute("SELECT schema_version FROM about").fetchall() == [(duckfile.SCHEMA_VERSION,)]


async def test_what_a_newer_program_wrote_is_refused_and_left_alone(release: Path) -> None:
    await stored(release / "store.duckdb")
    with duckdb.connect(release / "store.duckdb") as database:
        database.execute(f"UPDATE about SET schema_version = {duckfile.SCHEMA_VERSION + 1}")
    with pytest.raises(StoreUnavailableError, match="newer version of this program"):
        await stored(release / "store.duckdb")
    with closing(sqlite3.connect(release / "book.sqlite")) as book:
        book.execute(f"PRAGMA user_version = {books.SCHEMA_VERSION + 1}")
    with (
        pytest.raises(BookUnavailableError, match="newer version of this program"),
        Book(release / "book.sqlite"),
    ):
        pass


async def test_a_hub_starts_on_them(release: Path, mosquitto_url: str) -> None:
    expected = json.loads((release / "expected.json").read_text())
    config = HubConfig(
        data=str(release), broker=BrokerSettings(mosquitto_url, "releases"), api=ApiSettings(port=0)
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(1.0, stop.set)
    async with asyncio.timeout(60):
        await run(config, stop=stop)
    assert len(await stored(release / "store.duckdb")) == expected["stored"]
