"""A serial port for tests: a real pty behind a link."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest


class PtyPort:
    """The device's end of a pty linked at `link`. `answer` gives the bytes to return for the bytes that came."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.answer: Callable[[bytes], bytes] | None = None
        self.asked: list[bytes] = []
        self._ends: tuple[int, int] | None = None

    def plug(self) -> None:
        """The device appears."""
        self._ends = os.openpty()
        os.set_blocking(self._ends[0], False)
        if self.answer is not None:
            asyncio.get_running_loop().add_reader(self._ends[0], self._hear)
        self.link.symlink_to(os.ttyname(self._ends[1]))

    def unplug(self) -> None:
        """The link vanishes and the line breaks."""
        if self._ends is None:
            return
        self.link.unlink()
        with suppress(RuntimeError):  # no loop any more at the end of a test
            asyncio.get_running_loop().remove_reader(self._ends[0])
        for end in self._ends:
            os.close(end)
        self._ends = None

    def send(self, data: bytes) -> int:
        """Bytes from the device; how many the line took."""
        assert self._ends is not None
        return os.write(self._ends[0], data)

    def _hear(self) -> None:
        assert self._ends is not None
        assert self.answer is not None
        request = os.read(self._ends[0], 4096)
        self.asked.append(request)
        if answer := self.answer(request):
            self.send(answer)


@pytest.fixture
def pty_port(tmp_path: Path) -> Iterator[PtyPort]:
    """A port that is not plugged in yet."""
    port = PtyPort(tmp_path / "ttyTEST0")
    yield port
    port.unplug()
