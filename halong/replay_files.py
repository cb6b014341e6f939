"""Series in CSV files, and the same files with what the detectors say of each row.

A file names the columns `timestamp` and `value` in its first line; further columns stay. Cells are parted by commas, or by
semicolons or tabs (then 1,5 is a number). A row that cannot be read is passed through; a file of which no row can be, is refused.
"""

import csv
import re
from array import array
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from halong.replay import ReplayError, Series, of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = "write 2026-05-01 07:30:00 or seconds since 1970"
ADDED = ("anomaly_score", "flags")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
COMPACT = re.compile(r"(19|20)\d{12}", re.ASCII)  # 20260501073000, as Vietnamese stations write it
SECONDS, MILLIS, MICROS = 1e11, 1e14, 1e17  # since 1970: a number above these is in the next smaller unit
Moment = tuple[int, int]  # ms since 1970, and by the clock on the wall of the place


def find(source: Path, out: Path | None = None) -> list[Path]:
    """The CSV files of a file or a folder, paths relative to it, without what lies in `out`. Raises ReplayError."""
    if source.is_file():
        return [Path(source.name)]
    if not source.is_dir():
        raise ReplayError(f"there is no {source}")
    results = out.resolve() if out is not None else None
    found = sorted(
        path.relative_to(source)
        for path in source.rglob("*")
        if path.suffix.lower() == ".csv" and path.is_file() and results not in path.resolve().parents
    )
    if not found:
        raise ReplayError(f"no .csv file in {source}")
    return found


def read(source: Path, path: Path, zone: ZoneInfo | None = None) -> Series:
    """One file, times of day by `zone` when it is given. Raises ReplayError with its name."""
    file = source if source.is_file() else source / path
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            first = lines.readline()
            mark = max(",;\t", key=first.count)
            header = [name.strip() for name in next(csv.reader([first], delimiter=mark), [])]
            names = [name.lower() for name in header]
            if "timestamp" not in names or "value" not in names:
                raise ReplayError(f"{file}: the first line has to name the columns timestamp and value")
            reader = csv.reader(lines, delimiter=mark)
            rows: list[list[str]] = []
            numbers = array("q")
            for row in filter(None, reader):
                numbers.append(reader.line_num + 1)
                rows.append(_fitted(row, header, f"{file}, line {numbers[-1]}"))
    except UnicodeDecodeError:
        raise ReplayError(f"{file}: is not UTF-8 text: save it as CSV UTF-8") from None
    except (OSError, csv.Error) as error:
        raise ReplayError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    when, what = names.index("timestamp"), names.index("value")
    at, wall, bad = _times((row[when] for row in rows), zone)
    if rows and len(bad) == len(rows):
        raise ReplayError(f"{file}, line {numbers[0]}: {rows[0][when]!r} is no time: {TIMES}")
    values = np.array([_value(row[what], mark) for row in rows], np.float64)
    values[bad] = np.nan
    series = of(path, header, rows, np.array(at, np.int64), values, np.array(wall, np.int64))
    series.mark = mark
    series.unread = [(numbers[row], rows[row][when]) for row in bad]
    return series


def _fitted(row: list[str], header: list[str], where: str) -> list[str]:
    """A row as long as the header; a file that ends within a row is nothing unusual."""
    while len(row) > len(header) and not row[-1].strip():
        row = row[:-1]
    if len(row) > len(header):
        raise ReplayError(f"{where}: {len(row)} columns, the first line names {len(header)}")
    return row if len(row) == len(header) else [*row, *[""] * (len(header) - len(row))]


def _times(cells: Iterable[str], zone: ZoneInfo | None) -> "tuple[array[int], array[int], list[int]]":
    """Per row the ms since 1970 by the offset from UTC of the first row, and by the wall clock; then rows without a time."""
    at, wall = array("q"), array("q")
    bad: list[int] = []
    newest = offset = None
    for row, cell in enumerate(cells):
        try:
            moment = _moment(cell.strip(), zone, newest)
        except (ValueError, OverflowError):
            bad.append(row)  # it stands where the one before does, or the first
            moment = (newest or 0, newest or 0)
        else:
            if offset is None:
                offset = moment[1] - moment[0]
                for before in range(row):
                    at[before] = wall[before] = moment[1]
            newest = moment[0] if newest is None else max(newest, moment[0])
        at.append(moment[0] + (offset or 0))
        wall.append(moment[1])
    return at, wall, bad


def time_ms(text: str, where: str) -> int:
    """A moment in ms since 1970, by the hour as it is written. Raises ReplayError that begins with `where`."""
    try:
        return _moment(text.strip(), None, None)[1]
    except (ValueError, OverflowError):
        raise ReplayError(f"{where}: {text!r} is no time: {TIMES}") from None


def _moment(text: str, zone: ZoneInfo | None, newest: int | None) -> Moment:
    """When a cell says. An hour that comes twice when summer time ends is the later one if the earlier one is not newer than
    `newest`. Raises ValueError and OverflowError."""
    if COMPACT.fullmatch(text):
        moment = datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
    elif NUMBER.fullmatch(text):
        moment = EPOCH + timedelta(milliseconds=_epoch_ms(float(text)))
    else:
        moment = datetime.fromisoformat(text)
    if zone is not None:
        given = moment.tzinfo is not None
        moment = moment.astimezone(zone) if given else moment.replace(tzinfo=zone)
        if not given and newest is not None and _ms(moment)[0] <= newest:
            moment = moment.replace(fold=1)
    return _ms(moment)


def _epoch_ms(number: float) -> float:
    size = abs(number)
    if size <= SECONDS:
        return number * 1000
    if size <= MILLIS:
        return number
    return number / (1000 if size <= MICROS else 1e6)


def _ms(moment: datetime) -> Moment:
    wall = round((moment.replace(tzinfo=UTC) - EPOCH) / timedelta(milliseconds=1))
    shift = moment.utcoffset() or timedelta()
    return wall - round(shift / timedelta(milliseconds=1)), wall


def _value(cell: str, mark: str) -> float:
    try:
        return float(cell.replace(",", ".") if mark != "," else cell)
    except ValueError:
        return float("nan")


def write(series: Series, out: Path) -> None:
    """The file under the same name in `out`, with `anomaly_score` and `flags` (names joined by |) as last columns."""
    target = out / series.path
    target.parent.mkdir(parents=True, exist_ok=True)
    keep = [number for number, name in enumerate(series.header) if name not in ADDED]
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=series.mark, lineterminator="\n")
        writer.writerow([*(series.header[number] for number in keep), *ADDED])
        for row, score, told in zip(series.rows, series.score, series.told, strict=True):
            writer.writerow([*(row[number] for number in keep), f"{score:.6f}", "|".join(told)])
