"""The book's page of what is to be sent to people: each state of an alarm once on each channel. Used inside transactions."""

import json
import sqlite3
from collections.abc import Collection, Iterable

import msgspec

from telemetry.alarm import Alarm
from telemetry.anomaly import Severity

OPEN = "open"
ESCALATED = "escalated"  # the first notice on a channel that waits until nobody has acknowledged
RAISED = "raised"  # `raised-warning`, `raised-critical`: graver than it was told
ACKNOWLEDGED = "acknowledged"
CLOSED = "closed"
FIRST = (OPEN, ESCALATED)


class Notice(msgspec.Struct, frozen=True):
    """One message: this state of this alarm on this channel. `id` 0: not written down yet."""

    alarm: Alarm
    channel: str
    state: str
    id: int = 0
    asked_ms: int = 0
    tries: int = 0

    @property
    def key(self) -> str:
        """The same for every try, another for every other state: receivers tell repetitions by it."""
        return f"{self.alarm.id}-{self.state}"


Told = dict[tuple[str, str], Severity]  # (channel, state) to the severity it was told with


def told(database: sqlite3.Connection, alarms: Collection[str]) -> dict[str, Told]:
    """What was written down for these alarms, sent or not."""
    found: dict[str, Told] = {}
    rows = database.execute(
        "SELECT alarm, channel, state, severity FROM outbox WHERE alarm IN (SELECT value FROM json_each(?))",
        (json.dumps(list(alarms)),),
    )
    for alarm, channel, state, severity in rows:
        found.setdefault(alarm, {})[channel, state] = Severity(severity)
    return found


def put(database: sqlite3.Connection, notices: Iterable[Notice], now_ms: int) -> None:
    """Write them down, to be sent at once; what is there already stays."""
    database.executemany(
        "INSERT OR IGNORE INTO outbox (alarm, channel, state, severity, content, asked_ms, due_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.alarm.id,
                one.channel,
                one.state,
                one.alarm.severity,
                msgspec.json.encode(one.alarm),
                now_ms,
                now_ms,
            )
            for one in notices
        ],
    )


def next_due(database: sqlite3.Connection, channel: str, now_ms: int) -> Notice | None:
    """The oldest that may be sent now: never before an older one of the same alarm."""
    row = database.execute(
        "SELECT content, channel, state, id, asked_ms, tries FROM outbox AS one"
        " WHERE channel = ? AND done_ms IS NULL AND due_ms <= ? AND NOT EXISTS ("
        "  SELECT 1 FROM outbox WHERE channel = one.channel AND done_ms IS NULL AND id < one.id AND alarm = one.alarm)"
        " ORDER BY id LIMIT 1",
        (channel, now_ms),
    ).fetchone()
    return Notice(msgspec.json.decode(row[0], type=Alarm), *row[1:]) if row else None


def sent(database: sqlite3.Connection, number: int, now_ms: int) -> None:
    """It has arrived."""
    database.execute(
        "UPDATE outbox SET done_ms = ?, tries = tries + 1, error = '' WHERE id = ?", (now_ms, number)
    )


def failed(database: sqlite3.Connection, number: int, error: str, *, again_ms: int) -> None:
    """It has not, or nobody said so: once more at `again_ms`."""
    database.execute(
        "UPDATE outbox SET tries = tries + 1, error = ?, due_ms = ? WHERE id = ?",
        (error[:500], again_ms, number),
    )


def give_up(database: sqlite3.Connection, number: int, error: str, now_ms: int) -> None:
    """It will not be tried again."""
    database.execute(
        "UPDATE outbox SET done_ms = ?, tries = tries + 1, error = ? WHERE id = ?",
        (now_ms, error[:500], number),
    )


def waiting(database: sqlite3.Connection, channels: Collection[str]) -> int:
    """How many of these channels have not been sent yet."""
    (number,) = database.execute(
        "SELECT count(*) FROM outbox WHERE done_ms IS NULL AND channel IN (SELECT value FROM json_each(?))",
        (json.dumps(list(channels)),),
    ).fetchone()
    return int(number)


def prune(database: sqlite3.Connection, before_ms: int) -> None:
    """Forget what is older for alarms that closed before then, also what was for a channel that is no more."""
    database.execute(
        "DELETE FROM outbox WHERE coalesce(done_ms, asked_ms) < ?"
        " AND alarm NOT IN (SELECT id FROM alarms WHERE end_ms IS NULL OR end_ms >= ?)",
        (before_ms, before_ms),
    )
