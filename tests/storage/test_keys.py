"""Keys in the book: found by their text only, ended at once, and their secrets nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.book import Book
from storage.keys import KeyRow, Keys, Role, write_key

TEXT = write_key("0123456789ab", "A" * 43)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "book.sqlite") as one:
        yield one


def added(book: Book, *, expires_ms: int | None = None) -> KeyRow:
    sites = ("bai-chay", "hon-gai")
    return Keys(book).add(
        TEXT, "night shift", Role.OPERATOR, sites, by="me (command line)", now_ms=1000, expires_ms=expires_ms
    )


def test_a_key_is_found_by_its_text_alone(book: Book) -> None:
    row = added(book)
    assert Keys(book).find(TEXT, 2000) == row
    for wrong in (
        TEXT[:-1] + "B",
        TEXT[:-1],
        f"{TEXT}A",
        "",
        row.id,
        TEXT.replace("hl_", "HL_"),
        TEXT.replace("ab_", "ac_"),
    ):
        assert Keys(book).find(wrong, 2000) is None


def test_it_ends_by_time_or_by_hand(book: Book) -> None:
    added(book, expires_ms=5000)
    assert Keys(book).find(TEXT, 4999) is not None
    assert Keys(book).find(TEXT, 5000) is None
    assert Keys(book).revoke("0123456789ab", "me", 3000)
    assert not Keys(book).revoke("0123456789ab", "me", 3000)
    assert Keys(book).find(TEXT, 4000) is None
    (row,) = Keys(book).made()
    assert row.revoked_ms == 3000


def test_another_process_ends_it_too(tmp_path: Path, book: Book) -> None:
    added(book)
    with Book(tmp_path / "book.sqlite") as other:
        Keys(other).revoke("0123456789ab", "me", 3000)
    assert Keys(book).find(TEXT, 4000) is None


def test_the_secret_is_not_in_the_file(tmp_path: Path, book: Book) -> None:
    row = added(book)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert row.id.encode() in written
    assert b"A" * 43 not in written


def test_the_record_is_bounded_and_goes_on_page_by_page(book: Book) -> None:
    for number in range(9):
        Keys(book, audit_rows=5).record(number, "me", "admin", "test", str(number))
    assert [row.target for row in Keys(book).changes(3)] == ["8", "7", "6"]
    assert [row.target for row in Keys(book).changes(9, before_id=Keys(book).changes(3)[-1].id)] == ["5", "4"]


def test_roles_cover_those_below() -> None:
    assert [[role.covers(needed) for needed in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize(("key_id", "secret"), [("x", "A" * 43), ("0" * 12, "A"), ("0" * 12, "ä" * 43)])
def test_only_whole_keys_are_written(key_id: str, secret: str) -> None:
    with pytest.raises(ValueError, match="12 hexadecimal"):
        write_key(key_id, secret)
