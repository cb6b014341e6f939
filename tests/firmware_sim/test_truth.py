"""The record of what was sent: what is written is read, a line that a kill has cut is no lie."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.truth import Device, Emitted, FaultRecord, Line, Recorder, Truth, Window, read

LINES: list[Line] = [
    Device("pm-1", "pms5003", 1.0, ("pm1", "pm25"), 1_700_000_000_000),
    Emitted("pm-1", "pm25", 12.5, 1_700_000_001_000),
    FaultRecord("pm-1", "garbage", 1_700_000_002_000, 1_700_000_003_000),
    Window("pm-1", "corrupted", 1_700_000_002_000, 1_700_000_004_000),
    Emitted("pm-1", "pm25", 1e-7, 1_700_000_005_000),
]


def record(path: Path, *lines: Line) -> None:
    recorder = Recorder(path)
    recorder.write(*lines)
    recorder.close()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    record(path, *LINES[:2])
    record(path, *LINES[2:])  # a second life goes on in the same file
    assert read(path) == Truth([LINES[0]], [LINES[1], LINES[4]], [LINES[2]], [LINES[3]])  # type: ignore[list-item]


def test_the_format_is_the_one_that_is_documented(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    record(path, LINES[1])
    assert path.read_text(encoding="utf-8") == (
        '{"type":"reading","sensor":"pm-1","quantity":"pm25","value":12.5,"at":1700000001000}\n'
    )


@given(value=st.floats(allow_nan=False, allow_infinity=False), at=st.integers(0, 2**53))
def test_values_and_times_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, value: float, at: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "exact.jsonl"
    path.unlink(missing_ok=True)
    record(path, Emitted("s", "pm25", value, at))
    assert read(path).readings == [Emitted("s", "pm25", value, at)]


@pytest.mark.parametrize("kept", [1, 8, 9, 20, 70])
def test_a_cut_last_line_is_left_out_and_the_next_life_goes_on_behind_it(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "truth.jsonl"
    record(path, LINES[1])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    assert read(path).readings == [LINES[1]]
    record(path, LINES[4])
    assert read(path).readings == [LINES[1], LINES[4]]


def test_another_bad_line_is_told_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    record(path, LINES[1])
    path.write_bytes(path.read_bytes() + b'{"type":"reading"}\n')
    record(path, LINES[1])
    with pytest.raises(ValueError, match=r"truth\.jsonl line 2 is no truth record"):
        read(path)
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ValueError, match="line 1"):
        read(path)


def test_nothing_is_kept_without_a_path_and_a_missing_record_is_told(tmp_path: Path) -> None:
    recorder = Recorder(None)
    recorder.write(*LINES)
    recorder.close()
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent.jsonl")


def test_somebody_elses_file_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("first\nsecond, without an end", encoding="utf-8")
    Recorder(path).close()
    assert path.read_text(encoding="utf-8") == "first\nsecond, without an end"
