"""The desk: takes what was found, keeps the alarms in the book, and tells page, broker and outbox.

What it was told and has not written down waits; after a restart the book's own anomalies are looked through once more.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence

import structlog

from ingest.account import Account
from ingest.alarms.board import Board
from ingest.alarms.grouping import TIMING, Grouping, Timing
from ingest.alarms.routing import Route, in_maintenance, notices
from ingest.checks import ALARM_MS
from ingest.registry import Registry
from storage import alarms as page
from storage import outbox, quiet
from storage.book import Book
from storage.outbox import Notice
from telemetry.alarm import Alarm, AlarmState
from telemetry.anomaly import Anomaly
from telemetry.times import DAY_MS

PENDING_MAX = 20_000
ANOMALIES_MAX = 20_000
FORGOTTEN_MS = DAY_MS  # what closed since then may still stand on the broker

log = structlog.get_logger(__name__)


class Desk:
    """`say` publishes (see Board), `on_alarm` hears every change."""

    def __init__(
        self,
        *,
        root: str,
        book: Book,
        registry: Registry,
        account: Account,
        clock: Callable[[], int],
        say: Callable[..., bool],
        on_alarm: Callable[[Alarm], None],
        timing: Timing = TIMING,
        routes: Sequence[Route] = (),
    ) -> None:
        self._book, self._registry, self._account, self._clock = book, registry, account, clock
        self._on_alarm = on_alarm
        self._grouping = Grouping(timing)
        self._board = Board(root, say)
        self._routes = routes
        self._current: dict[str, Alarm] = {}
        self._held: set[str] = set()  # by maintenance, and nobody has been told
        self._pending: dict[str, Anomaly] = {}
        self._unwritten: dict[str, Alarm] = {}
        self._last_note = 0
        self._resumed = False

    def hear(self, anomalies: Iterable[Anomaly]) -> None:
        """Anomalies that opened, changed or closed. Above PENDING_MAX the oldest waits for the next start."""
        for anomaly in anomalies:
            self._pending.pop(anomaly.id, None)
            self._pending[anomaly.id] = anomaly
        for one in list(self._pending)[: max(0, len(self._pending) - PENDING_MAX)]:
            del self._pending[one]

    def connected(self) -> None:
        """The link to the broker is up again."""
        self._board.forget_what_was_said()

    async def resume(self) -> None:
        """Go on with what an earlier process life has opened. Raises BookUnavailableError, and can be repeated."""
        now_ms = self._clock()
        with self._book.reading() as database:
            opened = page.open_alarms(database)
            closed = page.closed_since(database, now_ms - FORGOTTEN_MS)
            works = quiet.works(database)
        of_alarms = {one: None for alarm in opened for one in alarm.anomalies}
        recent = self._book.anomalies(start_ms=now_ms - ALARM_MS, limit=ANOMALIES_MAX)
        found = {one.id: one for one in recent}
        for missing in of_alarms.keys() - found.keys():
            if (anomaly := self._book.anomaly(missing)) is not None:
                found[missing] = anomaly
        self._grouping.resume(opened, closed, found)
        self._current = {alarm.id: alarm for alarm in opened}
        self._held = {one.id for one in opened if in_maintenance(one, works, one.opened_ms)}
        self._board.show(closed)
        self._board.show(opened)
        self.hear(sorted(found.values(), key=lambda one: one.start_ms))
        self._resumed = True
        log.info("alarms go on", open=len(opened))

    async def look(self) -> None:
        """Once a second: what opened, changed, closed or was acknowledged. Raises BookUnavailableError, and loses nothing."""
        now_ms, known = self._clock(), self._registry.sensors()
        with self._book.reading() as database:
            mutes = quiet.mutes(database, now_ms)
            notes = self._notes(database)
        pending, self._pending = self._pending, {}
        changed = self._grouping.step(pending.values(), now_ms, known=known, mutes=mutes)
        self._unwritten |= {alarm.id: alarm for alarm in changed}
        for number, about, at_ms, who in notes:
            acknowledged = self._grouping.acknowledge(about, at_ms, who, known)
            if acknowledged is not None:
                self._unwritten[acknowledged.id] = acknowledged
            self._last_note = max(self._last_note, number)
        self._write(now_ms)
        self._board.say()

    def _notes(self, database: sqlite3.Connection) -> list[tuple[int, str, int, str]]:
        return database.execute(
            "SELECT id, anomaly, at_ms, who FROM anomaly_notes WHERE acknowledges AND id > ? ORDER BY id LIMIT 1000",
            (self._last_note,),
        ).fetchall()

    def _write(self, now_ms: int) -> None:
        """Alarms and what is to be sent of them, in one transaction."""
        current = self._current | self._unwritten
        letters = self._letters(current.values(), now_ms)
        if self._unwritten or letters:
            with self._book.writing() as database:
                page.put(database, self._unwritten.values())
                outbox.put(database, letters, now_ms)
        written, self._unwritten = self._unwritten, {}
        self._current = {one.id: one for one in current.values() if one.state is not AlarmState.CLOSED}
        self._held &= self._current.keys()
        self._board.show(written.values())
        for alarm in written.values():
            self._account.alarms_told += 1
            self._on_alarm(alarm)
            if alarm.state is AlarmState.CLOSED:
                log.info("alarm closed", alarm=alarm.id, text=alarm.text)

    def _letters(self, alarms: Collection[Alarm], now_ms: int) -> list[Notice]:
        """What was held by maintenance is told afterwards, unless all of it is over by then."""
        if not alarms or not self._routes:
            return []
        with self._book.reading() as database:
            told = outbox.told(database, [alarm.id for alarm in alarms])
            works = quiet.works(database, now_ms)
        lasting = self._grouping.lasting()
        letters: list[Notice] = []
        for alarm in alarms:
            works_there = in_maintenance(alarm, works, now_ms)
            if works_there:
                self._held.add(alarm.id)
            held = works_there or (alarm.id in self._held and alarm.id not in lasting)
            letters += notices(alarm, self._routes, told.get(alarm.id, {}), now_ms, held=held)
        return letters
