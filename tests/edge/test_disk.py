"""The disk of the journal: what this machine says of itself, and what an eMMC's files say."""

import os
from pathlib import Path

import pytest

from edge.disk import look, worn_percent, written_bytes


def test_room_and_pace_of_this_very_process(tmp_path: Path) -> None:
    before = written_bytes()
    with (tmp_path / "journal.db").open("wb") as file:
        file.write(bytes(1 << 20))
        os.fsync(file.fileno())
    found = look(tmp_path / "journal.db", journal_bytes=1 << 20, running_s=3600.0)
    assert found.journal == 1 << 20
    assert found.free is not None
    assert found.total is not None
    assert 0 < found.free < found.total
    if before is not None:  # a container may hide it
        assert found.written_day is not None
        assert found.written_day >= 24 * before


def test_no_pace_is_told_of_the_first_minute(tmp_path: Path) -> None:
    assert look(tmp_path / "journal.db", journal_bytes=0, running_s=59.0).written_day is None


def test_a_directory_that_is_gone_is_no_error(tmp_path: Path) -> None:
    found = look(tmp_path / "gone" / "journal.db", journal_bytes=7, running_s=100.0)
    assert (found.free, found.total, found.journal) == (None, None, 7)


@pytest.mark.parametrize(
    ("said", "percent"),
    [("0x01 0x02\n", 20), ("0x0b 0x01\n", 100), ("0x00 0x00\n", None), ("not hex\n", None), ("", None)],
)
def test_an_emmc_says_how_worn_it_is(tmp_path: Path, said: str, percent: int | None) -> None:
    partition = tmp_path / "mmcblk0" / "mmcblk0p2"
    (tmp_path / "mmcblk0" / "device").mkdir(parents=True)
    partition.mkdir()
    (tmp_path / "mmcblk0" / "device" / "life_time").write_text(said, encoding="ascii")
    (tmp_path / "179:2").symlink_to(partition)
    assert worn_percent(tmp_path / "179:2") == percent


def test_a_disk_that_does_not_say_it(tmp_path: Path) -> None:
    assert worn_percent(tmp_path) is None
