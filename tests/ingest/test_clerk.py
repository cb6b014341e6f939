"""Commands of the book: carried out once, again after book or store were away, and none ends more than one life."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.clerk import Clerk, CommandError, Handler
from storage.book import Book
from storage.commands import Commands
from storage.store import StoreUnavailableError
from tests.waiting import until


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "book.sqlite") as book:
        yield book


def ask(book: Book, kind: str) -> int:
    return Commands(book).ask(kind, {"n": 1}, who="a test", now_ms=1)


def result(book: Book, number: int) -> Mapping[str, Any] | None:
    found = Commands(book).find(number)
    assert found is not None
    return found.result


def raising(*errors: Exception) -> tuple[Handler, list[int]]:
    """A handler that raises one after the other, then answers; and its calls."""
    left, calls = list(errors), list[int]()

    async def handle(content: Mapping[str, Any]) -> Mapping[str, Any]:
        calls.append(content["n"])
        if left:
            raise left.pop(0)
        return {"done": len(calls)}

    return handle, calls


async def carried_out(book: Book, number: int, handlers: Mapping[str, Handler]) -> Mapping[str, Any] | None:
    running = asyncio.create_task(Clerk(book, handlers, clock=lambda: 2).run())
    await until(lambda: result(book, number) is not None or running.done())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return result(book, number)


async def test_what_cannot_be_carried_out_says_why(book: Book) -> None:
    handler, _ = raising(CommandError("no such gateway"))
    assert await carried_out(book, ask(book, "retire"), {"retire": handler}) == {"error": "no such gateway"}


async def test_it_waits_for_the_store(book: Book) -> None:
    handler, calls = raising(StoreUnavailableError("away"), StoreUnavailableError("away"))
    assert await carried_out(book, ask(book, "replay"), {"replay": handler}) == {"done": 3}
    assert calls == [1, 1, 1]


async def test_a_bug_ends_one_life_and_the_next_goes_on_with_the_next_command(book: Book) -> None:
    broken, calls = raising(OverflowError("too large"), OverflowError("too large"))
    works, _ = raising()
    first, second = ask(book, "ledger"), ask(book, "replay")
    handlers = {"ledger": broken, "replay": works}
    with pytest.raises(OverflowError):
        await Clerk(book, handlers, clock=lambda: 2).run()
    assert result(book, first) == {"error": "given up, a mistake in the program: OverflowError: too large"}
    assert await carried_out(book, second, handlers) == {"done": 1}
    assert calls == [1]
