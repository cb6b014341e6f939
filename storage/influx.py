"""The store in an InfluxDB of any version: line protocol to /write, InfluxQL to /query.

`<quantity>,sensor=…,site=… value=<float>,flags=<int>i`, `late_s=<int>i` only above 60 s; ms; hourly figures beside them
(`storage/figures.py`). A repeated reading overwrites itself, and one without flags keeps the flags it has. Run against 1.6;
2.x and 3 by their documentation.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress

import structlog

from storage import influxql
from storage.batch import TIME_MAX_MS, refuse
from storage.influx_aggregate import InfluxAggregates
from storage.influx_hours import STRETCH_MAX, HourKeeper
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
from storage.influx_tables import chunks, is_ours, numbers, readings, rows
from storage.influx_write import write_lanes
from storage.lineprotocol import LANE_LINES, Encoder
from storage.points import Point, bodies
from storage.store import Bucket, Columns, Outcome, Series, StoreMisconfiguredError, StoreUnavailableError
from telemetry.quantities import Aggregate
from telemetry.reading import Reading

ROLL_EVERY_S = 10.0

log = structlog.get_logger(__name__)


class InfluxStore:
    """`storage.store.Store` in InfluxDB. Usable after a failed `open` as well: it keeps trying at every call."""

    def __init__(
        self,
        url: InfluxUrl,
        *,
        clock: Callable[[], int] | None = None,
        write_timeout_s: float = WRITE_TIMEOUT_S,
        compresses: bool | None = None,
        roll_every_s: float = ROLL_EVERY_S,
    ) -> None:
        """`compresses` None: unless the server is on this machine.

        With a `clock` (ms) hourly figures are kept and used; after a write, at most once in `roll_every_s`, some hours that
        are over get theirs.
        """
        self._http = InfluxHttp(url, write_timeout_s=write_timeout_s, compresses=compresses)
        self._encoder = Encoder()
        self._database = url.database
        self._hours = HourKeeper(self._ask, self._send, clock) if clock is not None else None
        self._aggregates = InfluxAggregates(self._ask, self._hours)
        self._roll_every_s, self._next_roll = roll_every_s, 0.0
        self._rolling: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Create the database unless the server makes it by itself or has it."""
        self._http.open()
        await self._create_database()

    async def close(self) -> None:
        """Harmless when not open."""
        if self._rolling is not None:
            self._rolling.cancel()
            await asyncio.wait({self._rolling})
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
        if self._hours is not None:
            await self._hours.touch(columns.observed_at)
        lanes = min(IN_FLIGHT_MAX, -(-len(columns) // LANE_LINES))
        lines = self._encoder.encode(columns, {rejected.index for rejected in refused}, lanes)
        refused += await write_lanes(self._send, lines)
        if len(refused) > 1:
            refused.sort(key=lambda rejected: rejected.index)
        self._roll_sometimes()
        return Outcome(len(columns) - len(refused), 0, tuple(refused))

    def _roll_sometimes(self) -> None:
        now = asyncio.get_running_loop().time()
        if (
            self._hours is None
            or now < self._next_roll
            or (self._rolling is not None and not self._rolling.done())
        ):
            return
        self._next_roll = now + self._roll_every_s
        self._rolling = asyncio.create_task(self._roll_some(), name="store-roll")

    async def _roll_some(self) -> None:
        try:
            await self.roll()
        except StoreUnavailableError as error:
            log.info("hours not rolled, trying again", reason=str(error))

    async def roll(self, most: int = STRETCH_MAX) -> int:
        """Compute the hourly figures of up to `most` hours that are over, the newest first; how many, 0 when none waits."""
        if self._hours is None:
            return 0
        try:
            return await self._hours.roll(most)
        except LinesRefusedError as error:
            raise StoreUnavailableError(
                f"InfluxDB refuses hourly figures: {error}", CONFIGURATION_RETRY_S
            ) from error

    async def distrust(self, start_ms: int, end_ms: int) -> int:
        """Let the hourly figures of the range be computed anew, after readings were removed past this program; how many hours."""
        return await self._hours.distrust(start_ms, end_ms) if self._hours is not None else 0

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
            Series(table.tags["sensor"], table.tags["site"], table.name) for table in tables if is_ours(table)
        )

    async def latest(self, since_ms: int) -> list[Reading]:
        """The newest reading of each (sensor, quantity), ordered."""
        newest: dict[tuple[str, str], Reading] = {}
        tables = await self._ask(influxql.newest(influxql.where(since_ms, TIME_MAX_MS)))
        for reading in readings(tables):
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
        return [reading for table in tables for reading in rows(sensor, table)]

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
        return await self._aggregates.ask(
            sensors, quantity, start_ms, end_ms, window_ms=window_ms, function=function, offset_ms=offset_ms
        )

    async def count(self, start_ms: int, end_ms: int) -> dict[tuple[str, str], int]:
        """Points of each (sensor, quantity)."""
        tables = await self._ask(influxql.counts(influxql.where(start_ms, end_ms)))
        return {
            (table.tags["sensor"], table.name): int(row[1])
            for table in tables
            if table.tags.get("sensor")
            for row in numbers(table)
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
                for start, number in numbers(table):
                    if number:
                        key = sensor, int(start)
                        found[key] = found.get(key, 0) + int(number)
        return found

    async def scan(self, start_ms: int, end_ms: int) -> AsyncIterator[list[Reading]]:
        """Every point, in lists of up to SCAN_ROWS by time; one that is written meanwhile may be missing."""
        async for low, high in chunks(self._ask, influxql.EVERY_QUANTITY, start_ms, end_ms):
            condition = influxql.where(low, high)
            yield list(readings(await self._ask(influxql.every_row(influxql.EVERY_QUANTITY, condition))))

    async def rows(self, start_ms: int, end_ms: int) -> AsyncIterator[Columns]:
        """As `scan`; in each list one series after the other."""
        async for low, high in chunks(self._ask, influxql.EVERY_QUANTITY, start_ms, end_ms):
            columns = Columns()
            for table in await self._ask(influxql.whole_rows(influxql.where(low, high))):
                for time, value, *rest in table.values if is_ours(table) else ():
                    if isinstance(time, float) and isinstance(value, float):
                        flags, late_s = (int(cell) if isinstance(cell, float) else None for cell in rest)
                        reading = Reading(table.tags["sensor"], table.name, int(time), value)
                        columns.append(table.tags["site"], reading, flags, late_s)
            yield columns
