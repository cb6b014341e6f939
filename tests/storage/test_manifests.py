"""Manifests in the book: in any order, as often as they come, the newest state of each row."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from storage.book import Book
from telemetry.manifest import Manifest
from telemetry.times import HOUR_MS

HOUR = 1_699_999_200_000
FIRST = Manifest(sensor="pm-1", hour_ms=HOUR, journal="aaaa", expected=3600, read=3590, bad=10, accepted=3590)
LATER = msgspec.structs.replace(FIRST, read=3600, accepted=3598, duplicate=2)
LATEST = msgspec.structs.replace(LATER, given_up=50)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "book.db") as opened:
        yield opened


@pytest.mark.parametrize("order", list(permutations((FIRST, LATER, LATEST))))
def test_the_newest_state_stays_whatever_the_order(book: Book, order: tuple[Manifest, ...]) -> None:
    for now_ms, manifest in enumerate((*order, *order)):
        book.put_manifests([("gw-1", manifest)], now_ms)
    (row,) = book.manifests(0, HOUR + 1)
    assert (row.gateway, row.received_ms) == ("gw-1", order.index(LATEST))
    for name in Manifest.__struct_fields__:
        assert getattr(row, name) == getattr(LATEST, name), name


def test_lives_of_the_agent_gateways_and_sensors_stand_apart(book: Book) -> None:
    other_life = msgspec.structs.replace(FIRST, journal="bbbb", expected=None)
    other_sensor = msgspec.structs.replace(FIRST, sensor="co2-1")
    next_hour = msgspec.structs.replace(FIRST, hour_ms=HOUR + HOUR_MS)
    book.put_manifests([("gw-1", one) for one in (FIRST, other_life, other_sensor, next_hour)], 5)
    book.put_manifests([("gw-2", FIRST)], 6)
    rows = book.manifests(HOUR, HOUR + 1)
    assert [(row.sensor, row.gateway, row.journal, row.expected) for row in rows] == [
        ("co2-1", "gw-1", "aaaa", 3600),
        ("pm-1", "gw-1", "aaaa", 3600),
        ("pm-1", "gw-1", "bbbb", None),
        ("pm-1", "gw-2", "aaaa", 3600),
    ]
    assert len(book.manifests(HOUR, HOUR + HOUR_MS + 1)) == 5
    assert len(book.manifests(HOUR, HOUR + 1, sensor="pm-1", gateway="gw-1")) == 2
    assert book.manifests(0, HOUR) == []


def test_they_survive_reopening(tmp_path: Path) -> None:
    for _ in range(2):
        with Book(tmp_path / "again.db") as book:
            book.put_manifests([("gw-1", FIRST)], 1)
            assert len(book.manifests(HOUR, HOUR + 1)) == 1
