"""One open serial line: chunks of bytes with the time they were read. The only module that imports pyserial."""

import asyncio
import errno
import math
import os
import termios
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import NamedTuple, Protocol

import serial
import serial_asyncio_fast

MAX_CHUNKS = 64  # more than so many unread: the line is not read any more and its bytes wait in the kernel
MAX_UNSENT = 4096
CLOSE_S = 2.0


class PortLostError(Exception):
    """The port is not there or broke: close it, wait, open it again."""


class Chunk(NamedTuple):
    """Bytes as they came, and the wall clock in ms when they were read."""

    data: bytes
    at_ms: int


Hear = Callable[[Chunk], bool]


class OpenLine(Protocol):
    """How a port is opened: `Line.open`, unless a test brings ports of its own."""

    def __call__(
        self, path: str, baud: int, clock: Callable[[], int], mode: str = "8N1"
    ) -> AbstractAsyncContextManager["Line"]:
        """See Line.open."""


class Line(asyncio.Protocol):
    """A serial port that is open until it breaks."""

    def __init__(self, path: str, clock: Callable[[], int]) -> None:
        self._path, self._clock = path, clock
        self._transport: serial_asyncio_fast.SerialTransport
        self._serial: serial.Serial
        self._chunks: deque[Chunk] = deque()
        self._some, self._gone = asyncio.Event(), asyncio.Event()
        self._hear: Hear | None = None
        self._heard, self._bug = 0, list[Exception]()
        self._paused = False
        self._lost: PortLostError | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: str, baud: int, clock: Callable[[], int], mode: str = "8N1"
    ) -> AsyncIterator["Line"]:
        """The serial port at `path`, for us alone; `mode` is data bits, parity, stop bits, which a pseudo-terminal has not.
        Raises PortLostError."""
        line = cls(path, clock)
        if os.path.realpath(path).startswith("/dev/pts/"):
            mode = "8N1"
        try:
            line._transport, _ = await serial_asyncio_fast.create_serial_connection(
                asyncio.get_running_loop(),
                lambda: line,
                path,
                baudrate=baud,
                bytesize=int(mode[0]),
                parity=mode[1],
                stopbits=int(mode[2]),
                exclusive=True,
            )
        except (OSError, termios.error, ValueError) as error:  # serial.SerialException is an OSError
            raise PortLostError(_words(error)) from error
        line._serial = line._transport.serial
        try:
            yield line
        finally:
            await line._close()

    async def read(self, within_s: float) -> Chunk | None:
        """The next chunk, None when `within_s` passes without a byte; raises PortLostError."""
        if not self._chunks:
            self._raise_if_lost()
            self._some.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._some.wait()
        if not self._chunks:
            await _look_once_more()
        if not self._chunks:
            self._raise_if_lost()
            return None
        chunk = self._chunks.popleft()
        if not self._chunks:
            self._resume()
        return chunk

    async def stream(self, hear: Hear, within_s: float) -> int:
        """Call `hear` with every chunk the moment it comes, for `within_s` and up to the full second, in which all
        ports wake together; how many it took. Ends early when `hear` returns False, which leaves that chunk and what follows
        to `read`, and when the line breaks, which `read` tells. No task wakes for a chunk."""
        if self._chunks or self._lost is not None:
            return 0
        self._heard, self._hear = 0, hear
        self._some.clear()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(math.ceil(asyncio.get_running_loop().time() + within_s)):
                    await self._some.wait()
        finally:
            self._hear = None
        if self._bug:
            raise self._bug.pop()
        return self._heard

    async def idle(self, for_s: float) -> None:
        """Wait, unless the line breaks meanwhile: raises PortLostError at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                await self._gone.wait()
        self._raise_if_lost()

    def write(self, data: bytes) -> None:
        """Send, unless too much still waits to leave; raises PortLostError when the line is known to be gone."""
        self._raise_if_lost()
        if self._transport.get_write_buffer_size() < MAX_UNSENT:
            self._transport.write(data)

    def drop_input(self) -> None:
        """Forget what came unasked; raises PortLostError."""
        self._chunks.clear()
        self._resume()
        try:
            self._serial.reset_input_buffer()
        except (OSError, termios.error) as error:
            raise PortLostError(_words(error)) from error

    def check_there(self) -> None:
        """Raises PortLostError when the path no longer leads to this line, which an unplugged port may not tell."""
        try:
            same = os.path.samestat(os.stat(self._path), os.fstat(self._serial.fileno()))
        except OSError as error:
            raise PortLostError(_words(error)) from error
        if not same:
            raise PortLostError("the path leads to another device now")

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Called by the transport for every read."""
        chunk = Chunk(data, self._clock())
        if self._hear is not None and self._heard_now(self._hear, chunk):
            return
        self._hear = None
        self._chunks.append(chunk)
        if len(self._chunks) >= MAX_CHUNKS and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._some.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport when the port broke or was closed."""
        self._lost = PortLostError(_words(exc) if exc else "closed")
        self._gone.set()
        self._some.set()

    def _heard_now(self, hear: Hear, chunk: Chunk) -> bool:
        try:
            taken = hear(chunk)
        except (
            Exception
        ) as error:  # a bug: the event loop logs it and would go on, so `stream` raises it, too
            self._bug.append(error)
            self._hear = None
            self._some.set()
            raise
        self._heard += taken
        return taken

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _resume(self) -> None:
        if self._paused and self._lost is None:
            self._paused = False
            self._transport.resume_reading()

    async def _close(self) -> None:
        if not self._transport.is_closing():
            self._transport.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._gone.wait()


async def _look_once_more() -> None:
    """After the whole process stood still, timers are due before the loop has seen what came meanwhile."""
    for _ in range(2):  # in the second round at the latest what was found in the first has been read
        await asyncio.sleep(0)


def _words(error: BaseException) -> str:
    """The reason in a few words: pyserial repeats the path and the number inside its own."""
    number = getattr(error, "errno", None) or (error.args[0] if isinstance(error, termios.error) else None)
    if number == errno.EWOULDBLOCK:  # of the lock
        return "another program is using it"
    return os.strerror(number) if isinstance(number, int) else str(error) or type(error).__name__
