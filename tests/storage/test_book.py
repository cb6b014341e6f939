"""The book: inventory with dates, states by session, anomalies, bounded quarantine; all of it survives reopening."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from storage.book import Book, BookUnavailableError
from storage.inventory import UNKNOWN_PROTOCOL
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, State
from telemetry.quarantine import Quarantined, Reason

SITE = Site("bai-chay", "Bãi Cháy", 20.95, 107.04)
OTHER = Site("hon-gai", "Hòn Gai", 20.95, 107.08)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "deep" / "book.db") as opened:
        yield opened


def birth(gateway: str, *sensors: str, session: tuple[int, int] = (1, 1), site: Site = SITE) -> Birth:
    listed = tuple(Sensor(sensor, "pms5003", ("pm25", "pm10"), 1.0) for sensor in sensors)
    return Birth(gateway, site, listed, session, 5, "0.1")


def test_a_birth_brings_site_gateway_and_sensors(book: Book) -> None:
    assert book.register(birth("gw-1", "dust-1", "dust-2"), 1000) == []
    assert book.sites() == [SITE]
    assert [(g.id, g.site, g.session, g.state, g.last_seen_ms) for g in book.gateways()] == [
        ("gw-1", "bai-chay", (1, 1), None, 1000)
    ]
    first, second = book.sensors()
    assert (first.id, first.protocol, first.quantities, first.period_s) == (
        "dust-1",
        "pms5003",
        ("pm25", "pm10"),
        1.0,
    )
    assert (first.site, first.gateway, first.since_ms) == ("bai-chay", "gw-1", 1000)
    assert second.id == "dust-2"
    assert book.owner("dust-1") == "gw-1"
    assert book.owner("dust-9") is None
    assert book.owners() == {"dust-1": "gw-1", "dust-2": "gw-1"}


def test_the_same_birth_again_keeps_the_dates(book: Book) -> None:
    book.register(birth("gw-1", "dust-1"), 1000)
    book.register(birth("gw-1", "dust-1", session=(1, 2)), 2000)
    assert book.sensors()[0].since_ms == 1000
    assert book.gateways()[0].session == (1, 2)


def test_an_older_birth_changes_nothing(book: Book) -> None:
    book.register(birth("gw-1", "dust-1", session=(2, 1)), 1000)
    assert book.register(birth("gw-1", "dust-2", session=(1, 9)), 2000) == []
    assert [sensor.id for sensor in book.sensors()] == ["dust-1"]


def test_a_sensor_of_another_gateway_is_refused_until_its_owner_drops_it(book: Book) -> None:
    book.register(birth("gw-1", "dust-1"), 1000)
    assert book.register(birth("gw-2", "dust-1", "dust-2", site=OTHER), 2000) == ["dust-1"]
    assert book.owners() == {"dust-1": "gw-1", "dust-2": "gw-2"}
    book.register(birth("gw-1", session=(1, 2)), 3000)
    assert book.owner("dust-1") == "gw-1"  # its backlog is still welcome
    assert [sensor.id for sensor in book.sensors()] == ["dust-2"]
    assert book.register(birth("gw-2", "dust-1", "dust-2", site=OTHER), 4000) == []
    assert book.owner("dust-1") == "gw-2"


def test_ownership_is_dated(book: Book) -> None:
    book.register(birth("gw-1", "dust-1"), 1000)
    book.register(birth("gw-1", session=(1, 2)), 2000)
    book.register(birth("gw-2", "dust-1"), 3000)
    assert [book.owner("dust-1", at) for at in (500, 1000, 2999, 3000, 9000)] == [
        "gw-1",
        "gw-1",
        "gw-1",
        "gw-2",
        "gw-2",
    ]


def test_a_changed_description_is_a_new_date(book: Book) -> None:
    book.register(birth("gw-1", "dust-1"), 1000)
    book.register(birth("gw-1", "dust-1", session=(1, 2), site=OTHER), 2000)
    (sensor,) = book.sensors()
    assert (sensor.site, sensor.since_ms) == ("hon-gai", 2000)


def test_a_swapped_device_keeps_its_id_and_is_a_new_date(book: Book) -> None:
    first = birth("gw-1", "dust-1")
    swapped = msgspec.structs.replace(first.sensors[0], serial="A7-0042", installed_ms=1_500)
    book.register(first, 1000)
    book.register(msgspec.structs.replace(first, sensors=(swapped,)), 2000)
    (row,) = book.sensors()
    assert (row.id, row.serial, row.installed_ms, row.since_ms) == ("dust-1", "A7-0042", 1_500, 1_500)


def test_an_unknown_sensor_is_adopted_with_its_quantities(book: Book) -> None:
    assert book.adopt("dust-7", "gw-7", "bai-chay", "pm25", 1000)
    assert book.adopt("dust-7", "gw-7", "bai-chay", "pm10", 1500)
    assert not book.adopt("dust-7", "gw-8", "bai-chay", "pm10", 1600)
    (sensor,) = book.sensors()
    assert (sensor.protocol, sensor.quantities, sensor.gateway) == (
        UNKNOWN_PROTOCOL,
        ("pm25", "pm10"),
        "gw-7",
    )
    assert [(g.id, g.site) for g in book.gateways()] == [("gw-7", "bai-chay"), ("gw-8", "bai-chay")]
    book.register(birth("gw-7", "dust-7"), 2000)
    assert book.sensors()[0].protocol == "pms5003"


def test_an_adopted_sensor_stays_when_a_birth_does_not_list_it(book: Book) -> None:
    book.adopt("dust-7", "gw-7", "bai-chay", "pm25", 1000)
    book.register(birth("gw-7", "dust-8"), 2000)
    assert [sensor.id for sensor in book.sensors()] == ["dust-7", "dust-8"]


def test_an_older_state_never_overrides_a_newer(book: Book) -> None:
    assert book.record_state(State("gw-1", True, (1, 2), 10, accepted=7), 1000)
    assert not book.record_state(State("gw-1", False, (1, 1)), 2000)
    assert not book.record_state(State("gw-1", True, (0, 9), 20), 2000)
    row = book.gateways()[0]
    assert row.state is not None
    assert (row.state.online, row.state.accepted, row.last_seen_ms) == (True, 7, 1000)


def test_a_state_older_than_the_birth_is_refused(book: Book) -> None:
    book.register(birth("gw-1", session=(3, 2)), 1000)
    assert not book.record_state(State("gw-1", False, (3, 1)), 2000)
    assert book.record_state(State("gw-1", True, (3, 2), 10), 2000)


def test_a_will_keeps_the_last_counters_and_is_not_seen(book: Book) -> None:
    book.record_state(State("gw-1", True, (1, 1), 10, accepted=7, backlog=2), 1000)
    assert book.record_state(State("gw-1", False, (1, 1)), 9000)
    row = book.gateways()[0]
    assert row.state == State("gw-1", False, (1, 1), 10, accepted=7, backlog=2)
    assert row.last_seen_ms == 1000


def anomaly(sensor: str, start_ms: int, end_ms: int | None, kind: AnomalyKind = AnomalyKind.SPIKE) -> Anomaly:
    return Anomaly(
        anomaly_id(sensor, "pm25", kind, start_ms),
        sensor,
        "pm25",
        "bai-chay" if sensor == "dust-1" else "hon-gai",
        kind,
        Severity.WARNING,
        start_ms,
        end_ms,
        1.5,
        90.0,
        None,
        None,
        None,
        "high",
        "cao",
    )


def test_anomalies_are_replaced_by_id_and_filtered(book: Book) -> None:
    closed, still_open = anomaly("dust-1", 1000, 2000), anomaly("dust-2", 1500, None, AnomalyKind.SILENCE)
    for one in (anomaly("dust-1", 1000, None), still_open, closed):
        book.put_anomaly(one)
    assert book.anomalies() == [still_open, closed]
    assert book.anomaly(closed.id) == closed
    assert book.anomaly("nothing") is None
    assert book.anomalies(open_only=True) == [still_open]
    assert book.anomalies(sensor="dust-1") == [closed]
    assert book.anomalies(site="hon-gai") == [still_open]
    assert book.anomalies(kind=AnomalyKind.SPIKE) == [closed]
    assert book.anomalies(start_ms=2001) == [still_open]
    assert book.anomalies(start_ms=2000, end_ms=1500) == [closed]


def test_anomalies_are_paged_even_with_equal_starts(book: Book) -> None:
    everything = [anomaly(f"dust-{n}", 1000 + n // 3, None) for n in range(10)]
    for one in everything:
        book.put_anomaly(one)
    pages: list[Anomaly] = []
    before_id = None
    while page := book.anomalies(limit=4, before_id=before_id):
        pages += page
        before_id = page[-1].id
    assert sorted(pages, key=lambda a: a.id) == sorted(everything, key=lambda a: a.id)
    assert [a.start_ms for a in pages] == sorted((a.start_ms for a in pages), reverse=True)
    assert book.anomalies(before_id="nothing") == []


def entry(payload: bytes, seq: int = 1, reason: Reason = Reason.BAD_RECORD) -> Quarantined:
    return Quarantined(reason, "no number", f"halong/v1/up/05/gw-1/abcd/{seq}", "gw-1", "dust-1", payload)


def test_the_same_thing_is_set_aside_once(book: Book) -> None:
    book.quarantine([entry(b"a"), entry(b"b"), entry(b"a", seq=2)], 1000)
    book.quarantine([entry(b"a", seq=3), entry(b"a", reason=Reason.UNIT)], 2000)
    rows = book.quarantined(10)
    assert [(r.payload, r.reason, r.count, r.first_ms, r.last_ms) for r in rows] == [
        (b"a", Reason.UNIT, 1, 2000, 2000),
        (b"b", Reason.BAD_RECORD, 1, 1000, 1000),
        (b"a", Reason.BAD_RECORD, 3, 1000, 2000),
    ]
    assert book.quarantined(1, before_id=rows[0].id) == [rows[1]]
    assert (book.quarantine_total(), book.quarantine_gone()) == (3, 0)


def test_the_checksum_of_a_topic_makes_nothing_another_thing(book: Book) -> None:
    topics = [f"halong/v1/up/05/gw-1/abcd/{seq}" for seq in ("1", "2/0a0b0c0d", "3/ffffffff")]
    book.quarantine([Quarantined(Reason.CORRUPTED, "", topic, "gw-1", "", b"a") for topic in topics], 1000)
    assert [row.count for row in book.quarantined(10)] == [3]


def test_the_quarantine_is_bounded_and_counts_what_went(tmp_path: Path) -> None:
    with Book(tmp_path / "book.db", quarantine_rows=3) as book:
        for number in range(5):
            book.quarantine([entry(b"%d" % number)], 1000 + number)
        book.quarantine([entry(b"2")], 2000)
        book.quarantine([entry(b"9")], 3000)
        assert {row.payload for row in book.quarantined(10)} == {b"2", b"4", b"9"}
        assert (book.quarantine_total(), book.quarantine_gone()) == (6, 3)


def test_everything_survives_reopening(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    with Book(path) as book:
        book.register(birth("gw-1", "dust-1"), 1000)
        book.put_anomaly(anomaly("dust-1", 1000, None))
        book.quarantine([entry(b"a")], 1000)
        before = (book.sensors(), book.gateways(), book.anomalies(), book.quarantined(5))
    with Book(path) as book:
        assert (book.sensors(), book.gateways(), book.anomalies(), book.quarantined(5)) == before


def test_a_file_that_is_no_book_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    path.write_bytes(b"this is not a database, it is a text" * 50)
    with (
        pytest.raises(BookUnavailableError, match=r"cannot use the book .*book\.db: file is not a database"),
        Book(path),
    ):
        pass


def test_a_book_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(BookUnavailableError, match="newer version"), Book(path):
        pass


def test_a_closed_book_says_so(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.db")
    with pytest.raises(BookUnavailableError, match="not open"):
        book.owners()
    with book:
        assert book.owners() == {}
    with pytest.raises(BookUnavailableError, match="not open"):
        book.owners()


def test_a_failed_call_changes_nothing(book: Book) -> None:
    unusable = msgspec.structs.replace(entry(b"b"), detail=None)
    with pytest.raises(BookUnavailableError, match="NOT NULL"):
        book.quarantine([entry(b"a"), unusable], 1000)
    assert book.quarantined(5) == []
    book.quarantine([entry(b"a")], 1000)
    assert len(book.quarantined(5)) == 1


def test_it_can_be_opened_beside_others_that_write(tmp_path: Path) -> None:
    path = tmp_path / "book.db"

    def work(number: int) -> int:
        for turn in range(10):
            with Book(path) as book:
                book.quarantine([entry(b"%d %d" % (number, turn))], 1000)
        return number

    with Book(path), ThreadPoolExecutor(6) as threads:
        assert list(threads.map(work, range(6))) == list(range(6))
    with Book(path) as book:
        assert book.quarantine_total() == 60
