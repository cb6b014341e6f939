"""The quarantine's pages of the book: a work queue. Used inside one of the book's transactions.

Policy of the bound (rows, and bytes of payload): what a replay has settled goes first, then the oldest of whatever gateway
and reason have most, so that one babbling gateway pushes out only its own. What goes is counted, as a reading of its hour
too; it is not lost: the gateway's journal holds it, `halong resend` brings it again.
"""

import re
import sqlite3
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import msgspec

from telemetry import undatable
from telemetry.quarantine import Quarantined, Reason
from telemetry.times import HOUR_MS, rfc3339

ROWS_MAX = 10_000
BYTES_MAX = 64 * 1024 * 1024
_NUMBERED = re.compile(r"/\d+(/[0-9a-f]{8})?\Z")  # a pack's number, and its checksum
_TIME_MAX_S = 9_223_372_036  # what an InfluxDB can hold


class Outcome(StrEnum):
    """What a replay, or a person, did with an entry."""

    STORED = "stored"
    ALREADY_THERE = "already there"
    STILL_REFUSED = "still refused"
    DISMISSED = "dismissed"  # by a person: it will not be stored


SETTLED = (Outcome.STORED, Outcome.ALREADY_THERE, Outcome.DISMISSED)
_SETTLED = "coalesce(r.outcome IN ('stored', 'already there', 'dismissed') AND r.at_ms >= q.last_ms, 0)"
_STORED = f"({_SETTLED} AND r.outcome != 'dismissed')"
_FROM = "FROM quarantine q LEFT JOIN quarantine_replays r ON r.id = q.id"


class Replay(msgspec.Struct, frozen=True):
    """The newest replay of an entry."""

    at_ms: int
    outcome: Outcome
    detail: str


class QuarantineRow(msgspec.Struct, frozen=True):
    """One thing set aside, seen `count` times between `first_ms` and `last_ms`.

    It is open until a replay has settled it or somebody has dismissed it; seen again after that, it is open again.
    """

    id: int
    reason: Reason
    detail: str
    topic: str
    gateway: str
    sensor: str
    payload: bytes
    count: int
    first_ms: int
    last_ms: int
    replay: Replay | None = None

    @property
    def open(self) -> bool:
        """Whether somebody should still look at it."""
        replay = self.replay
        return replay is None or replay.outcome not in SETTLED or replay.at_ms < self.last_ms


def described(row: QuarantineRow, shown_bytes: int | None = None) -> dict[str, Any]:
    """An entry as the API and `--json` show it; of the payload, in base64, at most so many bytes."""
    replay = row.replay
    return {
        "id": row.id,
        "reason": row.reason,
        "detail": row.detail,
        "topic": row.topic,
        "gateway": row.gateway,
        "sensor": row.sensor,
        "payload": b64encode(row.payload[:shown_bytes]).decode(),
        "bytes": len(row.payload),
        "count": row.count,
        "first_seen": rfc3339(row.first_ms),
        "last_seen": rfc3339(row.last_ms),
        "state": "open" if row.open else "settled",
        "replay": {"at": rfc3339(replay.at_ms), "outcome": replay.outcome, "detail": replay.detail}
        if replay is not None
        else None,
    }


