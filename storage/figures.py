"""Hourly figures in InfluxDB: which there are, as lines and statements, and windows made of them. Pure.

    Hours_<quantity>,sensor=<id> number=<int>i,total=<float>,low=<float>,high=<float>[,…] <start of the hour, ms>
    Hours touched_ms=<int>i,rolled_ms=<int>i <start of the hour, ms>

`energy` only of levels (the sum of 10^(value/10)), `east` and `north` of directions (sums of sine and cosine), `opening`,
`closing` and `rise` of counters. The figures of an hour hold where `rolled_ms` is after `touched_ms`; `number` 0 is
of a series that had readings in the hour, and has none.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from storage.influxql import identifier
from storage.lineprotocol import tag
from storage.store import Bucket
from storage.windows import mean_direction
from telemetry.quantities import QUANTITIES, Aggregate
from telemetry.times import HOUR_MS

MARKS = "Hours"
LINES_MAX = 5000  # of one request

# What an aggregate over whole hours is made of, beside `number`.
FIELDS: Mapping[Aggregate, tuple[str, ...]] = {
    Aggregate.MEAN: ("total",),
    Aggregate.SUM: ("total",),
    Aggregate.MIN: ("low",),
    Aggregate.MAX: ("high",),
    Aggregate.COUNT: (),
    Aggregate.ENERGY_MEAN: ("energy",),
    Aggregate.VECTOR_MEAN: ("east", "north"),
    Aggregate.INCREASE: ("rise", "opening", "closing"),
}
BASIC = ("total", "low", "high")
_SELECTED = {"total": 'sum("value")', "low": 'min("value")', "high": 'max("value")'}
_EXTRA = (Aggregate.ENERGY_MEAN, Aggregate.VECTOR_MEAN, Aggregate.INCREASE)

Row = Sequence[float]  # (start of the hour, number, the figures asked for)
Hours = dict[str, list[Row]]  # by sensor, in the order of time


def extra(quantity: str) -> Aggregate | None:
    """The function that needs more than BASIC of this quantity: its own kind of mean."""
    known = QUANTITIES.get(quantity)
    return known.aggregate if known is not None and known.aggregate in _EXTRA else None


def are_kept(quantity: str, function: Aggregate) -> bool:
    """Whether the figures of the quantity answer the function."""
    return function in FIELDS and (function not in _EXTRA or function is extra(quantity))


def measurement(quantity: str) -> str:
    """Where its figures are."""
    return f"{MARKS}_{quantity}"


def of_values(source: str, names: Iterable[str], condition: str) -> str:
    """(hour, number, figures of BASIC) of each quantity of `source`, sensor and hour, from the readings."""
    columns = "".join(f", {_SELECTED[name]}" for name in names)
    return f'SELECT count("value"){columns} FROM {source} {condition} GROUP BY time({HOUR_MS}ms), "sensor" fill(none)'


def of_figures(quantity: str, names: Iterable[str], condition: str, *, one: bool = False) -> str:
    """(hour, number, figures) of each sensor and hour, as they are kept; of `one` sensor without its name, which is quicker."""
    columns = "".join(f", {identifier(name)}" for name in names)
    grouping = "" if one else ' GROUP BY "sensor"'
    return f'SELECT "number"{columns} FROM {identifier(measurement(quantity))} {condition}{grouping}'


def of_every_figure(condition: str) -> str:
    """(hour, number) of each quantity, sensor and hour that has figures."""
    return f'SELECT "number" FROM /^Hours_/ {condition} GROUP BY "sensor"'


def of_marks(condition: str) -> str:
    """(hour, touched_ms, rolled_ms) of every hour."""
    return f'SELECT "touched_ms", "rolled_ms" FROM {identifier(MARKS)} {condition}'


def first_reading(source: str, condition: str) -> str:
    """(time, first) of each quantity."""
    return f'SELECT first("value") FROM {source} {condition}'


def bodies(quantity: str, names: Sequence[str], hours: Hours) -> Iterator[bytes]:
    """Figures as requests to write."""
    head = measurement(quantity)
    lines = [
        f"{head},sensor={tag(sensor)} number={int(number)}i"
        + "".join(f",{name}={float(value)!r}" for name, value in zip(names, values, strict=True))
        + f" {int(hour)}"
        for sensor, rows in hours.items()
        for hour, number, *values in rows
    ]
    for start in range(0, len(lines), LINES_MAX):
        yield "\n".join(lines[start : start + LINES_MAX]).encode()


def nothing(quantity: str, hours: Hours) -> Iterator[bytes]:
    """As `bodies`, that nothing is in these hours."""
    yield from bodies(quantity, (), {sensor: [(row[0], 0) for row in rows] for sensor, rows in hours.items()})


def marks(hours: Iterable[int], **fields: int) -> bytes:
    """The same marks for each hour, as a request to write."""
    text = ",".join(f"{name}={value}i" for name, value in fields.items())
    return "\n".join(f"{MARKS} {text} {hour}" for hour in hours).encode()


def buckets(
    function: Aggregate, sensor: str, rows: Sequence[Row], window_ms: int, offset_ms: int
) -> list[Bucket]:
    """Windows of whole hours; `rows` of one sensor by time, with FIELDS[function]."""
    if window_ms == HOUR_MS and function is Aggregate.MEAN:  # what is asked most
        return [Bucket(sensor, int(hour), total / number, int(number)) for hour, number, total in rows]
    value_of = _VALUES[function]

    def window(row: Row) -> int:
        hour = int(row[0])
        return hour - (hour - offset_ms) % window_ms

    found = []
    for start, group in groupby(rows, window):
        inside = list(group)
        value = value_of(inside)
        if value is not None:
            found.append(Bucket(sensor, start, value, int(sum(row[1] for row in inside))))
    return found


def _sum(rows: Sequence[Row], column: int) -> float:
    return rows[0][column] if len(rows) == 1 else math.fsum(row[column] for row in rows)


def _mean(rows: Sequence[Row]) -> float:
    return _sum(rows, 2) / _sum(rows, 1)


def _energy_mean(rows: Sequence[Row]) -> float:
    return 10 * math.log10(_sum(rows, 2) / _sum(rows, 1))


def _vector_mean(rows: Sequence[Row]) -> float | None:
    return mean_direction(_sum(rows, 2), _sum(rows, 3), int(_sum(rows, 1)))


def _increase(rows: Sequence[Row]) -> float:
    """Inside the hours, and from the last reading of each to the first of the next; after a reset all of it."""
    steps = ((before[4], after[3]) for before, after in pairwise(rows))
    between = [new - old if new >= old else new for old, new in steps]
    return math.fsum([*(row[2] for row in rows), *between])


_VALUES: Mapping[Aggregate, Callable[[Sequence[Row]], float | None]] = {
    Aggregate.MEAN: _mean,
    Aggregate.SUM: lambda rows: _sum(rows, 2),
    Aggregate.MIN: lambda rows: min(row[2] for row in rows),
    Aggregate.MAX: lambda rows: max(row[2] for row in rows),
    Aggregate.COUNT: lambda rows: float(_sum(rows, 1)),
    Aggregate.ENERGY_MEAN: _energy_mean,
    Aggregate.VECTOR_MEAN: _vector_mean,
    Aggregate.INCREASE: _increase,
}
