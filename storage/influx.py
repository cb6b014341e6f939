"""The store in an InfluxDB of any version: line protocol to /write, InfluxQL to /query.

`<quantity>,sensor=…,site=… value=<float>,flags=<int>i`, `late_s=<int>i` only above 60 s; ms. A repeated reading
overwrites itself, and one without flags keeps the flags it has. Run against 1.6; 2.x and 3 by their documentation.
"""

import math
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress

import structlog

from storage import influxql
from storage.batch import TIME_MAX_MS, refuse
from storage.influx_http import (
    CONFIGURATION_RETRY_S,
    IN_FLIGHT_MAX,
    WRITE_TIMEOUT_S,
    DatabaseAbsentError,
    InfluxHttp,
    InfluxUrl,
    LinesRefusedError,
    QueryRefusedError,
    Table,
)
from storage.influx_write import write_lanes
from storage.lineprotocol import LANE_LINES, Encoder
from storage.points import Point, bodies
from storage.store import Bucket, Columns, Outcome, Series, StoreMisconfiguredError, StoreUnavailableError
from storage.windows import IncreaseFold, group_steps, mean_direction
from telemetry.quantities import Aggregate
from telemetry.reading import Reading

SCAN_ROWS = 20_000  # a list of `scan` holds at most this, or one minute's when that is more
STEPS_MAX = 1000  # of one question how many rows each step holds
STEP_MIN_MS = 60_000

log = structlog.get_logger(__name__)


