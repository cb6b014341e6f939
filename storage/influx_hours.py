"""The hourly figures kept in an InfluxDB: rolled from its readings, and distrusted as soon as a reading comes late.

No generation of InfluxDB has both transactions and a roll-up of its own, so each hour carries marks: who writes into an hour
that is over first marks it touched, and figures count only where they were rolled after that. An hour is rolled when it has
been over, and untouched, for QUIET_MS: longer than any write is under way. So several processes may write and roll; their
clocks may differ by a minute. What another process touches is noticed within FRESH_MS.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from storage import figures, influxql
from storage.batch import TIME_MAX_MS
from storage.figures import BASIC, FIELDS, Hours
from storage.influx_http import LinesRefusedError, QueryRefusedError
from storage.influx_measure import basic, hours_of
from storage.influx_tables import Ask, numbers
from storage.store import StoreUnavailableError
from telemetry.times import HOUR_MS

QUIET_MS = 600_000
TOUCH_EVERY_MS = QUIET_MS // 2
FRESH_MS = 10_000
STRETCH_MAX = 168  # hours of one question
ROWS_MAX = 100_000  # of an answer, about

log = structlog.get_logger(__name__)

Send = Callable[[bytes], Awaitable[None]]


class HourKeeper:
    """`ask` a statement, `send` lines (LinesRefusedError), `clock` in ms; each may raise StoreUnavailableError."""

    def __init__(self, ask: Ask, send: Send, clock: Callable[[], int]) -> None:
        self._ask, self._send, self._clock = ask, send, clock
        self._rolled: dict[int, int] = {}  # by hour, as the marks are
        self._touched: dict[int, int] = {}
        self._trusted: set[int] = set()
        self._fresh_ms: int | None = None
        self._waiting: set[int] | None = None  # hours to be rolled; None: not looked for yet
        self._known_to = 0  # hours before this are in it, or were
        self._stretch = 1
        self._rolling, self._touching = asyncio.Lock(), asyncio.Lock()

    async def trusted(self, start_ms: int, end_ms: int) -> list[int]:
        """The hours of [start_ms, end_ms) whose figures hold, ascending; none where the server does not give the marks."""
        try:
            await self._refresh()
        except StoreUnavailableError as error:
            if not _is_refusal(error):
                raise
            log.info("hourly figures not used: their marks are not told", reason=str(error))
            self._trusted, self._fresh_ms = set(), self._clock()
        trusted = self._trusted
        return [hour for hour in range(start_ms, end_ms, HOUR_MS) if hour in trusted]

    async def _refresh(self) -> None:
        now = self._clock()
        if self._fresh_ms is not None and 0 <= now - self._fresh_ms < FRESH_MS:
            return
        rolled: dict[int, int] = {}
        for table in await self._ask(figures.of_marks(influxql.where(0, TIME_MAX_MS))):
            for hour, touched, done in table.values:
                if isinstance(hour, float):
                    at = int(hour)
                    rolled[at] = int(done) if isinstance(done, float) else 0
                    if isinstance(touched, float):
                        self._touched[at] = max(self._touched.get(at, 0), int(touched))
        self._rolled = rolled
        touches = self._touched
        self._trusted = {hour for hour, done in rolled.items() if done > touches.get(hour, 0)}
        self._fresh_ms = now

    async def touch(self, observed_at: Sequence[int]) -> None:
        """Before readings of these times are written: the hours among them that are over hold no longer."""
        now = self._clock()
        # The start of an hour that nobody can have rolled yet is after it.
        last = now - HOUR_MS - TOUCH_EVERY_MS
        if not observed_at or min(observed_at) > last + HOUR_MS:
            return
        over = {time - time % HOUR_MS for time in observed_at}
        async with self._touching:  # who finds an hour marked may rely on the mark being there
            due = now - TOUCH_EVERY_MS
            hours = [
                hour
                for hour in over
                if hour <= last and (hour in self._trusted or self._touched.get(hour, 0) <= due)
            ]
            if hours:
                await self._mark(hours, now)

    async def _mark(self, hours: Sequence[int], now: int) -> None:
        before = {hour: self._touched.get(hour, 0) for hour in hours}
        self._trusted.difference_update(hours)
        self._touched.update(dict.fromkeys(hours, now))
        try:
            await self._send(figures.marks(sorted(hours), touched_ms=now, rolled_ms=0))
        except LinesRefusedError as error:  # older than the database keeps, as the readings are
            log.info("late hours not marked", hours=len(hours), reason=str(error)[:200])
        except BaseException:
            self._touched.update(before)
            raise
        for hour in hours:
            self._rolled.pop(hour, None)
        if self._waiting is not None:
            self._waiting.update(hours)

    async def roll(self, most: int = STRETCH_MAX) -> int:
        """Figures of up to `most` hours in a row, the newest that wait for it; how many hours. 0: none waits."""
        async with self._rolling:
            now = self._clock()
            await self._find_waiting(now)
            run = self._newest_run(now, min(most, self._stretch))
            if not run:
                return 0
            await self._refresh()  # another process may have rolled them
            self._waiting = (self._waiting or set()) - self._trusted
            run = self._newest_run(now, min(most, self._stretch))
            if run:
                await self._roll(run, now)
            return len(run)

    async def distrust(self, start_ms: int, end_ms: int) -> int:
        """Let every hour of the range be rolled anew, after readings were removed past this program; how many hours.

        Until then it is answered from its readings.
        """
        await self._find_waiting(self._clock())
        hours = sorted(hour for hour in self._rolled if start_ms - HOUR_MS < hour < end_ms)
        for start in range(0, len(hours), STRETCH_MAX):
            some = hours[start : start + STRETCH_MAX]
            await self._send(figures.marks(some, rolled_ms=0))
            for hour in some:
                await self._forget(hour)
        self._trusted.difference_update(hours)
        self._rolled.update(dict.fromkeys(hours, 0))
        assert self._waiting is not None
        self._waiting.update(hours)
        return len(hours)

    async def _forget(self, hour: int) -> None:
        condition = influxql.where(hour, hour + HOUR_MS)
        gone: dict[str, Hours] = {}
        for table in await self._ask(figures.of_every_figure(condition)):
            if sensor := table.tags.get("sensor"):
                gone.setdefault(table.name, {})[sensor] = list(numbers(table))
        for name, hours in gone.items():
            for body in figures.nothing(name.removeprefix(f"{figures.MARKS}_"), hours):
                await self._send(body)

    async def _find_waiting(self, now: int) -> None:
        edge = (now - HOUR_MS - QUIET_MS) // HOUR_MS * HOUR_MS + HOUR_MS
        if self._waiting is None:
            await self._refresh()
            oldest = await self._oldest(now)
            self._known_to = oldest - oldest % HOUR_MS
            self._waiting = {hour for hour in self._touched if hour not in self._trusted}
            self._waiting |= set(range(self._known_to, edge, HOUR_MS)) - self._trusted
        else:
            self._waiting |= set(range(self._known_to, edge, HOUR_MS)) - self._trusted
        self._known_to = max(self._known_to, edge)

    async def _oldest(self, now: int) -> int:
        try:
            tables = await self._ask(figures.first_reading(influxql.EVERY_QUANTITY, influxql.where(0, now)))
        except StoreUnavailableError as error:
            if not _is_refusal(error):
                raise
            log.info("figures of new hours only: the oldest reading is not told", reason=str(error))
            return now
        times = (row[0] for table in tables for row in table.values)
        return min((int(time) for time in times if isinstance(time, float)), default=now)

    def _newest_run(self, now: int, most: int) -> list[int]:
        waiting, touched, quiet = self._waiting or set(), self._touched, now - QUIET_MS
        last = now - HOUR_MS - QUIET_MS
        ready = {hour for hour in waiting if hour <= last and touched.get(hour, 0) <= quiet}
        if not ready:
            return []
        newest = max(ready)
        run = [newest]
        while len(run) < most and run[-1] - HOUR_MS in ready:
            run.append(run[-1] - HOUR_MS)
        return run[::-1]

    async def _roll(self, run: Sequence[int], now: int) -> None:
        start_ms, end_ms = run[0], run[-1] + HOUR_MS
        found = await basic(self._ask, influxql.EVERY_QUANTITY, BASIC, start_ms, end_ms)
        for quantity, hours in found.items():
            await self._put(quantity, BASIC, hours)
            own = figures.extra(quantity)
            if own is not None:
                more = await hours_of(self._ask, own, quantity, start_ms, end_ms)
                await self._put(quantity, FIELDS[own], more)
        await self._send(figures.marks(run, rolled_ms=now))
        assert self._waiting is not None
        for hour in run:
            self._waiting.discard(hour)
            if self._touched.get(hour, 0) < now:
                self._rolled[hour] = now
                self._trusted.add(hour)
            else:  # by a reading that came meanwhile
                self._waiting.add(hour)
        rows = sum(len(one) for hours in found.values() for one in hours.values())
        if rows > ROWS_MAX:
            self._stretch = max(1, self._stretch // 2)
        elif 2 * rows <= ROWS_MAX:
            self._stretch = min(STRETCH_MAX, 2 * self._stretch)

    async def _put(self, quantity: str, names: Sequence[str], hours: Hours) -> None:
        for body in figures.bodies(quantity, names, hours):
            await self._send(body)


def _is_refusal(error: StoreUnavailableError) -> bool:
    """InfluxDB 3 Core opens only so many files for one question."""
    return isinstance(error.__cause__, QueryRefusedError)
