"""Tables of an InfluxDB's answers as readings and numbers; a long range in steps that each fit one answer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence

from storage import influxql
from storage.batch import TIME_MAX_MS
from storage.influx_http import Table
from storage.windows import group_steps
from telemetry.reading import Reading

SCAN_ROWS = 20_000  # a step holds at most this, or one minute's when that is more
STEPS_MAX = 1000  # of one question how many rows each step holds
STEP_MIN_MS = 60_000

Ask = Callable[[str], Awaitable[list[Table]]]


async def chunks(
    ask: Ask, source: str, start_ms: int, end_ms: int, sensors: Sequence[str] = ()
) -> AsyncIterator[tuple[int, int]]:
    """Ascending ranges in [start_ms, end_ms) that hold every row, each with up to SCAN_ROWS or STEP_MIN_MS long."""
    waiting = [(max(start_ms, 0), min(end_ms, TIME_MAX_MS), False)]
    while waiting:
        low, high, small = waiting.pop()
        if low >= high:
            continue
        if small:
            yield low, high
            continue
        step = max(STEP_MIN_MS, -(-(high - low) // STEPS_MAX))
        condition = influxql.where(low, high, sensors)
        rows: dict[int, int] = {}
        for table in await ask(influxql.step_counts(source, condition, step)):
            for start, number in numbers(table):
                rows[int(start) // step] = rows.get(int(start) // step, 0) + int(number)
        runs = [
            (
                max(low, first * step),
                min(high, (last + 1) * step),
                rows[first] <= SCAN_ROWS or step == STEP_MIN_MS,
            )
            for first, last in group_steps(sorted(rows.items()), SCAN_ROWS)
        ]
        waiting += runs[::-1]


def is_ours(table: Table) -> bool:
    """Whether it has the tags of a reading."""
    return bool(table.tags.get("sensor") and table.tags.get("site"))


def numbers(table: Table) -> Iterator[list[float]]:
    """Rows with numbers only; an absent one is 0."""
    for row in table.values:
        yield [float(cell) if isinstance(cell, float | int) else 0.0 for cell in row]


def rows(sensor: str, table: Table) -> Iterator[Reading]:
    """Readings of (time, value, flags); a value that is no number is not ours."""
    for time, value, flags in table.values:
        if isinstance(time, float) and isinstance(value, float):
            yield Reading(sensor, table.name, int(time), value, int(flags) if isinstance(flags, float) else 0)


def readings(tables: Iterable[Table]) -> Iterator[Reading]:
    """Of every series that is ours."""
    for table in tables:
        if is_ours(table):
            yield from rows(table.tags["sensor"], table)
