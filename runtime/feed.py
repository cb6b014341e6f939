"""The live feed: what was just stored, once a second, encoded once for all listeners.

At most one event of a kind (`readings`, `anomaly`, `alarm`) and two in all a second; a listener may want only a part of
them. An event's id is `<epoch>-<counter>`; a listener that comes back with the id of its last event gets what it missed, or
one `reset` when that is too old or from another life of the hub.
Every listener has a bounded queue: one that does not keep up is told (`dropped`) and let go, the others never notice.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from runtime.events import ALARM, ANOMALY, DROPPED, EVERYTHING, READINGS, RESET, Event, News, Only, Part
from telemetry.alarm import Alarm
from telemetry.anomaly import Anomaly
from telemetry.reading import Reading

EVERY_S = 1.0
HISTORY = 120  # events kept for those who come back
HISTORY_BYTES = 32 * 1024 * 1024  # and no more than this, but always the newest
BEHIND = 16  # events a listener may be behind
ANOMALIES = 200  # in one event; more replace the oldest
COUNTER_DIGITS = 18  # of an event's id

__all__ = ["Event", "Feed", "Latest", "Only", "encode_latest"]


class Latest(NamedTuple):
    """The newest reading of a series by its observation, and the site it came from."""

    site: str
    reading: Reading


class _Listener:
    """One listener's place in the feed."""

    __slots__ = ("only", "queue")

    def __init__(self, only: Only) -> None:
        self.only = only
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue(BEHIND)