class QuarantineFilter(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which rows; every condition that is given must hold. `start_ms` and `end_ms` bound when it was last seen."""

    ids: tuple[int, ...] = ()
    reason: Reason | None = None
    gateway: str | None = None
    sensor: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    is_open: bool | None = None

    def conditions(self) -> tuple[str, list[Any]]:
        """A condition in SQL over q and r, and its parameters."""
        found: list[tuple[str, list[Any]]] = []
        if self.ids:
            found.append((f"q.id IN ({','.join('?' * len(self.ids))})", list(self.ids)))
        for column, wanted in (("reason", self.reason), ("gateway", self.gateway), ("sensor", self.sensor)):
            if wanted is not None:
                found.append((f"q.{column} = ?", [str(wanted)]))
        if self.start_ms is not None:
            found.append(("q.last_ms >= ?", [self.start_ms]))
        if self.end_ms is not None:
            found.append(("q.last_ms < ?", [self.end_ms]))
        if self.is_open is not None:
            found.append((f"{_SETTLED} = ?", [not self.is_open]))
        return " AND ".join(text for text, _ in found) or "1", [value for _, some in found for value in some]


ANYTHING = QuarantineFilter()


class ReplayOrder(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a command `replay` asks: the entries, and the reasons an operator waives because they know better."""

    wanted: QuarantineFilter = ANYTHING
    accept: tuple[Reason, ...] = ()


class Quarantine:
    """Statements over one open transaction."""

    def __init__(
        self, database: sqlite3.Connection, rows_max: int = ROWS_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        self._database, self._rows_max, self._bytes_max = database, rows_max, bytes_max

    def add(self, entries: Sequence[Quarantined], now_ms: int) -> None:
        """The same reason, sensor, topic (without the pack's number) and payload again only raises the row's count."""
        self._database.executemany(
            "INSERT INTO quarantine (key, reason, detail, topic, gateway, sensor, payload, count, first_ms, last_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET count = count + 1, last_ms = excluded.last_ms",
            [(_key(e), *msgspec.structs.astuple(e), now_ms, now_ms) for e in entries],
        )
        self._database.executemany(
            "INSERT OR IGNORE INTO quarantine_undated SELECT id, ?, ?, ? FROM quarantine WHERE key = ?",
            [
                (sensor, hour_ms, number, _key(entry))
                for entry in entries
                if entry.reason is Reason.UNDATABLE
                for (sensor, hour_ms), number in _undated(entry.payload).items()
            ],
        )
        while self._is_over() and self._shrink():
            pass

    def rows(self, limit: int, before_id: int | None, wanted: QuarantineFilter) -> list[QuarantineRow]:
        """Newest first."""
        condition, parameters = wanted.conditions()
        rows = self._database.execute(
            "SELECT q.id, reason, q.detail, topic, gateway, sensor, payload, count, first_ms, last_ms,"
            f" at_ms, outcome, r.detail {_FROM} WHERE {condition} AND (? IS NULL OR q.id < ?)"
            " ORDER BY q.id DESC LIMIT ?",
            (*parameters, before_id, before_id, limit),
        ).fetchall()
        return [_row(row) for row in rows]

    def count(self, wanted: QuarantineFilter) -> int:
        """How many rows match."""
        condition, parameters = wanted.conditions()
        (number,) = self._database.execute(
            f"SELECT count(*) {_FROM} WHERE {condition}", parameters
        ).fetchone()
        return int(number)

    def settle(self, entry: int, replay: Replay) -> None:
        """Note what a replay did with the entry."""
        self._database.execute(
            "INSERT OR REPLACE INTO quarantine_replays VALUES (?, ?, ?, ?)",
            (entry, replay.at_ms, replay.outcome, replay.detail),
        )

    def dismiss(self, wanted: QuarantineFilter, detail: str, now_ms: int) -> int:
        """Settle the open entries that match without storing them; how many. The ledger still counts them as set aside."""
        rows = self.rows(-1, None, msgspec.structs.replace(wanted, is_open=True))
        for row in rows:
            self.settle(row.id, Replay(max(now_ms, row.last_ms), Outcome.DISMISSED, detail))
        return len(rows)

    def total(self) -> int:
        """How many different things were ever set aside."""
        return self.count(ANYTHING) + self.gone()

    def gone(self) -> int:
        """How many rows the bound has removed."""
        row = self._database.execute("SELECT value FROM counters WHERE name = 'quarantine_gone'").fetchone()
        return int(row[0]) if row else 0

    def readings(self, start_ms: int, end_ms: int) -> dict[tuple[str, int], int]:
        """Readings set aside and not stored, removed ones included: (sensor, hour of observation) to how many.

        Single ones, and those of undatable messages, which count in the hour in which they were taken at the latest.
        """
        found: dict[tuple[str, int], int] = {}
        rows = self._database.execute(
            f"SELECT sensor, payload, first_ms {_FROM} WHERE sensor != '' AND NOT {_STORED}"
        ).fetchall()
        gone = self._database.execute(
            "SELECT sensor, hour_ms, readings FROM quarantine_removed WHERE hour_ms >= ? AND hour_ms < ?",
            (start_ms, end_ms),
        ).fetchall()
        undated = self._database.execute(
            f"SELECT u.sensor, u.hour_ms, u.readings {_FROM} JOIN quarantine_undated u ON u.id = q.id"
            f" WHERE u.hour_ms >= ? AND u.hour_ms < ? AND NOT {_STORED}",
            (start_ms, end_ms),
        ).fetchall()
        single = [(sensor, observed_hour(payload, first_ms), 1) for sensor, payload, first_ms in rows]
        for sensor, hour_ms, number in [*single, *undated, *gone]:
            if start_ms <= hour_ms < end_ms:
                found[sensor, hour_ms] = found.get((sensor, hour_ms), 0) + number
        return found

    def foreign(self, start_ms: int, end_ms: int) -> dict[tuple[str, int], Counter[str]]:
        """Of `readings` those that were set aside because the sensor is another gateway's: by who has sent them."""
        found: dict[tuple[str, int], Counter[str]] = {}
        rows = self._database.execute(
            f"SELECT sensor, payload, first_ms, gateway {_FROM} WHERE reason = ? AND sensor != '' AND NOT {_STORED}",
            (Reason.NOT_OWNER,),
        ).fetchall()
        for sensor, payload, first_ms, gateway in rows:
            if start_ms <= (hour_ms := observed_hour(payload, first_ms)) < end_ms:
                found.setdefault((sensor, hour_ms), Counter())[gateway] += 1
        return found

    def _is_over(self) -> bool:
        rows, size = self._database.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0) FROM quarantine"
        ).fetchone()
        return bool(rows > self._rows_max or (size > self._bytes_max and rows > 1))

    def _shrink(self) -> int:
        """Remove the excess, or what one step of the policy finds; how many rows."""
        (rows,) = self._database.execute("SELECT count(*) FROM quarantine").fetchone()
        excess = max(1, rows - self._rows_max)
        found = self._database.execute(
            f"SELECT q.id, sensor, payload, first_ms, {_STORED} {_FROM} WHERE {_SETTLED} ORDER BY last_ms, q.id LIMIT ?",
            (excess,),
        ).fetchall()
        if not found:
            found = self._database.execute(
                "WITH most AS (SELECT gateway, reason FROM quarantine GROUP BY gateway, reason"
                " ORDER BY count(*) DESC, min(last_ms) LIMIT 1)"
                " SELECT id, sensor, payload, first_ms, 0 FROM quarantine JOIN most USING (gateway, reason)"
                " ORDER BY last_ms, id LIMIT ?",
                (excess,),
            ).fetchall()
        removed = [(s, observed_hour(p, first), 1) for _, s, p, first, stored in found if s and not stored]
        for entry, *_, stored in found:
            of_it = self._database.execute(
                "DELETE FROM quarantine_undated WHERE id = ? RETURNING sensor, hour_ms, readings", (entry,)
            ).fetchall()
            removed += [] if stored else of_it
        self._database.executemany("DELETE FROM quarantine WHERE id = ?", [row[:1] for row in found])
        self._database.executemany("DELETE FROM quarantine_replays WHERE id = ?", [row[:1] for row in found])
        self._database.execute(
            "INSERT INTO counters VALUES ('quarantine_gone', ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (len(found),),
        )
        self._database.executemany(
            "INSERT INTO quarantine_removed VALUES (?, ?, ?)"
            " ON CONFLICT (sensor, hour_ms) DO UPDATE SET readings = readings + excluded.readings",
            removed,
        )
        return len(found)


