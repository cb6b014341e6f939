"""Files of series as people have them: other marks, other times, cut short, with summer time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from halong import replay, replay_files

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000


def put(file: Path, text: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def read(file: Path, zone: ZoneInfo | None = None) -> replay.Series:
    return replay_files.read(file, Path(file.name), zone)


def told(file: Path, zone: ZoneInfo | None = None) -> replay.Series:
    series = read(file, zone)
    replay.judge([series])
    return series


@pytest.mark.parametrize(
    "text",
    [
        "timestamp;value\n2026-05-01 07:30:00;1,5\n2026-05-01 07:35:00;2,5\n",
        "timestamp\tvalue\r\n2026-05-01T07:30\t1.5\r\n2026-05-01T07:35\t2,5\r\n",
        "Timestamp, Value\n 2026-05-01 07:30 , 1.5\n\n2026-05-01 07:35,2.5\n",
        '\ufeff"value","timestamp"\r1.5,2026-05-01 07:30\r2.5,20260501073500\r',
        "timestamp,value\n2026-05-01 07:30+07:00,1.5\n2026-05-01 07:35+07:00,2.5,\n",
    ],
)
def test_marks_line_ends_and_headers_of_other_programs(tmp_path: Path, text: str) -> None:
    series = read(put(tmp_path / "one.csv", text))
    moment = int(datetime(2026, 5, 1, 7, 30, tzinfo=UTC).timestamp()) * 1000
    assert series.wall_ms.tolist() == [moment, moment + 300_000]
    assert np.diff(series.at_ms).tolist() == [300_000]
    assert series.values.tolist() == [1.5, 2.5]
    assert series.unread == []


def test_the_mark_stays_and_columns_of_an_earlier_replay_are_replaced(tmp_path: Path) -> None:
    text = "value;timestamp;flags\n1,5;2026-05-01;stuck\n2;2026-05-02;\n"
    replay_files.write(told(put(tmp_path / "one.csv", text)), tmp_path / "out")
    assert (tmp_path / "out" / "one.csv").read_text().splitlines() == [
        "value;timestamp;anomaly_score;flags",
        "1,5;2026-05-01;0.000000;",
        "2;2026-05-02;0.000000;",
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "float", "exponent"])
@pytest.mark.parametrize("start_s", [1_777_593_600, -315_619_200])
def test_seconds_and_parts_of_them_since_1970_and_before(tmp_path: Path, unit: str, start_s: int) -> None:
    shown = {
        "s": "{}".format,
        "ms": lambda second: f"{second * 1000}",
        "us": lambda second: f"{second * 1_000_000}",
        "ns": lambda second: f"{second * 1_000_000_000}",
        "float": lambda second: f"{second}.000",
        "exponent": lambda second: f"{second / 1e9:.9f}e9",
    }[unit]
    lines = "".join(f"{shown(start_s + 300 * row)},{row}\n" for row in range(5))
    series = read(put(tmp_path / "one.csv", "timestamp,value\n" + lines))
    assert series.at_ms.tolist() == [start_s * 1000 + 300_000 * row for row in range(5)]


def test_rows_that_cannot_be_read_pass_through_and_change_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    lines = [f"{BEGIN + timedelta(minutes=5 * row)},{rng.normal(20, 1):.3f}" for row in range(200)]
    clean = told(put(tmp_path / "clean.csv", "\n".join(["timestamp,value", *lines])))
    dirty = [*lines[:50], "yesterday,3", "1e400,3", "9" * 30 + ",3", lines[50][:22], *lines[51:], "2026-05-0"]
    series = told(put(tmp_path / "dirty.csv", "\n".join(["timestamp,value", *dirty])))
    assert [line for line, _ in series.unread] == [52, 53, 54, 205]
    assert series.fresh.tolist() == [True] * 50 + [False] * 4 + [True] * 149 + [False]
    lost = told(put(tmp_path / "lost.csv", "\n".join(["timestamp,value", *lines[:50], *lines[51:]])))
    assert series.score[series.fresh].tolist() == lost.score.tolist()
    assert series.score[:50].tolist() == clean.score[:50].tolist()
    replay_files.write(series, tmp_path / "out")
    written = (tmp_path / "out" / "dirty.csv").read_text().splitlines()
    assert written[51] == "yesterday,3,0.000000,"
    assert written[-1] == "2026-05-0,,0.000000,"


def test_a_wrong_year_does_not_make_the_rest_late_and_a_true_hole_of_years_is_borne_out() -> None:
    minutes = np.arange(100, dtype=np.int64) * 60_000 + 1_777_593_600_000
    wrong = minutes.copy()
    wrong[[20, 40, 41]] += 73 * 365 * 86_400_000  # 2099
    wrong[60] = 0
    series = replay.of(Path("one.csv"), [], [], wrong, np.ones(100))
    assert np.flatnonzero(~series.fresh).tolist() == [20, 40, 41, 60]
    later = minutes.copy()
    later[50:] += 4 * 365 * 86_400_000
    series = replay.of(Path("one.csv"), [], [], later, np.ones(100))
    assert np.flatnonzero(~series.fresh).tolist() == [50, 51, 52, 53]
    for rows in range(100):
        cut = replay.of(Path("one.csv"), [], [], later[:rows], np.ones(rows))
        assert cut.fresh.tolist() == series.fresh[:rows].tolist()


def test_a_row_before_the_first_time_stands_beside_it(tmp_path: Path) -> None:
    series = read(put(tmp_path / "one.csv", "timestamp,value\nsoon,1\nlater,2\n2026-05-01T00:00+07:00,3\n"))
    assert set(series.at_ms.tolist()) == {1_777_593_600_000}
    assert series.fresh.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the first line has to name"),
        (b"2026-05-01,1\n", "the first line has to name"),
        ("timestamp,value\n2026-05-01,1\n".encode("utf-16"), "is not UTF-8 text"),
        (
            b"timestamp,value\n01/05/2026 07:30,1\n02/05/2026 07:30,1\n",
            "line 2: '01/05/2026 07:30' is no time",
        ),
        (b"timestamp,value\n2026-05-01,1,5\n", "line 2: 3 columns, the first line names 2"),
    ],
)
def test_a_file_that_says_nothing_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(replay.ReplayError, match=says):
        read(put(tmp_path / "one.csv", content))


def hours(first: datetime, count: int, zone: ZoneInfo) -> list[datetime]:
    return [(first + timedelta(minutes=10 * row)).astimezone(zone) for row in range(6 * count)]


@pytest.mark.parametrize("month", [3, 10])
def test_summer_time_makes_no_hole_loses_no_hour_and_keeps_the_hour_of_the_day(
    tmp_path: Path, month: int
) -> None:
    moments = hours(datetime(2026, month, 22, tzinfo=UTC), 24 * 9, BERLIN)
    values = [f"{20 + 5 * (8 <= at.hour < 18) + 0.01 * (row * 7 % 13):.2f}" for row, at in enumerate(moments)]
    forms = {
        "wall": [f"{at:%Y-%m-%d %H:%M}" for at in moments],
        "offset": [at.isoformat() for at in moments],
        "utc": [at.astimezone(UTC).isoformat() for at in moments],
        "epoch": [str(int(at.timestamp())) for at in moments],
    }
    found = {}
    for form, stamps in forms.items():
        lines = "".join(f"{at},{value}\n" for at, value in zip(stamps, values, strict=True))
        found[form] = read(put(tmp_path / f"{form}.csv", "timestamp,value\n" + lines), BERLIN)
    unzoned = read(tmp_path / "offset.csv")
    replay.judge([*found.values(), unzoned])
    for series in found.values():
        assert series.fresh.all()
        assert set(np.diff(series.at_ms).tolist()) == {600_000}
        assert [int(wall) // HOUR % 24 for wall in series.wall_ms] == [at.hour for at in moments]
        assert not any("gap" in kinds for kinds in series.told)
        assert series.score.tolist() == found["wall"].score.tolist()
        assert series.told == found["wall"].told
    assert unzoned.told == found["offset"].told


def test_the_readings_of_a_folder_leave_out_what_was_written_into_it(tmp_path: Path) -> None:
    for name in ("one.csv", "a/two.CSV", "a/notes.txt", "out/one.csv", "a/deep/er/three.csv"):
        put(tmp_path / name, "timestamp,value\n")
    paths = [path.as_posix() for path in replay_files.find(tmp_path, tmp_path / "out")]
    assert paths == ["a/deep/er/three.csv", "a/two.CSV", "one.csv"]