class InfluxStore:
    """`storage.store.Store` in InfluxDB. Usable after a failed `open` as well: it keeps trying at every call."""

    def __init__(
        self, url: InfluxUrl, *, write_timeout_s: float = WRITE_TIMEOUT_S, compresses: bool | None = None
    ) -> None:
        """`compresses` None: unless the server is on this machine."""
        self._http = InfluxHttp(url, write_timeout_s=write_timeout_s, compresses=compresses)
        self._encoder = Encoder()
        self._database = url.database

    async def open(self) -> None:
        """Create the database unless the server makes it by itself or has it."""
        self._http.open()
        await self._create_database()

    async def close(self) -> None:
        """Harmless when not open."""
        await self._http.close()

    async def _create_database(self) -> None:
        """A server without CREATE DATABASE (2.x, 3) or a user who may not: then only the first write can tell."""
        try:
            await self._http.query(f"CREATE DATABASE {influxql.identifier(self._database)}")
        except (DatabaseAbsentError, QueryRefusedError) as error:
            log.info("database not created, it must exist", database=self._database, reason=str(error))

    async def ping(self) -> None:
        """An empty write: it passes the same doors as a real one. (InfluxDB 3 refuses it as empty, which will do.)"""
        with suppress(LinesRefusedError):
            await self._send(b"")

    async def _send(self, data: bytes) -> None:
        """Raises LinesRefusedError. A database that somebody removed is created once more."""
        try:
            await self._http.write(data)
        except DatabaseAbsentError:
            await self._create_database()
            try:
                await self._http.write(data)
            except DatabaseAbsentError as error:
                raise self._absent(error) from error

    async def _ask(self, statement: str) -> list[Table]:
        try:
            return await self._http.query(statement)
        except DatabaseAbsentError as error:
            raise self._absent(error) from error
        except QueryRefusedError as error:
            raise StoreUnavailableError(str(error), CONFIGURATION_RETRY_S) from error

    def _absent(self, error: DatabaseAbsentError) -> StoreMisconfiguredError:
        return StoreMisconfiguredError(
            f"InfluxDB has no database {self._database!r}: create it ({error})", CONFIGURATION_RETRY_S
        )

    async def write(self, columns: Columns) -> Outcome:
        """Requests of up to LINES_MAX lines, those of one series one after the other, up to IN_FLIGHT_MAX at a time.

        Refused lines are found and told; the others are stored.
        """
        refused = list(refuse(columns))
        lanes = min(IN_FLIGHT_MAX, -(-len(columns) // LANE_LINES))
        lines = self._encoder.encode(columns, {rejected.index for rejected in refused}, lanes)
        refused += await write_lanes(self._send, lines)
        if len(refused) > 1:
            refused.sort(key=lambda rejected: rejected.index)
        return Outcome(len(columns) - len(refused), 0, tuple(refused))

    async def write_points(self, points: Iterable[Point]) -> None:
        """Points that are no readings, one request after the other. Raises StoreUnavailableError, also when some are refused."""
        for body in bodies(points):
            try:
                await self._send(body)
            except LinesRefusedError as error:
                raise StoreUnavailableError(
                    f"InfluxDB refuses points: {error}", CONFIGURATION_RETRY_S
                ) from error

    async def series(self) -> list[Series]:
        """By the newest point of each series: SHOW SERIES is not in InfluxDB 3."""
        tables = await self._ask(influxql.newest(influxql.where(0, TIME_MAX_MS)))
        return sorted(
            Series(table.tags["sensor"], table.tags["site"], table.name)
            for table in tables
            if _is_ours(table)
        )

    async def latest(self, since_ms: int) -> list[Reading]:
        """The newest reading of each (sensor, quantity), ordered."""
        newest: dict[tuple[str, str], Reading] = {}
        tables = await self._ask(influxql.newest(influxql.where(since_ms, TIME_MAX_MS)))
        for reading in _readings(tables):
            known = newest.get(reading.series)
            if known is None or reading.observed_at > known.observed_at:
                newest[reading.series] = reading
        return [newest[series] for series in sorted(newest)]

    async def readings(
        self, sensor: str, quantity: str, start_ms: int, end_ms: int, *, limit: int, descending: bool = False
    ) -> list[Reading]:
        """Up to `limit` readings in time order."""
        if limit <= 0:  # LIMIT 0 is no limit in InfluxQL
            return []
        condition = influxql.where(start_ms, end_ms, [sensor])
        tables = await self._ask(influxql.rows(quantity, condition, limit=limit, descending=descending))
        return [reading for table in tables for reading in _rows(sensor, table)]

    async def aggregate(
        self,
        sensors: Sequence[str],
        quantity: str,
        start_ms: int,
        end_ms: int,
        *,
        window_ms: int,
        function: Aggregate,
        offset_ms: int = 0,
    ) -> list[Bucket]:
        """One statement; only INCREASE, which InfluxQL cannot say, is computed here from rows read in bounded lists."""
        if not sensors:
            return []
        condition = influxql.where(start_ms, end_ms, sensors)
        if function is Aggregate.INCREASE:
            return await self._increase(sensors, quantity, start_ms, end_ms, window_ms, offset_ms)
        tables = await self._ask(influxql.windows(function, quantity, condition, window_ms, offset_ms))
        buckets = []
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
            for start, *values, number in _numbers(table):
                value = _value(function, values, int(number))
                if value is not None and number:
                    buckets.append(Bucket(sensor, int(start), value, int(number)))
        return buckets

    async def _increase(
        self,
        sensors: Sequence[str],
        quantity: str,
        start_ms: int,
        end_ms: int,
        window_ms: int,
        offset_ms: int,
    ) -> list[Bucket]:
        folds = {sensor: IncreaseFold(window_ms, offset_ms) for sensor in sorted(sensors)}
        async for low, high in self._chunks(influxql.identifier(quantity), start_ms, end_ms, sensors):
            condition = influxql.where(low, high, sensors)
            for reading in sorted(
                _readings(await self._ask(influxql.every_row(influxql.identifier(quantity), condition))),
                key=lambda reading: reading.observed_at,
            ):
                folds[reading.sensor].add(reading.observed_at, reading.value)
        return [
            Bucket(sensor, start, total, number)
            for sensor, fold in folds.items()
            for start, total, number in fold.windows()
        ]

    async def count(self, start_ms: int, end_ms: int) -> dict[tuple[str, str], int]:
        """Points of each (sensor, quantity)."""
        tables = await self._ask(influxql.counts(influxql.where(start_ms, end_ms)))
        return {
            (table.tags["sensor"], table.name): int(row[1])
            for table in tables
            if table.tags.get("sensor")
            for row in _numbers(table)
            if row[1]
        }

    async def count_windows(
        self, start_ms: int, end_ms: int, *, window_ms: int
    ) -> dict[tuple[str, int], int]:
        """Points of each (sensor, window)."""
        found: dict[tuple[str, int], int] = {}
        condition = influxql.where(start_ms, end_ms)
        for table in await self._ask(influxql.window_counts(condition, window_ms)):
            if sensor := table.tags.get("sensor"):
                for start, number in _numbers(table):
                    if number:
                        key = sensor, int(start)
                        found[key] = found.get(key, 0) + int(number)
        return found

    async def scan(self, start_ms: int, end_ms: int) -> AsyncIterator[list[Reading]]:
        """Every point, in lists of up to SCAN_ROWS by time; one that is written meanwhile may be missing."""
        async for low, high in self._chunks(influxql.EVERY_QUANTITY, start_ms, end_ms):
            condition = influxql.where(low, high)
            yield list(_readings(await self._ask(influxql.every_row(influxql.EVERY_QUANTITY, condition))))

    async def rows(self, start_ms: int, end_ms: int) -> AsyncIterator[Columns]:
        """As `scan`; in each list one series after the other."""
        async for low, high in self._chunks(influxql.EVERY_QUANTITY, start_ms, end_ms):
            columns = Columns()
            for table in await self._ask(influxql.whole_rows(influxql.where(low, high))):
                for time, value, *rest in table.values if _is_ours(table) else ():
                    if isinstance(time, float) and isinstance(value, float):
                        flags, late_s = (int(cell) if isinstance(cell, float) else None for cell in rest)
                        reading = Reading(table.tags["sensor"], table.name, int(time), value)
                        columns.append(table.tags["site"], reading, flags, late_s)
            yield columns

    async def _chunks(
        self, source: str, start_ms: int, end_ms: int, sensors: Sequence[str] = ()
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
            for table in await self._ask(influxql.step_counts(source, condition, step)):
                for start, number in _numbers(table):
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


def _is_ours(table: Table) -> bool:
    return bool(table.tags.get("sensor") and table.tags.get("site"))


def _numbers(table: Table) -> Iterator[list[float]]:
    """Rows with numbers only; an absent one is 0."""
    for row in table.values:
        yield [float(cell) if isinstance(cell, float | int) else 0.0 for cell in row]


def _rows(sensor: str, table: Table) -> Iterator[Reading]:
    """Readings of (time, value, flags); a value that is no number is not ours."""
    for time, value, flags in table.values:
        if isinstance(time, float) and isinstance(value, float):
            yield Reading(sensor, table.name, int(time), value, int(flags) if isinstance(flags, float) else 0)


def _readings(tables: Iterable[Table]) -> Iterator[Reading]:
    for table in tables:
        if _is_ours(table):
            yield from _rows(table.tags["sensor"], table)


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