def observed_hour(payload: bytes, first_ms: int) -> int:
    """The hour the record in `payload` was observed in; of one without a time the hour it was first seen in."""
    try:
        record = msgspec.json.decode(payload, type=dict[str, Any])
        time_s = record.get("t", 0) + record.get("bt", 0)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        time_s = None
    usable = isinstance(time_s, int | float) and 0 < time_s < _TIME_MAX_S
    at_ms = round(time_s * 1000) if usable and time_s is not None else first_ms
    return at_ms - at_ms % HOUR_MS


def _undated(payload: bytes) -> Counter[tuple[str, int]]:
    """(sensor, hour) to how many readings of an undatable message; of one that is cut off none are known."""
    pack = undatable.decode(payload)
    readings = pack.at_the_latest() if pack is not None else ()
    return Counter((one.sensor, one.observed_at - one.observed_at % HOUR_MS) for one in readings)


def _row(row: tuple[Any, ...]) -> QuarantineRow:
    replay = Replay(row[10], Outcome(row[11]), row[12]) if row[11] is not None else None
    entry, reason, detail, topic, gateway, sensor, payload, count, first_ms, last_ms = row[:10]
    return QuarantineRow(
        entry, Reason(reason), detail, topic, gateway, sensor, payload, count, first_ms, last_ms, replay
    )


def _key(entry: Quarantined) -> bytes:
    topic = _NUMBERED.sub("", entry.topic)
    parts = (entry.reason.value.encode(), entry.sensor.encode(), topic.encode(), entry.payload)
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
