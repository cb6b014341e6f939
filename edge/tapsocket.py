"""The agent's tap: a socket beside the journal at which `halong edge monitor` hears every frame while the agent runs.

Only this user can open it. Who reads too slowly misses frames, the agent never waits; without a listener a frame costs nothing.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from edge.tap import Heard

NAME = "tap.sock"
MAX_LISTENERS = 4
MAX_UNSENT = 256 * 1024
LONGEST_LINE = 1024 * 1024

log = structlog.get_logger(__name__)


def beside(journal: Path) -> Path:
    """Where the agent with this journal can be listened to."""
    return journal.with_name(NAME)


class TapSocket:
    """`clock` is wall time in ms."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path, self._clock = path, clock
        self._listeners: set[asyncio.StreamWriter] = set()

    def hear(self, heard: Heard) -> None:
        """A frame was decoded or refused."""
        if not self._listeners:
            return
        line = heard.encode(self._clock())
        for writer in self._listeners:
            if writer.transport.get_write_buffer_size() < MAX_UNSENT:
                writer.write(line)

    async def run(self) -> None:
        """Let others listen, for ever; a socket that cannot be made is told once, and nobody listens."""
        try:
            self._path.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(self._serve, self._path)
            os.chmod(self._path, 0o600)
        except OSError as error:
            log.warning("nobody can listen in", reason=str(error))
            return
        try:
            async with server:
                await server.serve_forever()
        finally:
            for writer in self._listeners:
                writer.close()
            with suppress(OSError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._listeners) >= MAX_LISTENERS:
            writer.close()
            return
        self._listeners.add(writer)
        try:
            await reader.read(1)  # nothing is ever said here: this is its end
        except ConnectionError:
            pass  # or this
        finally:
            self._listeners.discard(writer)
            writer.close()


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[AsyncIterator[bytes]]:
    """The lines of the agent's tap at `path`, until it ends; raises OSError when no agent is there."""
    reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)

    async def lines() -> AsyncIterator[bytes]:
        while line := await reader.readline():
            yield line

    try:
        yield lines()
    finally:
        writer.close()
