"""The verifier's own readers: journals that a real agent's journal wrote, damaged ones, traces, records, the store."""

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge.clock import UNDATED_MS, Bracket
from edge.journal import Journal
from edge.packing import pack, pack_undatable
from firmware_sim.truth import Device, Emitted, Recorder, Window
from halong.account import Timeless
from halong.sets import FOR_EVER_MS, count_waiting, read_accepted, read_commits, read_emitted, read_stored
from storage.embedded import EmbeddedStore
from storage.store import Columns
from telemetry.reading import Reading
from telemetry.topics import PackName

T = 1_700_000_000_000


def readings(first: int, count: int, sensor: str = "pm-1") -> list[Reading]:
    return [Reading(sensor, "pm25", T + 1000 * i, i / 3) for i in range(first, first + count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a #1? 50%" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """An agent's journal that stays open while it is verified: three packs of ten, the second one acknowledged."""
    opened = Journal.open(path, clock=lambda: T, rng=Random(1))
    for start in (0, 10, 20):
        opened.append(pack("bai-chay", readings(start, 10), cbor=start == 20), T + 50_000)
    opened.acknowledge({opened.id: [(1, 1)]}, T + 60_000)
    yield opened
    opened.close()


def damage(path: Path, seq: int, payload: bytes, *, crc: int | None = None) -> None:
    with sqlite3.connect(path) as db:
        checksum = zlib.crc32(payload) if crc is None else crc
        db.execute("UPDATE packs SET payload = ?, crc = ? WHERE seq = ?", (payload, checksum, seq))
    db.close()


def test_what_the_agent_accepted_is_read_as_it_was(journal: Journal, path: Path) -> None:
    accepted = read_accepted({"gw-1": path})
    times, values = accepted.readings.get(("pm-1", "pm25"))
    assert times.tolist() == [T + 1000 * i for i in range(30)]
    assert values.tolist() == [i / 3 for i in range(30)]
    assert (accepted.waiting, accepted.damaged) == (2, 0)
    assert accepted.pack_of[("pm-1", "pm25", T + 15_000)] == PackName("gw-1", journal.id, 1)
    assert len(accepted.pack_of) == 30


def test_only_what_was_observed_from_a_time_on(journal: Journal, path: Path) -> None:
    accepted = read_accepted({"gw-1": path}, since_ms=T + 15_000)
    assert accepted.readings.get(("pm-1", "pm25"))[0].tolist() == [T + 1000 * i for i in range(15, 30)]
    assert read_accepted({"gw-1": path}, since_ms=T + 30_000).waiting == 0


def test_a_reading_journalled_twice_counts_once_in_its_first_pack(journal: Journal, path: Path) -> None:
    journal.append(pack("bai-chay", readings(5, 10)), T + 70_000)
    accepted = read_accepted({"gw-1": path})
    assert len(accepted.readings) == 30
    assert accepted.pack_of[("pm-1", "pm25", T + 9_000)].seq == 0


def test_journals_of_several_gateways(journal: Journal, path: Path, tmp_path: Path) -> None:
    other = Journal.open(tmp_path / "other.db", clock=lambda: T, rng=Random(2))
    other.append(pack("hon-gai", readings(0, 3, "pm-2")), T)
    accepted = read_accepted({"gw-1": path, "gw-2": tmp_path / "other.db"})
    other.close()
    assert set(accepted.readings.series) == {("pm-1", "pm25"), ("pm-2", "pm25")}
    assert accepted.pack_of[("pm-2", "pm25", T)] == PackName("gw-2", other.id, 0)
    assert count_waiting([path, tmp_path / "other.db", tmp_path / "not-yet.db"]) == 3


@pytest.mark.parametrize(
    ("payload", "crc"),
    [
        (zlib.compress(b"[]"), 5),
        (b"no zlib", None),
        (zlib.compress(b"no SenML"), None),
        (zlib.compress(b"[]")[:-3], None),
    ],
    ids=["checksum", "not compressed", "not SenML", "cut"],
)
def test_a_damaged_pack_is_counted_and_costs_only_itself(
    journal: Journal, path: Path, payload: bytes, crc: int | None
) -> None:
    damage(path, 0, payload, crc=crc)
    accepted = read_accepted({"gw-1": path})
    assert accepted.damaged == 1
    assert accepted.readings.get(("pm-1", "pm25"))[0].tolist() == [T + 1000 * i for i in range(10, 30)]


def test_a_file_its_agent_has_only_just_made_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()
    assert len(read_accepted({"gw-1": tmp_path / "journal.db"}).readings) == 0
    assert count_waiting([tmp_path / "journal.db"]) == 0


def test_what_is_no_journal_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all" * 100, encoding="utf-8")
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE something (x)")
    db.close()
    for name in ("text.db", "other.db", "absent.db"):
        with pytest.raises(ValueError, match=rf"{name} cannot be read as a journal") as caught:
            read_accepted({"gw-1": tmp_path / name})
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "absent.db").exists()


def test_records_of_several_simulators_are_one(tmp_path: Path) -> None:
    for number in (1, 2):
        recorder = Recorder(tmp_path / f"{number}.jsonl")
        recorder.write(
            Device(f"pm-{number}", "pms5003", 1.0 * number, ("pm25",), T),
            Emitted(f"pm-{number}", "pm25", 5.0, T + number),
            Window(f"pm-{number}", "corrupted", T, T + 9),
        )
        recorder.close()
    emitted = read_emitted([tmp_path / "1.jsonl", tmp_path / "2.jsonl"])
    assert emitted.sensors == {"pm-1", "pm-2"}
    assert emitted.periods_s == {"pm-1": 1.0, "pm-2": 2.0}
    assert set(emitted.protocols.values()) == {"pms5003"}
    assert len(emitted.readings) == 2
    assert [(w.sensor, w.start_ms, w.end_ms, w.cause) for w in emitted.windows] == [
        ("pm-1", T, T + 9, "corrupted"),
        ("pm-2", T, T + 9, "corrupted"),
    ]


async def test_the_store_is_read_for_the_sensors_asked_for(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store.duckdb", clock=lambda: T)
    await store.open()
    columns = Columns()
    for reading in (*readings(0, 5), *readings(0, 5, "pm-2")):
        columns.append("s", reading, 0, None)
    await store.write(columns)
    stored = await read_stored(store, T + 1000, T + 4000, frozenset({"pm-1"}))
    await store.close()
    assert list(stored.series) == [("pm-1", "pm25")]
    assert stored.get(("pm-1", "pm25"))[0].tolist() == [T + 1000, T + 2000, T + 3000]


def test_a_pack_is_committed_when_it_first_was(tmp_path: Path) -> None:
    trace = tmp_path / "commits.jsonl"
    trace.write_text(
        '{"at": 10, "packs": [["gw-1", "abcd", 0], ["gw-1", "abcd", 1]]}\n'
        '{"at": 20, "packs": [["gw-1", "abcd", 1], ["gw-2", "ef01", 0]]}\n'
        "\n"
        '{"packs": [["gw-1", "abcd", 7]]}\n'
        '{"at": 25}\n'
        "[1]\n"
        "5\n"
        '{"at": 27, "packs": [["gw-1", "abcd"]]}\n'
        '{"at": 30, "packs": [["gw-1", "abcd", 2]]}\n'
        '{"at": 40, "packs": [["gw-1", "ab',
        encoding="utf-8",
    )
    assert read_commits(trace) == {
        PackName("gw-1", "abcd", 0): 10,
        PackName("gw-1", "abcd", 1): 10,
        PackName("gw-2", "ef01", 0): 20,
        PackName("gw-1", "abcd", 2): 30,
    }
    assert read_commits(tmp_path / "absent") == {}


def test_readings_without_a_date_are_read_with_the_time_they_must_lie_in(
    journal: Journal, path: Path
) -> None:
    undated = [Reading("pm-1", "pm25", UNDATED_MS + at, float(at)) for at in (10, 20)]
    journal.hold("boot-a", undated)
    journal.append(pack_undatable("bai-chay", "boot-b", Bracket(T, T + 9_000), undated), T + 60_000)
    accepted = read_accepted({"gw-1": path})
    assert accepted.damaged == 0
    assert sorted(accepted.timeless) == [
        Timeless("pm-1", "pm25", 10.0, T, T + 9_000, "undatable"),
        Timeless("pm-1", "pm25", 10.0, T + 50_000, FOR_EVER_MS, "waiting for a date"),
        Timeless("pm-1", "pm25", 20.0, T, T + 9_000, "undatable"),
        Timeless("pm-1", "pm25", 20.0, T + 50_000, FOR_EVER_MS, "waiting for a date"),
    ]
    assert (accepted.count_timeless("undatable"), accepted.count_timeless("waiting for a date")) == (2, 2)
    assert len(accepted.readings) == 30


def test_a_journal_of_the_first_version_has_none(journal: Journal, path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE undated")
    db.close()
    assert list(read_accepted({"gw-1": path}).timeless) == []
