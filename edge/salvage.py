"""Reading what is left of a damaged journal, row by row past the errors of SQLite."""

import sqlite3
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from edge import tallies

COLUMNS = "journal, seq, site, formed_ms, oldest_ms, newest_ms, readings, payload, crc, acknowledged_ms"
MAX_STEPS = 50_000  # unreadable numbers tried one by one before the rest of that journal is left to the other direction
_FIRST, _LAST = ("", -1), ("~", -1)  # every journal id is hexadecimal: it sorts between the two

Row = tuple[Any, ...]
Key = tuple[str, int]


def readable(path: Path) -> Iterator[Row]:
    """Every pack of the damaged file at `path` that can still be read and whose checksum is right, in COLUMNS.

    Walks upwards past each error, then downwards to what the first walk could not reach; a row may come twice.
    """
    try:
        connection = sqlite3.connect(path)
    except sqlite3.Error:
        return
    try:
        # Else SQLite refuses a file shorter than its header says.
        connection.execute("PRAGMA writable_schema = ON")
        for up in (True, False):
            if (yield from _walk(connection, up=up)):
                return
    finally:
        connection.close()


def readable_tallies(path: Path) -> Iterator[Row]:
    """The tallies of the damaged file at `path`, in `tallies.COLUMNS`, up to the first that cannot be read."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            connection.execute("PRAGMA writable_schema = ON")
            for row in connection.execute(f"SELECT {tallies.COLUMNS} FROM tallies"):
                if all(isinstance(cell, int) for cell in (row[2:4] + row[5:])):
                    yield row
        except sqlite3.Error:
            return


def _walk(connection: sqlite3.Connection, *, up: bool) -> Generator[Row, None, bool]:
    """The sound rows in one direction; returns True when the walk met no error at all."""
    sign, order = (">", "ASC") if up else ("<", "DESC")
    query = f"SELECT {COLUMNS} FROM packs WHERE (journal, seq) {sign} (?, ?) ORDER BY journal {order}, seq {order}"
    position, steps, clean = (_FIRST if up else _LAST), 0, True
    while True:
        try:
            for row in connection.execute(query, position):
                key = _key(row)
                if key is None or (key > position) is not up:
                    raise sqlite3.DatabaseError("rows out of order")
                position, steps = key, 0
                if zlib.crc32(row[7]) == row[8]:
                    yield row
        except sqlite3.Error:
            clean, steps = False, steps + 1
        else:
            return clean
        following = _step(position, steps, up=up)
        if following is None:
            return clean
        position = following


def _key(row: Row) -> Key | None:
    match row:
        case (str(journal), int(seq), str(), int(), int(), int(), int(), bytes(), int(), int() | None):
            return (journal, seq) if seq >= 0 else None
    return None


def _step(position: Key, steps: int, *, up: bool) -> Key | None:
    """Where to try after an error: the next number of this journal, then the next journal, then nowhere."""
    journal, seq = position
    if seq < 0:
        return None
    if steps <= MAX_STEPS and (up or seq > 0):
        return journal, seq + (1 if up else -1)
    return (f"{journal}~", -1) if up else (journal, -1)
