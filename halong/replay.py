"""Series in CSV files through the detectors, as if they came now: row by row, one pass, nothing known of what comes later.

A file has the columns `timestamp` (ISO 8601, or seconds or milliseconds since 1970) and `value`. A row that is not newer than the
newest before it, and a value that is empty or no number, is passed through with score 0 and teaches nothing.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from ingest.detectors import bank
from ingest.detectors.bank import Bank
from ingest.detectors.lanes import F64, I64, Bools
from telemetry.anomaly import AnomalyKind

MS = 1e11  # a number above this is milliseconds since 1970, below it seconds


class ReplayError(Exception):
    """What the files hold cannot be replayed; the message is one line."""


@dataclass(slots=True)
class Series:
    """A file as it was read, and what the detectors say of each row."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    at_ms: I64
    values: F64
    fresh: Bools
    score: F64
    told: list[tuple[AnomalyKind, ...]]
    expected: F64 = field(default_factory=lambda: np.zeros(0))
    low: F64 = field(default_factory=lambda: np.zeros(0))
    high: F64 = field(default_factory=lambda: np.zeros(0))


def find(source: Path) -> list[Path]:
    """The CSV files of a file or a folder, paths relative to it. Raises ReplayError."""
    if source.is_file():
        return [Path(source.name)]
    found = sorted(path.relative_to(source) for path in source.rglob("*.csv"))
    if not found:
        raise ReplayError(f"no .csv file in {source}" if source.is_dir() else f"there is no {source}")
    return found


def read(source: Path, path: Path) -> Series:
    """One file. Raises ReplayError with its name and line."""
    file = source if source.is_file() else source / path
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReplayError(f"{file}: {error}") from None
    if not rows or "timestamp" not in rows[0] or "value" not in rows[0]:
        raise ReplayError(f"{file}: the first line has to name the columns timestamp and value")
    header, rows = rows[0], rows[1:]
    when, what = header.index("timestamp"), header.index("value")
    times = np.empty(len(rows), np.int64)
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ReplayError(
                f"{file}, line {number + 2}: {len(row)} columns, the first line names {len(header)}"
            )
        times[number] = time_ms(row[when], f"{file}, line {number + 2}")
    values = np.array([_value(row[what]) for row in rows], np.float64)
    return of(path, header, rows, times, values)


def of(path: Path, header: list[str], rows: list[list[str]], at_ms: I64, values: F64) -> Series:
    """A series from arrays, not yet judged."""
    readable = np.isfinite(values)
    newest = np.maximum.accumulate(np.where(readable, at_ms, np.iinfo(np.int64).min))
    fresh = readable & np.r_[True, at_ms[1:] > newest[:-1]] if len(at_ms) else readable
    return Series(path, header, rows, at_ms, values, fresh, np.zeros(len(at_ms)), [()] * len(at_ms))


def time_ms(text: str, where: str) -> int:
    """A moment in ms since 1970, by the hour as it is written. Raises ReplayError that begins with `where`."""
    try:
        if text.replace(".", "", 1).isdigit():
            number = float(text)
            return round(number if number > MS else number * 1000)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ReplayError(
            f"{where}: {text!r} is no time: write 2026-05-01 07:30:00 or seconds since 1970"
        ) from None
    # The hour as it is written is the hour of the place: profiles of day and week are civil.
    epoch = datetime(1970, 1, 1, tzinfo=moment.tzinfo)
    return round((moment - epoch).total_seconds() * 1000)


def _value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def judge(
    series: Sequence[Series],
    *,
    periods_s: Sequence[float] = (),
    holidays: frozenset[int] = frozenset(),
    bands: bool = False,
) -> None:
    """Fill `score` and `told` of every series (and the band, when asked): all at once, none knows of another.

    `periods_s` are the declared periods; 0, or none given: not declared.
    """
    by_length = sorted(range(len(series)), key=lambda number: -int(series[number].fresh.sum()))
    order = [series[number] for number in by_length]
    fresh = [np.flatnonzero(one.fresh) for one in order]
    detectors = Bank(holidays)
    detectors.lanes.add(len(order))
    if periods_s:
        periods = np.array([periods_s[number] for number in by_length], np.float32)
        detectors.lanes.write(slice(0, len(order)), {"period": periods})
    before: list[frozenset[AnomalyKind]] = [frozenset()] * len(order)
    for one in order:
        one.told = [()] * len(one.at_ms)
        if bands:
            one.expected, one.low, one.high = (np.full(len(one.at_ms), np.nan) for _ in range(3))
    active = len(order)
    for step in range(len(fresh[0]) if fresh else 0):
        while len(fresh[active - 1]) <= step:
            active -= 1
        rows = [indices[step] for indices in fresh[:active]]
        at = np.array([one.at_ms[row] for one, row in zip(order, rows, strict=False)])
        values = np.array([one.values[row] for one, row in zip(order, rows, strict=False)])
        frame = detectors.score(np.arange(active), at, values)
        if bands:
            for name, edge in zip(
                ("expected", "low", "high"), bank.band(frame, detectors.lanes), strict=True
            ):
                for number, row in enumerate(rows):
                    getattr(order[number], name)[row] = edge[number]
        for number, row in enumerate(rows):
            order[number].score[row] = frame.found["score"][number]
        told = _told(frame.kinds)
        for number in range(active):
            kinds = told.get(number, frozenset())
            new = kinds - before[number]
            if new:
                order[number].told[rows[number]] = tuple(sorted(new))
            before[number] = kinds
        detectors.learn(frame)


def _told(kinds: dict[AnomalyKind, np.ndarray]) -> dict[int, frozenset[AnomalyKind]]:
    found: dict[int, frozenset[AnomalyKind]] = {}
    for kind, scores in kinds.items():
        for number in np.flatnonzero(scores >= 1).tolist():
            found[number] = found.get(number, frozenset()) | {kind}
    return found


def write(series: Series, out: Path) -> None:
    """The file under the same name in `out`, with `anomaly_score` and `flags` (names joined by |) as last columns."""
    target = out / series.path
    target.parent.mkdir(parents=True, exist_ok=True)
    keep = [number for number, name in enumerate(series.header) if name not in ("anomaly_score", "flags")]
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(series.header[number] for number in keep), "anomaly_score", "flags"])
        for row, score, told in zip(series.rows, series.score, series.told, strict=True):
            writer.writerow([*(row[number] for number in keep), f"{score:.6f}", "|".join(told)])
