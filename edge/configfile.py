"""The configuration while the agent runs: read again on SIGHUP or when the file is another one, refused when it is not good."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edge.settings import EdgeConfig
from runtime.config import ConfigError

LOOK_EVERY_S = 1.0
FIXED = ("gateway", "site", "broker", "journal", "clock", "metrics")

Signature = tuple[int, int, int]


class ConfigFile:
    """`load` reads and checks the file at `path`; it raises ConfigError. `ask` it to be read again, from a signal perhaps."""

    def __init__(
        self, path: Path, load: Callable[[Path], EdgeConfig], *, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        self._path, self._load, self._look_every_s = path, load, look_every_s
        self._asked = asyncio.Event()
        self._seen = self._signature()

    def ask(self) -> None:
        """Read it again, also when it has not changed."""
        self._asked.set()

    async def changed(self) -> None:
        """Return when it is to be read: asked for, or another file than the last time that has stayed the same for a look."""
        before = self._seen
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_every_s):
                    await self._asked.wait()
            now = self._signature()
            if self._asked.is_set() or (now is not None and now != self._seen and now == before):
                self._asked.clear()
                self._seen = now
                return
            before = now

    def read(self, current: EdgeConfig) -> EdgeConfig:
        """What the file says now; raises ConfigError, also when it changes what only a restart can change."""
        new = self._load(self._path)
        fixed = [name for name in FIXED if getattr(new, name) != getattr(current, name)]
        if fixed:
            raise ConfigError(f"{self._path}: {', '.join(fixed)} can only change with a restart of the agent")
        return new

    def _signature(self) -> Signature | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None  # being replaced, perhaps
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
