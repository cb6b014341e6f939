"""InfluxQL of the influx store, in the subset InfluxDB 1.6 to 3 share, one statement each, always bounded in time. Pure."""

import math
from collections.abc import Sequence

from storage.batch import TIME_MAX_MS
from telemetry.quantities import Aggregate

# Hourly figures begin with a large H (`storage/figures.py`): looking at them would cost as much as the readings.
EVERY_QUANTITY = "/^[^H]/"
_DECIBEL = math.log(10) / 10
_DEGREE = math.pi / 180

# The selected columns; for a function in two steps also the inner ones, over which the outer ones are computed.
_SIMPLE = {
    Aggregate.MEAN: 'mean("value")',
    Aggregate.SUM: 'sum("value")',
    Aggregate.MIN: 'min("value")',
    Aggregate.MAX: 'max("value")',
    Aggregate.COUNT: 'count("value")',
    Aggregate.FIRST: 'first("value")',
    Aggregate.LAST: 'last("value")',
}
_NESTED = {
    Aggregate.ENERGY_MEAN: (f'exp("value" * {_DECIBEL!r}) AS "x"', 'mean("x"), count("x")'),
    Aggregate.VECTOR_MEAN: (
        f'sin("value" * {_DEGREE!r}) AS "x", cos("value" * {_DEGREE!r}) AS "y"',
        'sum("x"), sum("y"), count("x")',
    ),
}
IN_TWO_STEPS = frozenset(_NESTED)


def identifier(name: str) -> str:
    """`name` quoted as a measurement, tag or database."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def string(text: str) -> str:
    """`text` quoted as a value."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def where(start_ms: int, end_ms: int, sensors: Sequence[str] = ()) -> str:
    """The condition for [start_ms, end_ms), of any of `sensors` when some are given."""
    low, high = (min(max(time, 0), TIME_MAX_MS) for time in (start_ms, end_ms))
    condition = f"time >= {low}ms AND time < {high}ms"
    if sensors:
        any_of = " OR ".join(f'"sensor" = {string(sensor)}' for sensor in sensors)
        condition += f" AND ({any_of})"
    return f"WHERE {condition}"


def rows(quantity: str, condition: str, *, limit: int, descending: bool) -> str:
    """(time, value, flags) of one quantity in time order."""
    order = "DESC" if descending else "ASC"
    return (
        f'SELECT "value", "flags" FROM {identifier(quantity)} {condition} ORDER BY time {order} LIMIT {limit}'
    )


def every_row(source: str, condition: str) -> str:
    """(time, value, flags) of each series of `source`, a quoted quantity or EVERY_QUANTITY."""
    return f'SELECT "value", "flags" FROM {source} {condition} GROUP BY "sensor", "site"'


def whole_rows(condition: str) -> str:
    """(time, value, flags, late_s) of each series."""
    return f'SELECT "value", "flags", "late_s" FROM {EVERY_QUANTITY} {condition} GROUP BY "sensor", "site"'


def newest(condition: str) -> str:
    """(time, last, flags) of each series."""
    return f'SELECT last("value"), "flags" FROM {EVERY_QUANTITY} {condition} GROUP BY "sensor", "site"'


def counts(condition: str) -> str:
    """(time, count) of each sensor and quantity."""
    return f'SELECT count("value") FROM {EVERY_QUANTITY} {condition} GROUP BY "sensor"'


def window_counts(condition: str, window_ms: int) -> str:
    """(start, count) of each quantity, sensor and window that holds rows; windows are multiples of `window_ms`."""
    return f'SELECT count("value") FROM {EVERY_QUANTITY} {condition} GROUP BY time({window_ms}ms), "sensor" fill(none)'


def step_counts(source: str, condition: str, step_ms: int) -> str:
    """(start, count) of each quantity of `source` and step that holds rows; steps are multiples of `step_ms`."""
    return f'SELECT count("value") FROM {source} {condition} GROUP BY time({step_ms}ms) fill(none)'


def windows(function: Aggregate, quantity: str, condition: str, window_ms: int, offset_ms: int) -> str:
    """(start, …) of each sensor and window: value and count, for a vector mean east, north and count.

    The value of an energy mean is the mean energy, to be turned into dB. INCREASE has no statement: KeyError.
    """
    source = identifier(quantity)
    grouping = f'GROUP BY time({window_ms}ms, {offset_ms % window_ms}ms), "sensor" fill(none)'
    if function in _NESTED:
        inner, outer = _NESTED[function]
        return f"SELECT {outer} FROM (SELECT {inner} FROM {source} {condition}) {condition.partition(' AND (')[0]} {grouping}"
    return f'SELECT {_SIMPLE[function]}, count("value") FROM {source} {condition} {grouping}'
