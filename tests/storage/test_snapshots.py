"""What detectors remember is given back as it was written, or not at all."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import snapshots
from storage.book import Book

SERIES = [(f"pm25-{number}", "pm25", random.Random(number).randbytes(40 + number)) for number in range(5)]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "book.sqlite") as book:
        with book.writing() as database:
            snapshots.keep(database, SERIES)
        yield book


def spoil(book: Book, state: bytes) -> None:
    with book.writing() as database:
        database.execute("UPDATE detector_state SET state = ? WHERE sensor = 'pm25-2'", (state,))


def test_all_of_it_comes_back(book: Book) -> None:
    with book.reading() as database:
        assert snapshots.kept(database) == (SERIES, 0)
        assert snapshots.of(database, "pm25-2", "pm25") == SERIES[2:3]


def test_a_state_that_has_changed_on_the_disk_is_left_out_and_counted(book: Book) -> None:
    with book.reading() as database:
        ((whole,),) = database.execute("SELECT state FROM detector_state WHERE sensor = 'pm25-2'").fetchall()
    turned = [
        whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
        for at in range(len(whole))
        for bit in (0, 7)
    ]
    cut = [whole[:length] for length in range(len(whole))]
    for state in (*turned, *cut, whole + b"\0", bytes(len(whole))):
        spoil(book, state)
        with book.reading() as database:
            assert snapshots.kept(database) == (SERIES[:2] + SERIES[3:], 1)
            assert snapshots.of(database, "pm25-2", "pm25") == []
