"""Hourly figures of the embedded store, so that a month's chart need not read every reading. Pure.

`hours` has a row for each series and rolled hour, from which every aggregate over whole hours follows; `rolled` names the
hours that are in it. A reading that comes later for a rolled hour takes that hour out again, in the transaction that stores
it: figures and readings never disagree, an hour that is not rolled is read from its readings.
"""

from collections.abc import Iterable

from telemetry.quantities import Aggregate
from telemetry.times import HOUR_MS

LEAST_HOURS = 24  # of a question; below it the readings themselves are as quick
RANGES_MAX = 48  # pieces between rolled hours; with more of them every reading is read

SCHEMA = """
CREATE TABLE IF NOT EXISTS hours (
  series INTEGER NOT NULL, start_ms BIGINT NOT NULL, number BIGINT NOT NULL, total DOUBLE NOT NULL, energy DOUBLE NOT NULL,
  east DOUBLE NOT NULL, north DOUBLE NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL, opening DOUBLE NOT NULL,
  closing DOUBLE NOT NULL, rise DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS rolled (start_ms BIGINT NOT NULL)
"""

_RISE = "CASE WHEN value >= before THEN value - before WHEN before IS NOT NULL THEN value ELSE 0 END"
_STEP = "CASE WHEN opening >= before THEN opening - before WHEN before IS NOT NULL THEN opening ELSE 0 END"
# Energy overflows for absurd levels: such a series has no energy mean, and its other figures do not suffer.
_ENERGY = "pow(10, least(value, 3000) / 10)"

_OF_HOURS = {
    Aggregate.MEAN: "fsum(total) / sum(number)",
    Aggregate.ENERGY_MEAN: "10 * log10(fsum(energy) / sum(number))",
    Aggregate.VECTOR_MEAN: "[fsum(east), fsum(north)]",
    Aggregate.INCREASE: f"fsum(rise + {_STEP})",
    Aggregate.SUM: "fsum(total)",
    Aggregate.MIN: "min(low)",
    Aggregate.MAX: "max(high)",
    Aggregate.COUNT: "sum(number)::DOUBLE",
    Aggregate.FIRST: "arg_min(opening, start_ms)",
    Aggregate.LAST: "arg_max(closing, start_ms)",
}


def figures_sql(condition: str) -> str:
    """The hourly figures of the readings that meet the condition: the columns of `hours`."""
    return (
        "SELECT series, start_ms, count(*) AS number, fsum(value) AS total, fsum(" + _ENERGY + ") AS energy,"
        " fsum(sin(radians(value))) AS east, fsum(cos(radians(value))) AS north, min(value) AS low, max(value) AS high,"
        " arg_min(value, observed_at) AS opening, arg_max(value, observed_at) AS closing, fsum("
        + _RISE
        + ") AS rise"
        " FROM (SELECT *, lag(value) OVER (PARTITION BY series, start_ms ORDER BY observed_at) AS before FROM ("
        f"SELECT series, observed_at, value, observed_at - observed_at % {HOUR_MS} AS start_ms FROM readings"
        f" WHERE {condition})) GROUP BY series, start_ms"
    )


def aggregate_sql(
    function: Aggregate, series: str, pieces: Iterable[tuple[int, int]], window_ms: int, offset_ms: int
) -> str:
    """As embedded_sql.aggregate_sql, from `hours` but for `pieces`, ranges whose readings are read.

    Windows are whole hours; parameters: the range of the rolled hours. Each sensor has one series.
    """
    offset = offset_ms % window_ms
    window = f"start_ms - (((start_ms - {offset}) % {window_ms}) + {window_ms}) % {window_ms}"
    read = " OR ".join(f"observed_at >= {low} AND observed_at < {high}" for low, high in pieces)
    parts = f"SELECT * FROM hours WHERE series IN ({series}) AND start_ms >= ? AND start_ms < ?"
    if read:
        parts += f" UNION ALL {figures_sql(f'series IN ({series}) AND ({read})')}"
    before = (
        ", lag(closing) OVER (PARTITION BY series, window_ms ORDER BY start_ms) AS before"
        if function is Aggregate.INCREASE
        else ""
    )
    return (
        f"SELECT sensor, window_ms, {_OF_HOURS[function]}, sum(number)::BIGINT FROM (SELECT *{before} FROM ("
        f"SELECT *, {window} AS window_ms FROM ({parts}))) JOIN series ON series.id = series"
        " GROUP BY sensor, window_ms ORDER BY sensor, window_ms"
    )


def applies(start_ms: int, end_ms: int, window_ms: int, offset_ms: int) -> bool:
    """Whether hourly figures can answer a question, and would be quicker."""
    return (
        window_ms % HOUR_MS == 0
        and offset_ms % HOUR_MS == 0
        and end_ms - start_ms >= LEAST_HOURS * HOUR_MS
        and start_ms >= 0
    )


def inner(start_ms: int, end_ms: int) -> tuple[int, int]:
    """The whole hours inside [start_ms, end_ms)."""
    return -(-start_ms // HOUR_MS) * HOUR_MS, end_ms // HOUR_MS * HOUR_MS


def unrolled(start_ms: int, end_ms: int, rolled: Iterable[int]) -> list[tuple[int, int]]:
    """What of [start_ms, end_ms) lies outside the rolled hours (ascending starts inside it): ranges, ascending."""
    pieces, at = [], start_ms
    for hour in rolled:
        if hour > at:
            pieces.append((at, hour))
        at = hour + HOUR_MS
    if at < end_ms:
        pieces.append((at, end_ms))
    return pieces
