"""A device's end of a pseudo-terminal, linked at a path like a port under /dev/serial/by-id.

The simulator keeps the other end open too, so that the device never sees its host come and go. A real UART loses what
nobody reads: unread bytes older than `STALE_S` are thrown away, and `write` says so.
"""

import errno
import fcntl
import os
import struct
import termios
import tty
from pathlib import Path
from typing import NamedTuple

STALE_S = 2.0


class Written(NamedTuple):
    """What became of a write. `unheard_since_s`: nobody has read since then, and what was unread is thrown away."""

    whole: bool
    unheard_since_s: float | None


class PtyPort:
    """One pseudo-terminal; `fileno` is the device's end. Raises OSError when it cannot be made."""

    def __init__(self, link: Path) -> None:
        if link.exists() and not link.is_symlink():
            raise FileExistsError(errno.EEXIST, "there is a file already, not a link of ours", str(link))
        self._link = link
        self._device, self._host = os.openpty()
        tty.setraw(self._host)
        os.set_blocking(self._device, False)
        self._last_read_s: float | None = None
        link.parent.mkdir(parents=True, exist_ok=True)
        new = link.with_name(f".{link.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(os.ttyname(self._host))
        new.replace(link)

    def fileno(self) -> int:
        """For a selector: readable when the host has written."""
        return self._device

    def read(self) -> bytes:
        """What the host has written."""
        try:
            return os.read(self._device, 4096)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EIO):
                return b""
            raise

    def write(self, data: bytes, now_s: float) -> Written:
        """Send bytes to whoever listens."""
        since = self._unheard_since(now_s)
        if since is not None:
            termios.tcflush(self._host, termios.TCIFLUSH)
        try:
            whole = os.write(self._device, data) == len(data)
        except BlockingIOError:
            whole = False
        return Written(whole, since)

    @property
    def unread(self) -> int:
        """Bytes that whoever listens has not taken yet."""
        (unread,) = struct.unpack("i", fcntl.ioctl(self._host, termios.FIONREAD, b"\0\0\0\0"))
        return int(unread)

    def close(self) -> None:
        """Take the link away and let go."""
        if self._link.is_symlink() and os.readlink(self._link) == os.ttyname(self._host):
            self._link.unlink()
        os.close(self._device)
        os.close(self._host)

    def _unheard_since(self, now_s: float) -> float | None:
        if self.unread == 0 or self._last_read_s is None:
            self._last_read_s = now_s
            return None
        return self._last_read_s if now_s - self._last_read_s > STALE_S else None
