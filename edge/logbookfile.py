"""The logbook on disk, beside the journal: the command line writes it whole, the agent looks whether it is another one."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from edge.logbook import Logbook

NAME = "logbook.json"

log = structlog.get_logger(__name__)


class LogbookError(Exception):
    """The logbook cannot be read or written; the message says what to do."""


def beside(journal: Path) -> Path:
    """Where the logbook of the agent with this journal lies."""
    return journal.with_name(NAME)


def read(path: Path) -> Logbook:
    """The logbook at `path`, empty when there is none; raises LogbookError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Logbook)
    except FileNotFoundError:
        return Logbook()
    except OSError as error:
        raise LogbookError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LogbookError(
            f"{path} is no logbook ({error}): move it away, a new one will be begun"
        ) from error


def write(path: Path, change: Callable[[Logbook], Logbook]) -> Logbook:
    """The changed logbook, on disk when this returns: whole or not at all, one writer at a time. Raises LogbookError."""
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            changed = change(read(path))
            with new.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(changed), indent=1) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            directory = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
    except OSError as error:
        raise LogbookError(f"cannot write {path}: {error.strerror}") from error
    return changed


class WatchedLogbook:
    """The logbook as the running agent sees it. One that cannot be read is told once, and the one before it counts on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self.now = Logbook()
        self.refresh()

    def refresh(self) -> bool:
        """Read it when the file is another one; True when a swap has come."""
        found: tuple[int, int, int] | None = None
        with suppress(OSError):
            stat = self._path.stat()
            found = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if found == self._seen:
            return False
        self._seen = found
        try:
            before, self.now = self.now, read(self._path)
        except LogbookError as error:
            log.error("logbook ignored", reason=str(error))
            return False
        log.info("logbook read", periods=len(self.now.periods), swaps=len(self.now.swaps))
        return before.swaps != self.now.swaps
