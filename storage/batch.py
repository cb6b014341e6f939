"""Columns made ready for the embedded store: ids for names, time order, each key once. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from storage.store import Columns, Rejected, Series
from telemetry.times import HOUR_MS

CLUSTER_GAP_MS = 60_000
CLUSTERS_MAX = 16  # a wider look costs less than a longer list of ranges
INT32_MAX = 2**31 - 1
TIME_MAX_MS = 9_223_372_036_854  # InfluxDB keeps ns in 64 bits: until the year 2262
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,255}")


class Batch(NamedTuple):
    """Rows sorted by time, no key twice: `arrays` has series, observed_at, value, flags, late_s (the last two masked).

    `new` are the series `ids` did not know, with the ids they were given; `repeated` rows of the columns were dropped.
    """

    arrays: dict[str, NDArray[np.generic]]
    new: dict[Series, int]
    repeated: int

    def __len__(self) -> int:
        return len(self.arrays["series"])

    def hours(self) -> set[int]:
        """The starts of the hours that hold a row."""
        times = self.arrays["observed_at"].astype(np.int64, copy=False)
        return set(np.unique(times - times % HOUR_MS).tolist())

    def clusters(self) -> list[tuple[int, int]]:
        """Inclusive time ranges that hold every row: a batch of live and old packs need not scan the hours between."""
        times = self.arrays["observed_at"]
        gaps = np.diff(times)
        (cuts,) = np.nonzero(gaps > CLUSTER_GAP_MS)
        if len(cuts) >= CLUSTERS_MAX:
            widest = np.argsort(gaps[cuts], kind="stable")[-(CLUSTERS_MAX - 1) :]
            cuts = np.sort(cuts[widest])
        starts, ends = [0, *(cuts + 1)], [*cuts, len(times) - 1]
        return [(int(times[a]), int(times[b])) for a, b in zip(starts, ends, strict=True)]


def refuse(columns: Columns) -> tuple[Rejected, ...]:
    """The rows no store can keep, with the reason; in index order."""
    if not len(columns):
        return ()
    names = set(columns.sensor) | set(columns.site) | set(columns.quantity)
    bad_names = {name for name in names if not _NAME.fullmatch(name)}
    good = (
        not bad_names
        and min(columns.observed_at) >= 0
        and max(columns.observed_at) <= TIME_MAX_MS
        and all(0 <= (flags or 0) <= INT32_MAX for flags in set(columns.flags))
        and all(abs(late_s or 0) <= INT32_MAX for late_s in set(columns.late_s))
        and np.isfinite(np.array(columns.value, np.float64)).all()
    )
    return () if good else tuple(_refused(columns, bad_names))


def _refused(columns: Columns, bad_names: Collection[str]) -> Iterator[Rejected]:
    rows = zip(columns.observed_at, columns.value, columns.flags, columns.late_s, strict=True)
    for index, (observed_at, value, flags, late_s) in enumerate(rows):
        if value - value != 0:  # NaN or an infinity
            yield Rejected(index, f"{value} is not a finite number")
        elif not 0 <= observed_at <= TIME_MAX_MS:
            yield Rejected(index, f"time {observed_at} ms is out of range")
        elif not 0 <= (flags or 0) <= INT32_MAX or not abs(late_s or 0) <= INT32_MAX:
            yield Rejected(index, "flags and late_s must fit in 32 bits")
        elif bad_names:
            given = (columns.sensor[index], columns.site[index], columns.quantity[index])
            bad = [name for name in given if name in bad_names]
            if bad:
                yield Rejected(index, f"{bad[0]!r} is not a name")


def prepare(columns: Columns, refused: tuple[Rejected, ...], ids: Mapping[Series, int]) -> Batch | None:
    """The rows of `columns` that are not `refused`; of rows with the same key the first stays. None when no row is left."""
    if refused:
        gone = {rejected.index for rejected in refused}
        columns = _select(columns, [index for index in range(len(columns)) if index not in gone])
    if not len(columns):
        return None
    keys = list(zip(columns.sensor, columns.site, columns.quantity, strict=True))
    series = list(map(ids.get, keys))  # type: ignore[arg-type]  # equal to the Series it names
    new: dict[Series, int] = {}
    if None in series:
        unknown = dict.fromkeys(key for key, number in zip(keys, series, strict=True) if number is None)
        new = {Series(*key): len(ids) + number for number, key in enumerate(unknown)}
        known = {**ids, **new}
        series = [known[key] for key in keys]  # type: ignore[index]  # as above
    arrays: dict[str, NDArray[np.generic]] = {
        "series": np.array(series, np.int32),
        "observed_at": np.array(columns.observed_at, np.int64),
        "value": np.array(columns.value, np.float64),
        "flags": _optional(columns.flags),
        "late_s": _optional(columns.late_s),
    }
    order = np.lexsort((arrays["series"], arrays["observed_at"]))  # stable
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(arrays["observed_at"][order]) != 0) | (np.diff(arrays["series"][order]) != 0)
    kept = order[first]
    return Batch(
        {name: array[kept] for name, array in arrays.items()}, new, len(order) - int(np.count_nonzero(first))
    )


def _optional(numbers: list[int | None]) -> NDArray[np.generic]:
    if None not in numbers:
        return np.ma.MaskedArray(np.array(numbers, np.int32), False)
    absent = [number is None for number in numbers]
    masked: NDArray[np.generic] = np.ma.MaskedArray(
        np.array([number or 0 for number in numbers], np.int32), absent
    )
    return masked


def _select(columns: Columns, indices: Sequence[int]) -> Columns:
    return Columns(
        [columns.sensor[i] for i in indices],
        [columns.site[i] for i in indices],
        [columns.quantity[i] for i in indices],
        [columns.observed_at[i] for i in indices],
        [columns.value[i] for i in indices],
        [columns.flags[i] for i in indices],
        [columns.late_s[i] for i in indices],
    )
