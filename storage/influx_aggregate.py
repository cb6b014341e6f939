"""Aggregates of an InfluxDB: long ranges of whole hours from the hourly figures, everything else from the readings."""

import asyncio
import math
from collections.abc import Sequence

from storage import figures, influxql, rollup
from storage.figures import FIELDS, Hours
from storage.influx_hours import HourKeeper
from storage.influx_measure import hours_of, increases
from storage.influx_tables import Ask, numbers
from storage.store import Bucket
from storage.windows import mean_direction
from telemetry.quantities import Aggregate
from telemetry.times import HOUR_MS

PIECES_MAX = 8  # ranges between hours with figures, a question each; with more of them every reading is read


class InfluxAggregates:
    """`hours` None: there are no figures."""

    def __init__(self, ask: Ask, hours: HourKeeper | None) -> None:
        self._ask, self._hours = ask, hours

    async def ask(
        self,
        sensors: Sequence[str],
        quantity: str,
        start_ms: int,
        end_ms: int,
        *,
        window_ms: int,
        function: Aggregate,
        offset_ms: int,
    ) -> list[Bucket]:
        """See Store.aggregate. Only INCREASE, which InfluxQL cannot say, is computed here from readings in bounded lists."""
        if not sensors:
            return []
        if rollup.applies(start_ms, end_ms, window_ms, offset_ms) and figures.are_kept(quantity, function):
            hours = await self._from_figures(function, quantity, start_ms, end_ms, sensors)
            if hours is not None:
                return [
                    bucket
                    for sensor in sorted(hours)
                    for bucket in figures.buckets(function, sensor, hours[sensor], window_ms, offset_ms)
                ]
        if function is Aggregate.INCREASE:
            folds = await increases(self._ask, quantity, start_ms, end_ms, sensors, window_ms, offset_ms)
            return [
                Bucket(sensor, one.start_ms, one.rise, one.number)
                for sensor in sorted(folds)
                for one in folds[sensor].windows()
            ]
        condition = influxql.where(start_ms, end_ms, sensors)
        tables = await self._ask(influxql.windows(function, quantity, condition, window_ms, offset_ms))
        buckets: list[Bucket] = []
        for table in sorted(tables, key=lambda table: table.tags["sensor"]):
            sensor = table.tags["sensor"]
            if function not in influxql.IN_TWO_STEPS:
                buckets += [
                    Bucket(sensor, int(start), value, int(number))
                    for start, value, number in table.values
                    if isinstance(start, float)
                    and isinstance(value, float)
                    and isinstance(number, float)
                    and number
                ]
                continue
            for start, *values, number in numbers(table):
                value = _value(function, values, int(number))
                if value is not None and number:
                    buckets.append(Bucket(sensor, int(start), value, int(number)))
        return buckets

    async def _from_figures(
        self, function: Aggregate, quantity: str, start_ms: int, end_ms: int, sensors: Sequence[str]
    ) -> Hours | None:
        """By sensor what every hour of the range holds; None when figures are of no help."""
        if self._hours is None:
            return None
        first, last = rollup.inner(start_ms, end_ms)
        trusted = await self._hours.trusted(first, last)
        pieces = rollup.unrolled(start_ms, end_ms, trusted)
        if not trusted or len(pieces) > PIECES_MAX:
            return None
        condition = influxql.where(trusted[0], trusted[-1] + HOUR_MS, sensors)
        one = len(set(sensors)) == 1
        kept, others = await asyncio.gather(
            self._ask(figures.of_figures(quantity, FIELDS[function], condition, one=one)),
            asyncio.gather(
                *(hours_of(self._ask, function, quantity, low, high, sensors) for low, high in pieces)
            ),
        )
        whole = len(trusted) == (trusted[-1] - trusted[0]) // HOUR_MS + 1
        among = None if whole else frozenset(trusted)
        found: Hours = {}
        for table in kept:
            found.setdefault(table.tags.get("sensor", sensors[0]), []).extend(
                row  # type: ignore[misc]  # figures are written whole: numbers
                for row in table.values
                if row[1] and (among is None or row[0] in among)
            )
        for other in others:
            for sensor, rows in other.items():
                found.setdefault(sensor, []).extend(rows)
        if others:
            for rows in found.values():
                rows.sort(key=lambda row: row[0])
        return found


def _value(function: Aggregate, values: Sequence[float], count: int) -> float | None:
    """The aggregate from the numbers of `influxql.windows`."""
    match function:
        case Aggregate.VECTOR_MEAN:
            east, north = values
            return mean_direction(east, north, count)
        case Aggregate.ENERGY_MEAN:
            return 10 * math.log10(values[0])
        case _:
            return values[0]
