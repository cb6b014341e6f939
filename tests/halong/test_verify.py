"""`halong verify`: an account of files."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from edge.journal import Journal
from edge.packing import pack
from firmware_sim.truth import Device, Emitted, Recorder, Window
from halong.verify import Verdict, verify_files
from storage.embedded import EmbeddedStore
from storage.store import Columns
from telemetry.reading import Reading

T = 1_700_000_000_000
PATIENCE_S = 30.0


class Files:
    """A record, a journal and a store of one sensor with ten readings; each a little different on request."""

    def __init__(self, directory: Path) -> None:
        self.record, self.journal = directory / "truth.jsonl", directory / "journal.db"
        self._file = directory / "store.duckdb"
        self.store = f"duckdb:{self._file}"

    def emit(self, count: int = 10, windows: Sequence[Window] = ()) -> None:
        recorder = Recorder(self.record)
        recorder.write(Device("pm-1", "pms5003", 1.0, ("pm25",), T), *windows)
        recorder.write(*(Emitted("pm-1", "pm25", i / 3, T + 1000 * i) for i in range(count)))
        recorder.close()

    @staticmethod
    def readings(leaving_out: frozenset[int] = frozenset(), sensor: str = "pm-1") -> list[Reading]:
        return [Reading(sensor, "pm25", T + 1000 * i + 7, i / 3) for i in range(10) if i not in leaving_out]

    def accept(self, readings: Sequence[Reading]) -> None:
        journal = Journal.open(self.journal, clock=lambda: T, rng=Random(1))
        journal.append(pack("s", readings), T)
        journal.close()

    async def keep(self, readings: Sequence[Reading]) -> None:
        store = EmbeddedStore(self._file, clock=lambda: T)
        await store.open()
        columns = Columns()
        for reading in readings:
            columns.append("s", reading, 0, None)
        await store.write(columns)
        await store.close()

    async def verdict(self, *, journal: bool = True) -> Verdict:
        return await verify_files([self.record], self.store, [self.journal] if journal else [])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def test_three_sets_that_agree_balance(files: Files) -> None:
    files.emit()
    files.accept(files.readings())
    await files.keep(files.readings() + files.readings(sensor="another-one"))
    verdict = await files.verdict()
    assert verdict.balanced
    assert verdict.figures == {
        "sensors": 1, "emitted": 10, "accepted": 10, "stored": 10, "missed": 0, "unexplained": 0, "foreign": 0, "lost": 0,
        "duplicates": 0, "altered": 0, "waiting": 1, "damaged": 0, "undatable": 0, "undated": 0, "causes": {},
    }  # fmt: skip


async def test_a_reading_the_store_lacks_is_lost(files: Files) -> None:
    files.emit()
    files.accept(files.readings())
    await files.keep(files.readings(frozenset({4})))
    verdict = await files.verdict()
    assert not verdict.balanced
    assert (verdict.figures["lost"], verdict.figures["stored"]) == (1, 9)
    assert verdict.examples == (f"lost: pm-1 pm25 at {T + 4007}",)


async def test_without_journals_the_store_is_compared_with_what_was_sent(files: Files) -> None:
    files.emit()
    await files.keep(files.readings(frozenset({4})))
    verdict = await files.verdict(journal=False)
    assert (verdict.figures["missed"], verdict.figures["unexplained"], verdict.balanced) == (1, 1, False)


async def test_a_window_of_the_record_explains(files: Files) -> None:
    files.emit(windows=[Window("pm-1", "nobody listening", T + 3900, T + 4100)])
    files.accept(files.readings(frozenset({4})))
    await files.keep(files.readings(frozenset({4})))
    verdict = await files.verdict()
    assert (verdict.figures["missed"], verdict.figures["unexplained"], verdict.balanced) == (1, 0, True)


async def test_a_record_without_readings_and_a_store_that_is_not_there_are_told(files: Files) -> None:
    files.emit(count=0)
    await files.keep(files.readings())
    with pytest.raises(ValueError, match=r"no reading in .*truth\.jsonl"):
        await files.verdict()
    with pytest.raises(ValueError, match="there is no store at"):
        await verify_files([files.record], f"{files.store}x", [])
