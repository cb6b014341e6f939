"""What is to be sent: each state once, in order, until it is settled; and no longer kept than its alarm is young."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import alarms, outbox
from storage.book import Book
from storage.outbox import Notice
from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import AnomalyKind, Severity

T = 1_795_395_600_000


def alarm(name: str, end_ms: int | None = None) -> Alarm:
    return Alarm(
        id=name,
        group=f"city/{name}",
        family=AlarmFamily.CITY,
        kind=AnomalyKind.SPIKE,
        severity=Severity.WARNING,
        state=AlarmState.OPEN if end_ms is None else AlarmState.CLOSED,
        site=name,
        sensors=("pm-1",),
        quantity="pm25",
        start_ms=T,
        end_ms=end_ms,
        score=2.0,
        value=None,
        expected=None,
        low=None,
        high=None,
        text="",
        text_vi="",
        anomalies=(),
        opened_ms=T,
    )


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "book.sqlite") as opened:
        yield opened


def put(book: Book, *notices: Notice, now_ms: int = T) -> None:
    with book.writing() as database:
        outbox.put(database, notices, now_ms)


def due(book: Book, now_ms: int = T, channel: str = "ops") -> Notice | None:
    with book.reading() as database:
        return outbox.next_due(database, channel, now_ms)


def test_a_newer_state_waits_for_the_older_one_of_its_alarm_only(book: Book) -> None:
    put(book, Notice(alarm("a"), "ops", "open"), Notice(alarm("a"), "ops", "closed"))
    put(book, Notice(alarm("b"), "ops", "open"), Notice(alarm("a"), "mail", "open"))
    put(book, Notice(alarm("a"), "ops", "open"))  # once more
    first = due(book)
    assert first is not None
    assert (first.key, first.tries, first.alarm) == ("a-open", 0, alarm("a"))
    with book.writing() as database:
        outbox.failed(database, first.id, "HTTP 500", again_ms=T + 1000)
    second = due(book)
    assert second is not None
    assert second.key == "b-open"
    with book.writing() as database:
        outbox.sent(database, second.id, T)
    assert due(book) is None  # a-closed waits for a-open
    again = due(book, T + 1000)
    assert again is not None
    assert (again.key, again.tries) == ("a-open", 1)
    with book.writing() as database:
        outbox.give_up(database, again.id, "HTTP 500", T)
    last = due(book)
    assert last is not None
    assert last.key == "a-closed"
    with book.reading() as database:
        assert outbox.waiting(database, ["ops"]) == outbox.waiting(database, ["mail"]) == 1
        assert outbox.told(database, ["a"])["a"].keys() == {
            ("ops", "open"),
            ("ops", "closed"),
            ("mail", "open"),
        }


@pytest.mark.parametrize(("end_ms", "left"), [(None, 1), (T + 9, 1), (T + 4, 0)])
def test_what_is_settled_is_forgotten_with_its_alarm(book: Book, end_ms: int | None, left: int) -> None:
    put(book, Notice(alarm("a"), "gone", "open"))
    with book.writing() as database:
        alarms.put(database, [alarm("a", end_ms)])
        outbox.prune(database, T + 5)
        assert outbox.waiting(database, ["gone"]) == left
