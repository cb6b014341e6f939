"""The embedded store: readings in one DuckDB file.

The file belongs to one process. A reading that is in the file already is dropped and counted, its old value and flags
stay. Everything is on disk when `write` returns.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import duckdb
import structlog

from storage import rollup
from storage.duckfile import DuckFile
from storage.duckpool import DuckPool, Rows
from storage.embedded_sql import aggregate_sql
from storage.store import Bucket, Columns, Outcome, Series, StoreBusyError, StoreUnavailableError
from storage.windows import group_steps, mean_direction
from telemetry.quantities import Aggregate
from telemetry.reading import Reading
from telemetry.times import HOUR_MS

__all__ = ["EmbeddedStore", "StoreBusyError"]

ROLL_EVERY_S = 10.0
ROLL_HOURS = 4
SCAN_ROWS = 20_000  # a list of `scan` holds at most this,or one minute's when that is more
SCAN_STEP_MS = 60_000
FORGET_STEP_MS = HOUR_MS

log = structlog.get_logger(__name__)


class EmbeddedStore:
    """`storage.store.Store` in a DuckDB file. `open` may raise StoreBusyError: another process owns the file.

    After a write, at most once in `roll_every_s`, a few hours that are over get their hourly figures (`roll`).
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        checkpoint_wal: str = "16MB",
        roll_every_s: float = ROLL_EVERY_S,
    ) -> None:
        self._file = DuckFile(path, clock=clock, checkpoint_wal=checkpoint_wal)
        self._roll_every_s = roll_every_s
        self._pool = DuckPool(self._file)
        self._indexed: Mapping[Series, int] = {}
        self._index: dict[tuple[str, str], list[int]] = {}
        self._next_roll = 0.0
        self._rolling: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the file, creating it when absent. Raises StoreBusyError, StoreUnavailableError."""
        self._next_roll = asyncio.get_running_loop().time() + self._roll_every_s
        await self._pool.open()

    async def close(self) -> None:
        """Finish what is under way and let go of the file. Harmless when not open."""
        if self._rolling is not None:
            await asyncio.wait({self._rolling})
        await self._pool.close()

    async def ping(self) -> None:
        """Return when the writer is free and the file answers."""

        def work() -> None:
            self._file.connection.execute("SELECT 1").fetchall()

        await self._pool.change(work)

    async def write(self, columns: Columns) -> Outcome:
        """Add what is new. A batch repeated after a fatal error may count as duplicate: it was durable already."""
        outcome = await self._pool.change(lambda: self._file.write(columns))
        self._roll_sometimes()
        return outcome

    def _roll_sometimes(self) -> None:
        """Let the writer roll hours after this write, when it has not for a while: nobody waits for it."""
        now = asyncio.get_running_loop().time()
        if now < self._next_roll or (self._rolling is not None and not self._rolling.done()):
            return
        self._next_roll = now + self._roll_every_s
        self._rolling = asyncio.create_task(self._roll_few(), name="store-roll")

    async def _roll_few(self) -> None:
        try:
            await self.roll(ROLL_HOURS)
        except StoreUnavailableError as error:
            log.info("hours not rolled, trying again", reason=str(error))

    async def roll(self, most: int) -> int:
        """Compute hourly figures of up to `most` hours that are over; how many were there to compute."""
        return await self._pool.change(lambda: self._file.roll(most))

    async def distrust(self, start_ms: int, end_ms: int) -> int:
        """Let the hourly figures of the range be computed anew, after rows were removed past this program; how many hours."""
        return await self._pool.change(lambda: self._file.distrust(start_ms, end_ms))

    @property
    def path(self) -> Path:
        """Its file."""
        return self._file.path

    async def copy_to(self, target: Path) -> int:
        """A copy of the file as of now; how many readings it holds. Writes wait meanwhile. Raises OSError."""
        return await self._pool.change(lambda: self._file.copy_to(target))

    async def series(self) -> list[Series]:
        """Every series that has a reading, ordered."""
        rows = await self._pool.read(
            "SELECT sensor, site, quantity FROM series SEMI JOIN readings ON readings.series = series.id ORDER BY ALL"
        )
        return [Series(*row) for row in rows]

    async def latest(self, since_ms: int) -> list[Reading]:
        """The newest reading of each (sensor, quantity), ordered."""
        rows = await self._pool.read(
            "SELECT sensor, quantity, max(observed_at), arg_max(value, observed_at),"
            " arg_max(coalesce(flags, 0), observed_at) FROM readings JOIN series ON series.id = readings.series"
            " WHERE observed_at >= ? GROUP BY sensor, quantity ORDER BY sensor, quantity",
            [since_ms],
        )
        return [Reading(*row) for row in rows]

    async def readings(
        self, sensor: str, quantity: str, start_ms: int, end_ms: int, *, limit: int, descending: bool = False
    ) -> list[Reading]:
        """Up to `limit` readings in time order."""
        ids = self._ids([sensor], quantity)
        if not ids:
            return []
        rows = await self._pool.read(
            f"SELECT observed_at, value, coalesce(flags, 0) FROM readings WHERE series IN ({ids})"
            f" AND observed_at >= ? AND observed_at < ? ORDER BY observed_at {'DESC' if descending else 'ASC'} LIMIT ?",
            [start_ms, end_ms, limit],
        )
        return [Reading(sensor, quantity, *row) for row in rows]

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
        """Every function is DuckDB's work, but for the angle of a vector mean."""
        ids = self._ids(sensors, quantity)
        if not ids:
            return []
        asked = aggregate_sql(function, ids, window_ms, offset_ms)
        if rollup.applies(start_ms, end_ms, window_ms, offset_ms) and ids.count(",") < len(set(sensors)):
            rows = await self._pool.look(
                lambda cursor: (
                    _from_hours(cursor, function, ids, start_ms, end_ms, window_ms, offset_ms)
                    or cursor.execute(asked, [start_ms, end_ms]).fetchall()
                )
            )
        else:
            rows = await self._pool.read(asked, [start_ms, end_ms])
        if function is Aggregate.VECTOR_MEAN:
            angles = ((*row[:2], mean_direction(row[2][0], row[2][1], row[3]), row[3]) for row in rows)
            return [Bucket(*row) for row in angles if row[2] is not None]
        return [Bucket(*row) for row in rows]

    def _ids(self, sensors: Sequence[str], quantity: str) -> str:
        ids = self._file.ids
        if self._indexed is not ids:
            self._indexed, self._index = ids, {}
            for series, number in ids.items():
                self._index.setdefault((series.sensor, series.quantity), []).append(number)
        found = (
            number for sensor in dict.fromkeys(sensors) for number in self._index.get((sensor, quantity), ())
        )
        return ", ".join(map(str, found))

    async def count(self, start_ms: int, end_ms: int) -> dict[tuple[str, str], int]:
        """Rows of each (sensor, quantity)."""
        rows = await self._pool.read(
            "SELECT sensor, quantity, count(*) FROM readings JOIN series ON series.id = readings.series"
            " WHERE observed_at >= ? AND observed_at < ? GROUP BY sensor, quantity",
            [start_ms, end_ms],
        )
        return {(sensor, quantity): number for sensor, quantity, number in rows}

    async def count_windows(
        self, start_ms: int, end_ms: int, *, window_ms: int
    ) -> dict[tuple[str, int], int]:
        """Rows of each (sensor, window)."""
        rows = await self._pool.read(
            f"SELECT sensor, observed_at // {window_ms} * {window_ms} AS start_ms, count(*) FROM readings"
            " JOIN series ON series.id = readings.series WHERE observed_at >= ? AND observed_at < ?"
            " GROUP BY sensor, start_ms",
            [start_ms, end_ms],
        )
        return {(sensor, start): number for sensor, start, number in rows}

    async def scan(self, start_ms: int, end_ms: int) -> AsyncIterator[list[Reading]]:
        """Every row in time order, in lists of up to SCAN_ROWS; one that is written meanwhile may be missing."""
        async for columns in self.rows(start_ms, end_ms):
            yield columns.readings()

    async def rows(self, start_ms: int, end_ms: int) -> AsyncIterator[Columns]:
        """As `scan`."""
        steps = await self._pool.read(
            f"SELECT observed_at // {SCAN_STEP_MS} AS step, count(*) FROM readings"
            " WHERE observed_at >= ? AND observed_at < ? GROUP BY step ORDER BY step",
            [start_ms, end_ms],
        )
        for first, last in group_steps(steps, SCAN_ROWS):
            rows = await self._pool.read(
                "SELECT sensor, site, quantity, observed_at, value, flags, late_s FROM readings"
                " JOIN series ON series.id = readings.series WHERE observed_at >= ? AND observed_at < ? ORDER BY observed_at",
                [max(start_ms, first * SCAN_STEP_MS), min(end_ms, (last + 1) * SCAN_STEP_MS)],
            )
            yield Columns(*map(list, zip(*rows, strict=True)))

    async def newest_ms(self) -> int | None:
        """When the newest reading was observed; None without any."""
        ((newest,),) = await self._pool.read("SELECT max(observed_at) FROM readings")
        return None if newest is None else int(newest)

    async def forget(self, before_ms: int) -> int:
        """Remove what was observed before; how many rows. Their space is used again.

        Writes go on between the steps, each of which removes FORGET_STEP_MS of readings at most.
        """
        removed = 0
        while True:
            number = await self._pool.change(lambda: self._file.forget(before_ms, FORGET_STEP_MS))
            if number is None:
                break
            removed += number
        if removed:
            await self._pool.change(self._file.checkpoint)
        return removed


def _from_hours(
    cursor: duckdb.DuckDBPyConnection,
    function: Aggregate,
    ids: str,
    start_ms: int,
    end_ms: int,
    window_ms: int,
    offset_ms: int,
) -> Rows:
    """From hourly figures, all of one moment; nothing when too few hours are rolled, or none of them holds a row."""
    first, last = rollup.inner(start_ms, end_ms)
    cursor.begin()
    try:
        hours = cursor.execute(
            "SELECT start_ms FROM rolled WHERE start_ms >= ? AND start_ms < ? ORDER BY start_ms",
            [first, last],
        ).fetchall()
        pieces = rollup.unrolled(start_ms, end_ms, (hour for (hour,) in hours))
        if not hours or len(pieces) > rollup.RANGES_MAX:
            return []
        asked = rollup.aggregate_sql(function, ids, pieces, window_ms, offset_ms)
        return cursor.execute(asked, [first, last]).fetchall()
    finally:
        cursor.rollback()
