"""Whatever comes up the link, it becomes a reading or an entry in the quarantine, and the counts agree."""

from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.account import Account
from ingest.batch import Batch, Packet
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.registry import Registry
from storage.book import Book
from telemetry.packs import encode_pack
from telemetry.quarantine import Reason
from telemetry.reading import Reading
from telemetry.topics import PackName, partition, up
from tests.thorough import examples

NOW = 1_767_200_400_000
NAME = PackName("gw-1", "aaaa", 7)
TOPIC = up("t", "bai-chay", NAME)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8)
)
records = st.dictionaries(
    st.sampled_from(["bn", "n", "u", "t", "v", "vs", "vd", "fl", "site", -2, 0, 2, 6, "x_", 77]),
    scalars,
    max_size=6,
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    path: Path = tmp_path_factory.mktemp("intake") / "book.sqlite"
    with Book(path) as book:
        yield Registry(book)


def intake(registry: Registry) -> tuple[Intake, Account]:
    account = Account()
    return Intake(root="t", registry=registry, judge=Judge(), account=account), account


def run(registry: Registry, *packets: Packet) -> tuple[Batch, Account]:
    doing, account = intake(registry)
    batch = Batch()
    for packet in packets:
        account.accepted()
        doing.add(packet, batch)
    doing.check(batch)
    while doing.judge(batch, NOW, at_most=2):
        pass
    assert account.balanced
    assert len(batch) + batch.refused + batch.repeated == batch.decoded == account.readings_in_flight
    return batch, account


@given(payload=st.binary(max_size=200) | st.lists(records, max_size=4).map(cbor2.dumps))
@settings(examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_become_readings_or_quarantine(registry: Registry, payload: bytes):
    batch, _ = run(registry, Packet(TOPIC, payload, NOW))
    assert batch.packs == [NAME]
    assert batch.quarantined or len(batch) or not batch.decoded


@given(rest=st.text(max_size=30))
@settings(examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_topic_is_a_pack_or_quarantined_without_acknowledgement(registry: Registry, rest: str):
    batch, account = run(registry, Packet(f"t/up/{rest}", b"[]", NOW))
    assert (account.messages_quarantined, len(batch.quarantined)) == (1, 1)


def test_cbor_records_that_json_cannot_hold_are_kept_in_words(registry: Registry):
    site = {"site": "bai-chay", "n": "pm-9/pm25", "t": NOW / 1000, "v": 1}
    odd = {"n": "pm-9/joy", "t": NOW / 1000, "v": 2, "x": cbor2.CBORTag(4711, "?")}
    batch, _ = run(registry, Packet(TOPIC, cbor2.dumps([site, odd]), NOW))
    assert len(batch) == 1
    (entry,) = batch.quarantined
    assert entry.reason is Reason.UNKNOWN_QUANTITY
    assert b"4711" in entry.payload


def test_a_pack_changed_on_its_way_is_set_aside_and_not_acknowledged(registry: Registry):
    payload = encode_pack("bai-chay", [Reading("pm-9", "pm25", NOW, 5.0)])
    topic = up("t", "bai-chay", NAME, payload)
    for changed in (
        Packet(topic, payload.replace(b"5.0", b"6.0"), NOW),
        Packet(topic.replace("aaaa/7", "aaaa/8"), payload, NOW),
    ):
        batch, account = run(registry, changed)
        assert (batch.packs, len(batch), account.messages_quarantined) == ([], 0, 1)
        (entry,) = batch.quarantined
        assert (entry.reason, entry.payload) == (Reason.CORRUPTED, changed.payload)
    batch, _ = run(registry, Packet(topic, payload, NOW))
    assert (batch.packs, len(batch)) == ([NAME], 1)


def test_what_its_sender_made_unreadable_is_acknowledged(registry: Registry):
    batch, _ = run(registry, Packet(up("t", "bai-chay", NAME, b"{}"), b"{}", NOW))
    assert (batch.packs, [entry.reason for entry in batch.quarantined]) == ([NAME], [Reason.UNDECODABLE])


def test_a_pack_twice_in_one_batch_counts_as_duplicate(registry: Registry):
    packet = Packet(TOPIC, encode_pack("bai-chay", [Reading("pm-9", "pm25", NOW, 5.0)]), NOW)
    batch, account = run(registry, packet, packet)
    assert (len(batch.columns), batch.repeated, batch.packs) == (1, 1, [NAME])
    assert account.messages_decoded == 2


def test_a_partition_that_does_not_fit_is_accepted_and_counted(registry: Registry):
    wrong = next(f"{number:02x}" for number in range(64) if f"{number:02x}" != partition("bai-chay"))
    payload = encode_pack("bai-chay", [Reading("pm-9", "pm25", NOW, 5.0)])
    batch, account = run(registry, Packet(f"t/up/{wrong}/gw-1/aaaa/8", payload, NOW))
    assert (len(batch), account.packs_misplaced) == (1, 1)


def test_rows_are_in_the_order_of_observation_and_late_ones_say_so(registry: Registry):
    readings = [Reading("pm-9", "pm10", NOW - late, 5.0) for late in (10, 90_000, 30)]
    batch, account = run(registry, Packet(TOPIC, encode_pack("bai-chay", readings), NOW))
    assert batch.columns.observed_at == [NOW - 90_000, NOW - 30, NOW - 10]
    assert batch.columns.late_s == [90, None, None]
    assert account.readings_late == 1
    assert [batch.reading(row).observed_at for row in range(3)] == batch.columns.observed_at


def test_the_newest_of_each_series_is_shown_and_nothing_refused(registry: Registry):
    readings = [Reading("pm-9", "pm10", NOW - 10, 5.0), Reading("pm-9", "pm25", NOW - 20, 6.0)]
    newer = [Reading("pm-9", "pm10", NOW - 5, 7.0), Reading("pm-9", "pm10", NOW - 30, 8.0)]
    batch, _ = run(registry, Packet(TOPIC, encode_pack("bai-chay", readings + newer), NOW))
    assert batch.newest() == [("bai-chay", readings[1]), ("bai-chay", newer[0])]
    assert batch.newest({3}) == [("bai-chay", readings[1]), ("bai-chay", readings[0])]


def test_newcomers_are_registered_in_one_transaction_and_belong_to_who_was_first(tmp_path: Path) -> None:
    names = [PackName(f"gw-{number}", "aaaa", 1) for number in (1, 2)]
    found = [
        [
            Reading(f"new-{sensor}", quantity, NOW + at, 1.0)
            for sensor in range(100)
            for quantity in ("pm25", "pm10")
        ]
        for at in (0, 1)
    ]
    packets = [
        Packet(up("t", "bai-chay", name), encode_pack("bai-chay", some), NOW + at)
        for at, (name, some) in enumerate(zip(names, found, strict=True))
    ]
    with Book(tmp_path / "book.sqlite") as book:
        statements: list[str] = []
        with book.reading() as database:
            database.set_trace_callback(statements.append)
        batch, _ = run(Registry(book), *packets)
        assert statements.count("BEGIN IMMEDIATE") == 1
        owners = book.owners()
        assert {row.quantities for row in book.sensors()} == {("pm25", "pm10")}
    assert owners == {f"new-{sensor}": "gw-1" for sensor in range(100)}
    assert len(batch) == batch.refused == 200  # of the second gateway nothing slips through beside the first
    assert {(entry.reason, entry.gateway) for entry in batch.quarantined} == {(Reason.NOT_OWNER, "gw-2")}
