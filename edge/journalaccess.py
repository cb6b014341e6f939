"""Every use of the journal's file: room is made when it is full, trouble is told once, when it begins and when it is over."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import structlog

from edge.journalfile import JournalFile, is_passing

log = structlog.get_logger(__name__)
T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class JournalUnavailableError(Exception):
    """The journal cannot be opened or written now: keep the readings and try again."""


class JournalAccess:
    """`make_room` frees some of a file that is at its limit, False when nothing can go; `trouble` is why it cannot be used."""

    def __init__(self, file: JournalFile, make_room: Callable[[], bool]) -> None:
        self._file, self._make_room = file, make_room
        self.trouble = ""

    def open(self) -> None:
        """Open the file, made when it is not there; raises JournalUnavailableError.

        When the disk is full or does not answer nothing is raised: it is told, and tried again by every call.
        """
        try:
            self._file.open()
        except (OSError, sqlite3.Error) as error:
            if not is_passing(error):
                raise JournalUnavailableError(
                    f"journal {self._file.path}: {getattr(error, 'strerror', None) or error}"
                ) from error
            self._report(str(error))

    def write(self, work: Work[T], *, synced: bool = True) -> T:
        """`work` in a transaction, making room as often as it takes; raises JournalUnavailableError."""
        transact = self._file.transact if synced else self._file.transact_unsynced
        while True:
            try:
                result = transact(work)
            except (sqlite3.Error, OSError) as error:
                full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
                if not (full and self._file.at_limit() and self._make_room()):
                    self._report(str(error))
                    raise JournalUnavailableError(f"journal {self._file.path}: {error}") from error
            else:
                self._report("")
                return result

    def change(self, work: Work[int], *, synced: bool = True) -> int:
        """`write`, or 0 when that cannot be done now."""
        try:
            return self.write(work, synced=synced)
        except (JournalUnavailableError, sqlite3.Error, OSError) as error:
            self._report(str(error))
            return 0

    def look(self, work: Work[T], otherwise: T) -> T:
        """`work` in a transaction that makes no room, or `otherwise` when that cannot be done now."""
        try:
            return self._file.transact(work)
        except (sqlite3.Error, OSError) as error:
            self._report(str(error))
            return otherwise

    def _report(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.error("journal cannot be used, trying again", reason=trouble)
        elif self.trouble and not trouble:
            log.info("journal can be used again")
        self.trouble = trouble
