"""Cutting a byte stream into frames. Pure; any chunking of the bytes gives the same frames; nothing here raises.

After a failed check one byte is dropped, not the buffer: the next good frame is found once its bytes are in.
"""

import re
from collections.abc import Callable
from enum import IntEnum

from edge.driver import Frame

MAX_LINE = 4096


class Size(IntEnum):
    """What `Measure` says of bytes that begin no frame, or not yet a whole one. Positive numbers are a frame's length."""

    MORE = 0  # could be a frame, the rest has not come
    JUNK = -1  # no frame begins here; said of a single byte: no frame begins with it, whatever follows
    BAD = -2  # begins like a frame; wrong length, checksum or content


Measure = Callable[[bytes], int]


class ScanFramer:
    """Frames of a binary protocol. `measure` looks at most `limit` bytes ahead; `echo`, when the input begins with it, is
    dropped once (two-wire adapters return what was sent); the last `shared` bytes of a frame may also begin the next."""

    def __init__(self, measure: Measure, limit: int, *, echo: bytes = b"", shared: int = 0) -> None:
        self._measure, self._limit, self._echo, self._shared = measure, limit, echo, shared
        self._buffer = bytearray()
        self._begins: re.Pattern[bytes] | None = None
        self.junk = 0
        self.bad = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes; never more than `limit` bytes stay behind."""
        buffer = self._buffer
        buffer += chunk
        frames: list[Frame] = []
        start = self._skip_echo()
        while start is not None and start < len(buffer):
            size = self._measure(bytes(buffer[start : start + self._limit]))
            if size > 0:
                frames.append(Frame(bytes(buffer[start : start + size]), len(buffer) - start - size))
                start += size - self._shared
            elif size == Size.MORE and len(buffer) - start < self._limit:
                break
            else:
                self.bad += size == Size.BAD
                following = self._next_begin(start + 1) if size == Size.JUNK else start + 1
                self.junk += following - start
                start = following
        if start:
            del buffer[:start]
        return frames

    def _next_begin(self, start: int) -> int:
        """Where a frame may begin, from `start` on: a flood of junk is not measured byte by byte."""
        if self._begins is None:
            single = (bytes((byte,)) for byte in range(256))
            begins = b"".join(re.escape(byte) for byte in single if self._measure(byte) != Size.JUNK)
            self._begins = re.compile(b"[%b]" % begins if begins else rb"\Z.")
        found = self._begins.search(self._buffer, start)
        return found.start() if found else len(self._buffer)

    def _skip_echo(self) -> int | None:
        """Where to begin; None while the echo may still be coming in."""
        if not self._echo:
            return 0
        seen = bytes(self._buffer[: len(self._echo)])
        if seen == self._echo:
            self._echo = b""
            return len(seen)
        if self._echo.startswith(seen):
            return None
        self._echo = b""
        return 0


class LineFramer:
    """Lines ended by LF, without their CR; blank ones are left out. A line above `limit` bytes is dropped up to its end."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._dropping = False
        self.junk = 0
        self.bad = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """The lines that `chunk` completes."""
        frames: list[Frame] = []
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._take(chunk[start:end])
            line = bytes(self._buffer).rstrip(b"\r")
            if self._dropping:
                self.bad += 1
            elif line.strip():
                frames.append(Frame(line, len(chunk) - end - 1))
            self._buffer.clear()
            self._dropping = False
            start = end + 1
        self._take(chunk[start:])
        return frames

    def _take(self, part: bytes) -> None:
        if self._dropping or len(self._buffer) + len(part) > self._limit:
            self.junk += len(self._buffer) + len(part)
            self._buffer.clear()
            self._dropping = True
        else:
            self._buffer += part
