"""Retired gateways: what they have not brought will not come. Used inside one of the book's transactions."""

import sqlite3

from storage.inventory import Inventory


def retire(database: sqlite3.Connection, gateway: str, at_ms: int, *, who: str, now_ms: int) -> bool:
    """The gateway is gone since `at_ms`: its sensors are free from then on. False when nobody has heard of it.

    A birth of a newer session than the last one known undoes it: the gateway is back.
    """
    known = database.execute("SELECT 1 FROM gateways WHERE id = ?", (gateway,)).fetchone()
    if known is None:
        return False
    database.execute("INSERT OR REPLACE INTO retired VALUES (?, ?, ?, ?)", (gateway, at_ms, who, now_ms))
    database.execute(
        "UPDATE sensors SET retired_ms = max(since_ms, ?) WHERE gateway = ? AND until_ms IS NULL AND retired_ms IS NULL",
        (at_ms, gateway),
    )
    return True


def reclaim(database: sqlite3.Connection, now_ms: int) -> None:
    """Take every gateway's newest birth over once more: what it was refused may be free now."""
    inventory = Inventory(database)
    for birth in inventory.births():
        inventory.register(birth, now_ms)


def retired(database: sqlite3.Connection) -> dict[str, int]:
    """Retired gateways and since when, ms."""
    return dict(database.execute("SELECT gateway, at_ms FROM retired").fetchall())


def last_told(database: sqlite3.Connection) -> dict[str, int]:
    """The last hour each gateway has told of."""
    return dict(database.execute("SELECT gateway, max(hour_ms) FROM manifests GROUP BY gateway").fetchall())
