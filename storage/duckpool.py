"""A DuckDB file behind one writer thread and a bounded pool of cursors for reading; opened again after a fatal error."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import duckdb
import structlog

from storage.duckfile import DISK_RETRY_S, DuckFile
from storage.store import StoreUnavailableError

READERS = 4
QUERY_TIMEOUT_S = 60.0

Result = TypeVar("Result")
Rows = list[tuple[Any, ...]]  # what DuckDB gives back

log = structlog.get_logger(__name__)


class DuckPool:
    """Every method may raise StoreUnavailableError, `open` StoreBusyError too: another process owns the file."""

    def __init__(self, file: DuckFile) -> None:
        self._file = file
        self._writer: ThreadPoolExecutor | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._cursors: asyncio.Queue[duckdb.DuckDBPyConnection] = asyncio.Queue(READERS)
        self._reopening = asyncio.Lock()
        self._generation = 0
        self._usable = False

    async def open(self) -> None:
        """Open the file, creating it when absent."""
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(READERS, "store-reader")
        try:
            await self._open_file()
        except StoreUnavailableError:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what is under way and let go of the file. Harmless when not open."""
        async with self._reopening:
            if self._writer is None or self._readers is None:
                return
            await self._close_file()
            self._writer.shutdown(wait=False)
            self._readers.shutdown(wait=False)
            self._writer = self._readers = None

    async def change(self, work: Callable[[], Result]) -> Result:
        """What `work` gives, in the writer's thread: one after the other."""
        return await self._attempt(lambda: self._in_writer(work))

    async def look(self, work: Callable[[duckdb.DuckDBPyConnection], Rows]) -> Rows:
        """What `work` finds with a cursor, in a reader's thread. Cancelled, or too long under way, it is interrupted."""
        return await self._attempt(lambda: self._in_reader(work))

    async def read(self, sql: str, parameters: Sequence[int] = ()) -> Rows:
        """The rows of one statement."""
        return await self.look(lambda cursor: cursor.execute(sql, parameters).fetchall())

    async def _open_file(self) -> None:
        def work() -> list[duckdb.DuckDBPyConnection]:
            self._file.open()
            return [self._file.connection.cursor() for _ in range(READERS)]

        for cursor in await self._in_writer(work):
            self._cursors.put_nowait(cursor)
        self._generation += 1
        self._usable = True

    async def _close_file(self) -> None:
        """Wait for the running queries, then let go of the file."""
        if self._usable:
            self._usable = False
            for _ in range(READERS):
                cursor = await self._cursors.get()
                with suppress(duckdb.Error):
                    cursor.close()
        await self._in_writer(self._file.close)

    async def _in_writer(self, work: Callable[[], Result]) -> Result:
        if self._writer is None:
            raise StoreUnavailableError(f"the store {self._file.path} is not open")
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def _reopen(self, generation: int) -> None:
        """After a fatal error every call fails until all connections are closed and the file is opened again."""
        async with self._reopening:
            if self._generation != generation and self._usable:
                return
            if self._writer is None:
                raise StoreUnavailableError(f"the store {self._file.path} is not open")
            await self._close_file()
            await self._open_file()
            log.warning("store opened again after a fatal error", path=str(self._file.path))

    async def _attempt(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """`work`, once more after a reopening when the database was invalidated under it."""
        if not self._usable:
            await self._reopen(self._generation)
        generation = self._generation
        try:
            try:
                return await work()
            except duckdb.FatalException:
                await self._reopen(generation)
                return await work()
        except duckdb.Error as error:
            first_line = str(error).splitlines()[0]
            raise StoreUnavailableError(
                f"the store {self._file.path} fails: {first_line}", DISK_RETRY_S
            ) from error

    async def _in_reader(self, work: Callable[[duckdb.DuckDBPyConnection], Rows]) -> Rows:
        """What a reader thread finds with its cursor; work that is cancelled or takes too long is interrupted."""
        try:
            async with asyncio.timeout(QUERY_TIMEOUT_S):
                cursor = await self._cursors.get()
                running = asyncio.get_running_loop().run_in_executor(self._readers, lambda: work(cursor))
                running.add_done_callback(lambda done: self._give_back(cursor, done))
                try:
                    return await asyncio.shield(running)
                except asyncio.CancelledError:
                    if not running.done():
                        cursor.interrupt()
                    raise
        except TimeoutError:
            raise StoreUnavailableError(
                f"a query of the store took longer than {QUERY_TIMEOUT_S:.0f} s"
            ) from None

    def _give_back(self, cursor: duckdb.DuckDBPyConnection, done: "asyncio.Future[Rows]") -> None:
        if not done.cancelled():
            done.exception()  # asked for, so that asyncio does not report the error of an abandoned query
        self._cursors.put_nowait(cursor)
