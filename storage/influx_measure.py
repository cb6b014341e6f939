"""What the readings of an InfluxDB say of each hour: what figures are rolled from, and what stands in where none are kept."""

from collections.abc import Sequence

from storage import figures, influxql
from storage.figures import FIELDS, Hours
from storage.influx_tables import Ask, chunks, numbers, readings
from storage.windows import IncreaseFold
from telemetry.quantities import Aggregate
from telemetry.times import HOUR_MS


async def hours_of(
    ask: Ask, function: Aggregate, quantity: str, start_ms: int, end_ms: int, sensors: Sequence[str] = ()
) -> Hours:
    """Of every sensor (or of `sensors`) the hours that hold readings, with FIELDS[function]."""
    condition = influxql.where(start_ms, end_ms, sensors)
    found: Hours = {}
    match function:
        case Aggregate.INCREASE:
            folds = await increases(ask, quantity, start_ms, end_ms, sensors, HOUR_MS, 0)
            return {sensor: [*fold.windows()] for sensor, fold in folds.items()}
        case Aggregate.ENERGY_MEAN:
            for table in await ask(influxql.windows(function, quantity, condition, HOUR_MS, 0)):
                found.setdefault(table.tags["sensor"], []).extend(
                    (hour, number, energy * number) for hour, energy, number in numbers(table) if number
                )
        case Aggregate.VECTOR_MEAN:
            for table in await ask(influxql.windows(function, quantity, condition, HOUR_MS, 0)):
                found.setdefault(table.tags["sensor"], []).extend(
                    (hour, number, east, north) for hour, east, north, number in numbers(table) if number
                )
        case _:
            source = influxql.identifier(quantity)
            return (await basic(ask, source, FIELDS[function], start_ms, end_ms, sensors)).get(quantity, {})
    return found


async def basic(
    ask: Ask,
    source: str,
    names: Sequence[str],
    start_ms: int,
    end_ms: int,
    sensors: Sequence[str] = (),
) -> dict[str, Hours]:
    """By quantity of `source` (quoted, or EVERY_QUANTITY) and sensor; `names` of BASIC."""
    condition = influxql.where(start_ms, end_ms, sensors)
    found: dict[str, Hours] = {}
    for table in await ask(figures.of_values(source, names, condition)):
        if sensor := table.tags.get("sensor"):
            hours = found.setdefault(table.name, {}).setdefault(sensor, [])
            hours.extend(row for row in numbers(table) if row[1])
    return found


async def increases(
    ask: Ask,
    quantity: str,
    start_ms: int,
    end_ms: int,
    sensors: Sequence[str],
    window_ms: int,
    offset_ms: int,
) -> dict[str, IncreaseFold]:
    """Of counters, from readings in bounded lists."""
    folds: dict[str, IncreaseFold] = {}
    source = influxql.identifier(quantity)
    async for low, high in chunks(ask, source, start_ms, end_ms, sensors):
        tables = await ask(influxql.every_row(source, influxql.where(low, high, sensors)))
        for reading in sorted(readings(tables), key=lambda reading: reading.observed_at):
            fold = folds.get(reading.sensor)
            if fold is None:
                fold = folds[reading.sensor] = IncreaseFold(window_ms, offset_ms)
            fold.add(reading.observed_at, reading.value)
    return folds
