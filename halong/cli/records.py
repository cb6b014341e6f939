"""What the commands over the hub's records share: its book, commands written into it, times as people write them.

The book is one SQLite file that several processes may have open: these commands work beside a running hub, and what only
the hub can do is written down as a command that it takes up.
"""

import getpass
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halong.console import fail
from storage.book import Book, BookUnavailableError
from storage.commands import Commands
from storage.facts import STORE_FILE, facts
from storage.inventory import Inventory
from telemetry import times
from telemetry.names import did_you_mean

if TYPE_CHECKING:
    from storage.embedded import EmbeddedStore

BOOK = "book.sqlite"
LOOK_EVERY_S = 0.05
PATIENCE_S = 10.0

Data = Annotated[Path, typer.Option(help="The hub's data directory.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
DATA = Path("halong-data")


def now_ms() -> int:
    """Wall time."""
    return time.time_ns() // 1_000_000


def who() -> str:
    """The user of this machine, for the record."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError, ImportError):  # no such user: what it raises differs by version
        return "command line"


@contextmanager
def opened(data: Path, *, new: bool = False) -> Iterator[Book]:
    """The book of the hub whose data directory this is; a missing or unusable one ends the command with one line.

    `new`: it is made when the directory is there, for what is done before the hub's first start.
    """
    path = data / BOOK
    if not (data.is_dir() if new else path.exists()):
        raise fail(f"there is no book at {path}: give the hub's data directory with --data", 2)
    try:
        with Book(path) as book:
            yield book
    except BookUnavailableError as error:
        raise fail(str(error)) from None


def check_sensor(book: Book, sensor: str) -> None:
    """A sensor that the hub has never heard of ends the command with exit 2."""
    with book.reading() as database:
        known = Inventory(database).periods(0, times.LAST_MS, sensor)
    if not known:
        raise fail(f"no sensor {sensor!r}, {did_you_mean(sensor, [row.id for row in book.sensors()])}", 2)


def carry_out(book: Book, kind: str, content: Any, *, patience_s: float = PATIENCE_S) -> Mapping[str, Any]:
    """What the hub made of the command; one line and exit 1 when it refuses, or does not take it up in time."""
    commands = Commands(book)
    number = commands.ask(kind, content, who=who(), now_ms=now_ms())
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        row = commands.find(number)
        if row is not None and row.result is not None:
            if "error" in row.result:
                raise fail(str(row.result["error"]))
            return row.result
        time.sleep(LOOK_EVERY_S)
    raise fail(f"command {number} is written down, the hub has not taken it up yet: is it running?")


@asynccontextmanager
async def unheld_store(book: Book, data: Path) -> AsyncIterator["EmbeddedStore | None"]:
    """The embedded store while nobody holds it, None where there is none; raises StoreBusyError when the hub does."""
    name = facts(book).get(STORE_FILE, "store.duckdb")
    if not name or not (data / name).exists():
        yield None
        return
    from storage.embedded import EmbeddedStore

    store = EmbeddedStore(data / name, clock=now_ms)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def shown(ms: int | None) -> str:
    """In the city's time, for people; "" for None."""
    return "" if ms is None else f"{datetime.fromtimestamp(ms / 1000, times.CITY_ZONE):%Y-%m-%d %H:%M:%S}"


def print_json(content: Any) -> None:
    """One line."""
    print(json.dumps(content, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as they must be; numbers to the right."""
    cells = [list(map(str, row)) for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *cells]) for column in range(len(head))]
    numeric = [
        all(isinstance(row[column], int | float) for row in rows) and rows for column in range(len(head))
    ]
    for line in [list(head), *cells]:
        print(
            "  ".join(
                c.rjust(w) if n else c.ljust(w) for c, w, n in zip(line, widths, numeric, strict=True)
            ).rstrip()
        )