class Feed:
    """`epoch` names this life of the hub. Not thread-safe: everything happens on one event loop."""

    def __init__(self, epoch: str) -> None:
        self._epoch, self._counter = epoch, 0
        self._history: deque[News] = deque(maxlen=HISTORY)
        self._history_bytes = 0
        self._readings: dict[tuple[str, str], Latest] = {}
        self._anomalies: deque[Anomaly] = deque(maxlen=ANOMALIES)
        self._alarms: deque[Alarm] = deque(maxlen=ANOMALIES)
        self._listeners: set[_Listener] = set()
        self._latest: dict[tuple[str, str], Latest] = {}
        self._waits = ANOMALY
        self._closed = False
        self.dropped = 0

    @property
    def listeners(self) -> int:
        """How many are listening."""
        return len(self._listeners)

    @property
    def latest(self) -> Mapping[tuple[str, str], Latest]:
        """The newest reading of each series since the hub began, with what `remember` was told."""
        return self._latest

    def remember(self, items: Sequence[tuple[str, Reading]]) -> None:
        """(site, reading) pairs from the store: known as the latest, but no news."""
        for site, reading in items:
            known = self._latest.get(reading.series)
            if known is None or known.reading.observed_at < reading.observed_at:
                self._latest[reading.series] = Latest(site, reading)

    def stored(self, items: Sequence[tuple[str, Reading]]) -> None:
        """(site, reading) pairs that were just stored; only what is newer than the latest becomes news."""
        for site, reading in items:
            known = self._latest.get(reading.series)
            if known is None or known.reading.observed_at < reading.observed_at:
                self._latest[reading.series] = self._readings[reading.series] = Latest(site, reading)

    def amend(self, items: Sequence[tuple[str, Reading]]) -> None:
        """(site, reading) pairs as they are read now: where the latest has become another value, that is news."""
        for site, reading in items:
            known = self._latest.get(reading.series)
            if (
                known is not None
                and known.reading.observed_at == reading.observed_at
                and known.reading != reading
            ):
                self._latest[reading.series] = self._readings[reading.series] = Latest(site, reading)

    def anomaly(self, anomaly: Anomaly) -> None:
        """An anomaly opened, changed or closed."""
        self._anomalies.append(anomaly)

    def alarm(self, alarm: Alarm) -> None:
        """An alarm opened, changed, was acknowledged or closed."""
        self._alarms.append(alarm)

    @property
    def position(self) -> str:
        """The id of the newest event."""
        return f"{self._epoch}-{self._counter}"

    def flush(self) -> list[Event]:
        """Make events of what has gathered and hand every listener its part; the events as who wants everything has them."""
        news = []
        crowded = bool(self._readings and self._anomalies and self._alarms)
        if crowded:  # two events a second at most: the one that went last time waits
            self._waits = ALARM if self._waits == ANOMALY else ANOMALY
        if self._readings:
            news.append(self._news(READINGS, [_reading_part(latest) for latest in self._readings.values()]))
            self._readings = {}
        if self._anomalies and not (crowded and self._waits == ANOMALY):
            newest = {anomaly.id: anomaly for anomaly in self._anomalies}
            news.append(self._news(ANOMALY, [_anomaly_part(anomaly) for anomaly in newest.values()]))
            self._anomalies.clear()
        if self._alarms and not (crowded and self._waits == ALARM):
            alarms = {alarm.id: alarm for alarm in self._alarms}
            news.append(self._news(ALARM, [_alarm_part(alarm) for alarm in alarms.values()]))
            self._alarms.clear()
        for one in news:
            self._keep(one)
            for listener in list(self._listeners):
                event = one.select(listener.only)
                if event is not None:
                    self._offer(listener, event)
        return [event for one in news if (event := one.select(EVERYTHING)) is not None]

    def _keep(self, news: News) -> None:
        if self._history:
            self._history[-1].forget()
            if len(self._history) == HISTORY:
                self._history_bytes -= self._history.popleft().bytes
        self._history.append(news)
        self._history_bytes += news.bytes
        while self._history_bytes > HISTORY_BYTES and len(self._history) > 1:
            self._history_bytes -= self._history.popleft().bytes

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.flush()

    def close(self) -> None:
        """Let every listener go, those that still come too: the hub stops."""
        self._closed = True
        for listener in list(self._listeners):
            self._dismiss(listener)
            listener.queue.put_nowait(None)

    async def listen(
        self, last_id: str | None = None, *, only: Only = EVERYTHING, idle_s: float = 15.0
    ) -> AsyncIterator[Event | None]:
        """Events from now on, after those missed since `last_id`; None after `idle_s` without one. Ends when let go."""
        if self._closed:
            return
        listener = _Listener(only)
        missed = self._missed(last_id, only)
        self._listeners.add(listener)
        try:
            for event in missed:
                yield event
            while True:
                try:
                    item = await asyncio.wait_for(listener.queue.get(), idle_s)
                except TimeoutError:
                    yield None
                    continue
                if item is None:
                    return
                yield item
                if item.kind == DROPPED:
                    return
        finally:
            self._listeners.discard(listener)

    def _news(self, kind: str, parts: Sequence[Part]) -> News:
        self._counter += 1
        return News(self._counter, self.position, kind, parts)

    def _missed(self, last_id: str | None, only: Only) -> list[Event]:
        if last_id is None:
            return []
        epoch, _, text = last_id.rpartition("-")
        if epoch == self._epoch and text.isdecimal() and len(text) <= COUNTER_DIGITS:
            heard = int(text)
            missed = [news for news in self._history if news.counter > heard]
            if len(missed) == self._counter - heard:
                return [event for news in missed if (event := news.select(only)) is not None]
        return [Event(self.position, RESET, b"{}")]

    def _offer(self, listener: _Listener, event: Event) -> None:
        if not listener.queue.full():
            listener.queue.put_nowait(event)
            return
        self.dropped += 1
        unheard = self._dismiss(listener)[0]
        heard = f"{self._epoch}-{_counter(unheard) - 1}"  # so that nothing is missed by coming back with it
        listener.queue.put_nowait(Event(heard, DROPPED, b'{"reason":"too slow"}'))

    def _dismiss(self, listener: _Listener) -> list[Event]:
        """Take the listener from the list and its events from the queue; the events."""
        self._listeners.discard(listener)
        events = []
        while not listener.queue.empty():
            if (event := listener.queue.get_nowait()) is not None:
                events.append(event)
        return events


def _counter(event: Event) -> int:
    return int(event.id.rpartition("-")[2])


def _reading_part(latest: Latest) -> Part:
    reading = latest.reading
    return Part(reading.sensor, latest.site, reading.quantity, "", msgspec.json.encode(encode_latest(latest)))


def _anomaly_part(anomaly: Anomaly) -> Part:
    return Part(anomaly.sensor, anomaly.site, anomaly.quantity, anomaly.kind, msgspec.json.encode(anomaly))


def _alarm_part(alarm: Alarm) -> Part:
    return Part(alarm.sensors[0], alarm.site, alarm.quantity, ALARM, msgspec.json.encode(alarm))


def encode_latest(latest: Latest) -> dict[str, object]:
    """A reading as the live feed and /v1/latest show it; `t` in ms since 1970."""
    reading = latest.reading
    return {
        "sensor": reading.sensor,
        "site": latest.site,
        "quantity": reading.quantity,
        "t": reading.observed_at,
        "value": reading.value,
        "flags": reading.flags,
    }
