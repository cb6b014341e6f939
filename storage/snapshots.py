"""What detectors remember, kept in the book. Used inside one of the book's transactions.

SQLite keeps no checksum of what it holds. A bit that turned on the disk would be remembered for ever, so each state has one of
its own: crc32, four bytes, little-endian, before it.
"""

import sqlite3
import struct
import zlib
from collections.abc import Iterable

State = tuple[str, str, bytes]  # sensor, quantity, its state
_CHECK = struct.Struct("<I")


def keep(database: sqlite3.Connection, states: Iterable[State]) -> None:
    """Put these in the place of the ones before."""
    database.executemany(
        "INSERT OR REPLACE INTO detector_state VALUES (?, ?, ?)",
        ((sensor, quantity, _CHECK.pack(zlib.crc32(state)) + state) for sensor, quantity, state in states),
    )


def kept(database: sqlite3.Connection) -> tuple[list[State], int]:
    """All that are as they were written, and how many are not."""
    rows = database.execute("SELECT sensor, quantity, state FROM detector_state").fetchall()
    sound = _sound(rows)
    return sound, len(rows) - len(sound)


def of(database: sqlite3.Connection, sensor: str, quantity: str) -> list[State]:
    """That of one series, when there is one and it is as it was written."""
    return _sound(
        database.execute(
            "SELECT sensor, quantity, state FROM detector_state WHERE sensor = ? AND quantity = ?",
            (sensor, quantity),
        )
    )


def _sound(rows: Iterable[State]) -> list[State]:
    return [
        (sensor, quantity, kept[_CHECK.size :])
        for sensor, quantity, kept in rows
        if len(kept) >= _CHECK.size and _CHECK.unpack_from(kept) == (zlib.crc32(kept[_CHECK.size :]),)
    ]
