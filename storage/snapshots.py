"""What detectors remember, kept in the book. Used inside one of the book's transactions."""

import sqlite3
from collections.abc import Iterable

State = tuple[str, str, bytes]  # sensor, quantity, its state


def keep(database: sqlite3.Connection, states: Iterable[State]) -> None:
    """Put these in the place of the ones before."""
    database.executemany("INSERT OR REPLACE INTO detector_state VALUES (?, ?, ?)", states)


def kept(database: sqlite3.Connection) -> list[State]:
    """All of them."""
    return database.execute("SELECT sensor, quantity, state FROM detector_state").fetchall()


def of(database: sqlite3.Connection, sensor: str, quantity: str) -> list[State]:
    """That of one series, when there is one."""
    return database.execute(
        "SELECT sensor, quantity, state FROM detector_state WHERE sensor = ? AND quantity = ?",
        (sensor, quantity),
    ).fetchall()
