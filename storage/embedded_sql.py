"""SQL of the embedded store's aggregates. Pure."""

from telemetry.quantities import Aggregate

# Compensated sums (fsum, favg) keep to the reference's math.fsum closely. For a vector mean: east and north.
_VALUE = {
    Aggregate.MEAN: "favg(value)",
    Aggregate.ENERGY_MEAN: "10 * log10(favg(pow(10, value / 10)))",
    Aggregate.VECTOR_MEAN: "[fsum(sin(radians(value))), fsum(cos(radians(value)))]",
    Aggregate.INCREASE: "fsum(CASE WHEN value >= before THEN value - before WHEN before IS NOT NULL THEN value ELSE 0 END)",
    Aggregate.SUM: "fsum(value)",
    Aggregate.MIN: "min(value)",
    Aggregate.MAX: "max(value)",
    Aggregate.COUNT: "count(*)::DOUBLE",
    Aggregate.FIRST: "arg_min(value, observed_at)",
    Aggregate.LAST: "arg_max(value, observed_at)",
}


def aggregate_sql(function: Aggregate, series: str, window_ms: int, offset_ms: int) -> str:
    """Rows (sensor, start_ms, value, count) ordered by sensor and time; parameters: start_ms, end_ms.

    `series` are ids with commas between.
    """
    offset = offset_ms % window_ms
    start = f"observed_at - (((observed_at - {offset}) % {window_ms}) + {window_ms}) % {window_ms}"
    before = (
        ", lag(value) OVER (PARTITION BY sensor, start_ms ORDER BY observed_at) AS before"
        if function is Aggregate.INCREASE
        else ""
    )
    return (
        f"SELECT sensor, start_ms, {_VALUE[function]}, count(*) FROM (SELECT *{before} FROM ("
        f"SELECT sensor, observed_at, value, {start} AS start_ms FROM readings JOIN series ON series.id = readings.series"
        f" WHERE readings.series IN ({series}) AND observed_at >= ? AND observed_at < ?))"
        " GROUP BY sensor, start_ms ORDER BY sensor, start_ms"
    )
