"""Keeps the gateway's time: hears the sources of `edge.clock`, tells everybody what time it is, records what happens to it."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import structlog

from edge.clock import Clock, ClockEvent, Kind, Rung
from edge.drivers.nmea import fix
from edge.hostclock import Host
from edge.journalthread import JournalThread
from edge.settings import ClockSettings
from telemetry.messages import ClockState

LOOK_EVERY_S = 1.0
EVENTS_MAX = 256  # not yet in the journal, which cannot be written perhaps; the oldest go

log = structlog.get_logger(__name__)
WORDS = {
    Kind.TRUSTED: "clock trusted",
    Kind.CORRECTED: "clock corrected",
    Kind.STEPPED: "system clock stepped, readings keep their time",
    Kind.REFUSED: "clock source tells an impossible time",
}


class Timekeeper:
    """The one clock of an agent. `moved` is set, and `moves` counts, whenever a source is trusted or corrects the clock."""

    name = "clock"

    def __init__(self, settings: ClockSettings, host: Host) -> None:
        self._clock: Clock = settings.clock()
        self._host = host
        self._events: deque[ClockEvent] = deque(maxlen=EVENTS_MAX)
        self._writing = asyncio.Lock()  # the clock's own loop writes, and whoever dates readings
        self.moved = asyncio.Event()
        self.moves = 0

    @property
    def boot_id(self) -> str:
        """Of this boot."""
        return self._host.boot_id

    @property
    def trusted(self) -> bool:
        """Can readings be dated?"""
        return self._clock.offset_ms is not None

    def now_ms(self) -> int:
        """Unix ms, or an undated instant of `edge.clock`."""
        return self._clock.now(self._host.uptime_ms())

    def date(self, at_ms: int) -> int:
        """See Clock.date."""
        return self._clock.date(at_ms)

    def boot_start_ms(self) -> int:
        """Unix ms when this boot began; only while `trusted`."""
        return self._clock.now(0)

    def resume(self, source: str, offset_ms: int) -> None:
        """An earlier life of the agent in this boot knew the time."""
        if source in list(Rung) and self._clock.resume(Rung(source), offset_ms, self._host.uptime_ms()):
            log.info("clock trusted as before", source=source)
            self._moved()

    def look(self) -> None:
        """Read the host's clocks."""
        uptime_ms, wall_ms = self._host.instant()
        synchronised = self._host.synchronised()
        self._take(self._clock.hear_system(wall_ms - uptime_ms, uptime_ms, synchronised=synchronised))

    def hear(self, rung: Rung, time_ms: int) -> None:
        """A source says what time it is now; 0 or less: it does not know either."""
        if time_ms > 0:
            uptime_ms = self._host.uptime_ms()
            self._take(self._clock.hear(rung, time_ms - uptime_ms, uptime_ms))

    def hear_gnss(self, fields: Mapping[str, Any]) -> None:
        """A sentence of the gateway's own receiver, just read."""
        found = fix(fields)
        if found is not None and found.valid and found.time_ms is not None:
            self.hear(Rung.GNSS, found.time_ms)

    def state(self, undated: int) -> ClockState:
        """For the state topic; `undated` readings wait in the journal."""
        clock = self._clock
        return ClockState(
            source=clock.source.value if clock.source else "",
            since_ms=clock.since_ms,
            ahead_ms=clock.ahead_ms,
            steps=clock.steps,
            corrections=clock.corrections,
            undated=undated,
        )

    async def run(self, journal: JournalThread) -> None:
        """Look once a second and write down what happens, for ever."""
        while True:
            self.look()
            await self.write(journal)
            await asyncio.sleep(LOOK_EVERY_S)

    async def write(self, journal: JournalThread) -> None:
        """What happened into the journal; what it cannot take now waits."""
        async with self._writing:
            events = tuple(self._events)
            if events and await journal.note(self.boot_id, events):
                written = set(map(id, events))  # of which the oldest may have gone meanwhile
                while self._events and id(self._events[0]) in written:
                    self._events.popleft()

    def _take(self, events: list[ClockEvent]) -> None:
        for event in events:
            tell = log.info if event.kind is Kind.TRUSTED else log.warning
            tell(WORDS[event.kind], source=event.source.value, change_ms=event.change_ms)
            if event.kind in (Kind.TRUSTED, Kind.CORRECTED):
                self._moved()
        self._events.extend(events)

    def _moved(self) -> None:
        self.moves += 1
        self.moved.set()
