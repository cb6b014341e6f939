"""Windows of an aggregate put side by side: several functions together, and something where nothing was read. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from storage.store import Bucket


class Fill(StrEnum):
    """What stands in a window without readings."""

    NONE = "none"  # the window is absent
    NULL = "null"
    ZERO = "zero"
    PREVIOUS = "previous"  # the value of the window before
    LINEAR = "linear"  # on the line between the neighbours


class Window(msgspec.Struct, gc=False):
    """One window of one sensor; `values` by function, None where there is no value."""

    sensor: str
    start_ms: int
    values: dict[str, float | None]
    count: int


def join(found: Mapping[str, Sequence[Bucket]]) -> list[Window]:
    """The windows of each function (of the same question) as one list, in the order of sensor and time."""
    if len(found) == 1:  # what is asked most, in the store's own order
        ((only, buckets),) = found.items()
        return [Window(one.sensor, one.start_ms, {only: one.value}, one.count) for one in buckets]
    windows: dict[tuple[str, int], Window] = {}
    for function, buckets in found.items():
        for bucket in buckets:
            window = windows.get((bucket.sensor, bucket.start_ms))
            if window is None:
                empty: dict[str, float | None] = dict.fromkeys(found)
                window = windows[bucket.sensor, bucket.start_ms] = Window(
                    bucket.sensor, bucket.start_ms, empty, bucket.count
                )
            window.values[function] = bucket.value
    return [windows[key] for key in sorted(windows)]


def starts(start_ms: int, end_ms: int, window_ms: int, offset_ms: int) -> range:
    """The starts of every window that touches [start_ms, end_ms)."""
    first = start_ms - (start_ms - offset_ms) % window_ms
    return range(first, end_ms, window_ms)


def fill(
    windows: Sequence[Window], sensors: Sequence[str], functions: Sequence[str], every: range, how: Fill
) -> list[Window]:
    """Every window of `every` for each sensor. PREVIOUS and LINEAR leave None before the first (and after the last) value."""
    if how is Fill.NONE:
        return list(windows)
    known = {(window.sensor, window.start_ms): window for window in windows}
    empty = 0.0 if how is Fill.ZERO else None
    result = []
    for sensor in sorted(set(sensors)):
        row = [
            known.get((sensor, start)) or Window(sensor, start, dict.fromkeys(functions, empty), 0)
            for start in every
        ]
        if how in (Fill.PREVIOUS, Fill.LINEAR):
            for function in functions:
                _bridge(row, function, how)
        result += row
    return result


def _bridge(row: Sequence[Window], function: str, how: Fill) -> None:
    last: int | None = None
    for index, window in enumerate(row):
        value = window.values[function]
        if value is None:
            if how is Fill.PREVIOUS and last is not None:
                window.values[function] = row[last].values[function]
            continue
        if how is Fill.LINEAR and last is not None:
            before = row[last].values[function]
            assert before is not None
            for between in range(last + 1, index):
                share = (between - last) / (index - last)
                row[between].values[function] = before + share * (value - before)
        last = index
