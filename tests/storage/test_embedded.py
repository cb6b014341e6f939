"""The DuckDB file under hard treatment: killed writers, torn and flipped bytes, full disks, a second process."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage.embedded import EmbeddedStore, StoreBusyError
from storage.store import Columns, Outcome, StoreUnavailableError
from telemetry.reading import Reading

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def columns(start: int, rows: int, sensor: str = "dust-1") -> Columns:
    result = Columns()
    for at in range(start, start + rows):
        result.append("bai-chay", Reading(sensor, "pm25", at, at / 3), 0, None)
    return result


async def rows_of(path: Path) -> dict[int, float]:
    store = EmbeddedStore(path, clock=lambda: 77)
    await store.open()
    try:
        found = [reading async for some in store.scan(0, 2**40) for reading in some]
    finally:
        await store.close()
    assert len({reading.key for reading in found}) == len(found)
    return {reading.observed_at: reading.value for reading in found}


def started(program: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(HERE / program), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def run_until_killed(path: Path, rows: int, checkpoint_wal: str = "16MB", *, start: int = 0) -> int:
    """Kill the writer, which begins with batch `start`, once it has said `rows`; the last number it said."""
    with started("crashing_writer.py", path, checkpoint_wal, str(start)) as process:
        assert process.stdout is not None
        said = 0
        while said < rows:
            said = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().splitlines()
    return int(rest[-1]) if rest and rest[-1].isdecimal() else said


@pytest.mark.parametrize("checkpoint_wal", ["16MB", "20KB"])
async def test_a_killed_writer_loses_nothing_it_has_said(tmp_path: Path, checkpoint_wal: str) -> None:
    path = tmp_path / "readings.duckdb"
    for rows in (50, 700, 2000):
        path.unlink(missing_ok=True)
        Path(f"{path}.wal").unlink(missing_ok=True)
        said = run_until_killed(path, rows, checkpoint_wal)
        found = await rows_of(path)
        assert len(found) >= said
        assert len(found) % 50 == 0
        assert found == {at: at / 3 for at in range(len(found))}


async def test_a_torn_log_keeps_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "readings.duckdb"
    said = run_until_killed(path, 1000)
    wal = Path(f"{path}.wal")
    wal.write_bytes(wal.read_bytes()[:-3])
    found = await rows_of(path)
    assert len(found) >= said - 50
    assert found == {at: at / 3 for at in range(len(found))}


async def test_a_flipped_byte_in_the_log_costs_only_what_follows(tmp_path: Path) -> None:
    path = tmp_path / "readings.duckdb"
    run_until_killed(path, 1000)
    wal = Path(f"{path}.wal")
    damaged = bytearray(wal.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    wal.write_bytes(damaged)
    found = await rows_of(path)
    assert 100 < len(found) < 1000
    assert len(found) % 50 == 0
    assert found == {at: at / 3 for at in range(len(found))}
    assert (tmp_path / "readings.duckdb.wal.damaged-77").read_bytes() == damaged
    assert len(await rows_of(path)) == len(found)


@pytest.mark.parametrize(
    ("checkpoint_wal", "reopened"),
    [("1GB", False), ("1MB", True)],
    ids=["log cannot grow", "checkpoint fails"],
)
def test_a_full_disk_is_told_and_work_goes_on_after_it(
    tmp_path: Path, checkpoint_wal: str, reopened: bool
) -> None:
    process = subprocess.run(
        [
            sys.executable,
            str(HERE / "full_disk_writer.py"),
            str(tmp_path / "readings.duckdb"),
            checkpoint_wal,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.returncode == 0, process.stderr
    told, missing = process.stdout.splitlines()
    assert "File too large" in told
    assert missing == "0"
    assert ("store opened again after a fatal error" in process.stderr) == reopened


async def test_a_second_process_is_told_who_owns_the_file(tmp_path: Path) -> None:
    path = tmp_path / "readings.duckdb"
    with started("crashing_writer.py", path, "16MB") as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        store = EmbeddedStore(path, clock=lambda: 0)
        try:
            with pytest.raises(StoreBusyError) as caught:
                await store.open()
        finally:
            owner.kill()
    assert str(caught.value) == (
        f"{path} is owned by process {owner.pid}, the hub: stop it, or ask it over its API (--url)"
    )
    await store.open()  # the lock went with its holder
    await store.close()


async def test_a_file_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "readings.duckdb"
    path.write_bytes(b"something else" * 1000)
    store = EmbeddedStore(path, clock=lambda: 0)
    with pytest.raises(StoreUnavailableError, match=r"cannot open the store .*not a valid DuckDB") as caught:
        await store.open()
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreUnavailableError, match="not open"):
        await store.ping()


async def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = EmbeddedStore(tmp_path / "file" / "readings.duckdb", clock=lambda: 0)
    with pytest.raises(StoreUnavailableError, match=r"cannot make .*file"):
        await store.open()


async def test_readers_and_a_writer_together(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "readings.duckdb", clock=lambda: 0)
    await store.open()

    async def write() -> None:
        for batch in range(30):
            assert await store.write(columns(batch * 20, 20)) == Outcome(20, 0)

    async def read() -> None:
        seen = 0
        while seen < 600:
            (number,) = (await store.count(0, 10_000) or {("", ""): 0}).values()
            assert number >= seen
            assert number % 20 == 0
            seen = number

    await asyncio.gather(write(), *(read() for _ in range(12)))
    await store.close()


async def test_a_cancelled_read_gives_its_cursor_back(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "readings.duckdb", clock=lambda: 0)
    await store.open()
    await store.write(columns(0, 20_000))
    for _ in range(20):
        reading = asyncio.create_task(store.readings("dust-1", "pm25", 0, 10**6, limit=20_000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert await store.count(0, 10**6) == {("dust-1", "pm25"): 20_000}
    await store.close()


async def test_live_and_backlog_in_one_batch_stay_exact(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "readings.duckdb", clock=lambda: 0)
    await store.open()
    hour = 3_600_000
    both = columns(0, 100)
    for other in (columns(9 * hour, 100), columns(3 * hour, 100)):
        for name in ("sensor", "site", "quantity", "observed_at", "value", "flags", "late_s"):
            getattr(both, name).extend(getattr(other, name))
    assert await store.write(columns(3 * hour + 50, 100)) == Outcome(100, 0)
    assert await store.write(both) == Outcome(250, 50)
    assert await store.write(both) == Outcome(0, 300)
    await store.close()


async def test_what_is_old_goes_in_steps_while_others_write(tmp_path: Path) -> None:
    hour = 3_600_000
    store = EmbeddedStore(tmp_path / "readings.duckdb", clock=lambda: 0)
    await store.open()
    for number in range(40):
        await store.write(columns(number * hour, 100))
    forgetting = asyncio.create_task(store.forget(30 * hour))
    written = 0
    while not forgetting.done():
        written += (await store.write(columns(100 * hour + written * 10, 10))).stored
    assert await forgetting == 3000
    assert written > 0
    (left,) = (await store.count(0, 10**12)).values()
    assert left == 1000 + written
    assert await store.count(0, 30 * hour) == {}
    assert await store.forget(30 * hour) == 0
    await store.close()


async def test_the_space_of_what_is_gone_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "readings.duckdb"
    store = EmbeddedStore(path, clock=lambda: 0)
    await store.open()
    sizes = []
    for day in range(8):
        await store.write(columns(day * 86_400_000, 200_000))
        await store.forget(day * 86_400_000)
        sizes.append(path.stat().st_size)
    assert max(sizes[2:]) <= 2 * sizes[1]
    assert await store.count(0, 10**12) == {("dust-1", "pm25"): 200_000}
    await store.close()


async def test_many_lives_that_end_in_the_middle_of_a_commit(tmp_path: Path) -> None:
    """The same file through eight kills and hundreds of commits: each row that was said to be durable is there once."""
    path, said = tmp_path / "readings.duckdb", 0
    for life in range(8):
        said = max(
            said, run_until_killed(path, said + 2000, "200KB" if life % 2 else "16MB", start=said // 50)
        )
    assert said // 50 >= 320
    found = await rows_of(path)
    assert len(found) >= said
    assert found == {at: at / 3 for at in range(len(found))}
    store = EmbeddedStore(path, clock=lambda: 0)
    await store.open()
    assert sum((await store.count(0, 10**9)).values()) == len(found)
    await store.close()
