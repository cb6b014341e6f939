"""The quarantine's pages: what goes when it is full, and the hours of what went."""

from pathlib import Path

import pytest

from storage.book import Book
from storage.quarantine import HOUR_MS, Outcome, Quarantine, QuarantineFilter, Replay, observed_hour
from telemetry.quarantine import Quarantined, Reason

T = 1_767_200_400_000 - 1_767_200_400_000 % HOUR_MS


def entry(
    number: int, *, gateway: str = "gw-1", reason: Reason = Reason.NOT_OWNER, size: int = 0
) -> Quarantined:
    payload = b'{"n":"pm-1/pm25","t":%.3f,"v":%d}' % ((T + number) / 1000, number) + b" " * size
    return Quarantined(reason, "?", f"t/{gateway}", gateway, "pm-1", payload)


def test_a_babbling_gateway_pushes_out_only_its_own(tmp_path: Path) -> None:
    with Book(tmp_path / "book.sqlite", quarantine_rows=10) as book:
        book.quarantine([entry(n, gateway="quiet") for n in range(3)], T)
        for n in range(40):
            book.quarantine([entry(n, gateway="babbling")], T + 1 + n)
        kept = [(row.gateway, row.last_ms - T) for row in book.quarantined(100)]
        assert sorted(kept) == [("babbling", n) for n in range(34, 41)] + [("quiet", 0)] * 3
        assert (book.quarantine_gone(), book.quarantine_total()) == (33, 43)
        with book.reading() as database:
            assert Quarantine(database).readings(T, T + HOUR_MS) == {("pm-1", T): 43}
            assert Quarantine(database).readings(T + HOUR_MS, T + 2 * HOUR_MS) == {}


def test_what_is_settled_goes_first(tmp_path: Path) -> None:
    with Book(tmp_path / "book.sqlite", quarantine_rows=4) as book:
        book.quarantine([entry(n) for n in range(4)], T)
        newest = book.quarantined(1)[0].id
        with book.writing() as database:
            Quarantine(database).settle(newest, Replay(T, Outcome.STORED, "1 stored"))
        assert [row.open for row in book.quarantined(9)] == [False, True, True, True]
        book.quarantine([entry(9)], T + 1)
        assert newest not in {row.id for row in book.quarantined(9)}
        assert all(row.open for row in book.quarantined(9))
        with book.reading() as database:
            assert Quarantine(database).readings(T, T + HOUR_MS) == {("pm-1", T): 4}


def test_it_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    with Book(tmp_path / "book.sqlite") as book, book.writing() as database:
        pages = Quarantine(database, rows_max=100, bytes_max=5000)
        pages.add([entry(n, size=900) for n in range(8)], T)
        rows = pages.rows(100, None, QuarantineFilter())
        assert sum(len(row.payload) for row in rows) <= 5000
        assert len(rows) == 5
        assert pages.gone() == 3


@pytest.mark.parametrize(
    ("payload", "hour"),
    [
        (b'{"t":%d}' % ((T + 5 * HOUR_MS) // 1000), T + 5 * HOUR_MS),
        (b'{"bt":%d,"t":10}' % (T // 1000), T),
        (b"{}", T + HOUR_MS),
        (b'{"t":"noon"}', T + HOUR_MS),
        (b'{"t":1e300}', T + HOUR_MS),
        (b"\xff", T + HOUR_MS),
    ],
)
def test_the_hour_of_an_entry(payload: bytes, hour: int) -> None:
    assert observed_hour(payload, T + HOUR_MS + 7) == hour
