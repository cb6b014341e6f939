"""The quarantine's pages: what goes when it is full, and the hours of what went."""

from pathlib import Path

import pytest

from storage.book import Book
from storage.quarantine import Outcome, Quarantine, QuarantineFilter, Replay, observed_hour
from telemetry import undatable
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Reading
from telemetry.times import HOUR_MS

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


def test_readings_that_never_had_a_date_count_in_the_hour_they_were_taken_in_at_the_latest(
    tmp_path: Path,
) -> None:
    latest = T + 1_800_000
    since_boot = [
        Reading(sensor, "pm25", at, float(at))
        for sensor, at in (
            ("pm-1", 0),
            ("pm-2", 5_000),
            ("pm-1", 3_600_000),
        )  # the last at the latest, an hour after the first
    ]
    payload = undatable.encode("bai-chay", "45dd", (latest - 9_000_000, latest), since_boot)
    with Book(tmp_path / "book.sqlite", quarantine_rows=3) as book:
        one = Quarantined(Reason.UNDATABLE, "?", "t/gw-1", "gw-1", "", payload)
        book.quarantine([one], T)
        book.quarantine([one], T + 1)  # the same again is one
        counted = {("pm-1", T - HOUR_MS): 1, ("pm-2", T - HOUR_MS): 1, ("pm-1", T): 1}
        with book.reading() as database:
            assert Quarantine(database).readings(T - HOUR_MS, T + HOUR_MS) == counted
            assert Quarantine(database).readings(T, T + HOUR_MS) == {("pm-1", T): 1}
        book.quarantine([entry(n, gateway="babbling") for n in range(1, 3)], T + 2)
        book.quarantine([entry(n, gateway="babbling", reason=Reason.BAD_RECORD) for n in range(3)], T + 3)
        assert [row.reason for row in book.quarantined(9)].count(Reason.UNDATABLE) == 1
        with book.writing() as database:
            (kept,) = Quarantine(database).rows(9, None, QuarantineFilter(reason=Reason.UNDATABLE))
            Quarantine(database).settle(kept.id, Replay(T + 4, Outcome.STORED, "3 stored"))
            assert ("pm-2", T - HOUR_MS) not in Quarantine(database).readings(0, T + HOUR_MS)


def test_undatable_readings_that_the_bound_removed_are_still_known_of(tmp_path: Path) -> None:
    payload = undatable.encode("bai-chay", "45dd", (T, T + 1000), [Reading("pm-1", "pm25", 0, 1.0)] * 3)
    with Book(tmp_path / "book.sqlite", quarantine_rows=1) as book:
        book.quarantine([Quarantined(Reason.UNDATABLE, "?", "t/gw-1", "gw-1", "", payload)], T)
        book.quarantine([entry(0)], T + 1)
        assert [row.reason for row in book.quarantined(9)] == [Reason.NOT_OWNER]
        with book.reading() as database:
            assert Quarantine(database).readings(T, T + HOUR_MS) == {("pm-1", T): 4}
