"""The live feed: what was just stored, once a second, encoded once for all listeners.

At most one `readings` and one `anomaly` event a second. An event's id is `<epoch>-<counter>`; a listener that comes back
with the id of its last event gets what it missed, or one `reset` when that is too old or from another life of the hub.
Every listener has a bounded queue: one that does not keep up is told (`dropped`) and let go, the others never notice.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from telemetry.anomaly import Anomaly
from telemetry.reading import Reading

EVERY_S = 1.0
HISTORY = 120  # events kept for those who come back
BEHIND = 16  # events a listener may be behind
ANOMALIES = 200  # in one event; more replace the oldest
COUNTER_DIGITS = 18  # of an event's id


class Event(NamedTuple):
    """One event, ready for the wire."""

    id: str
    kind: str
    data: bytes

    def encode(self) -> bytes:
        """As server-sent events write it."""
        return b"event: %b\nid: %b\ndata: %b\n\n" % (self.kind.encode(), self.id.encode(), self.data)


class Latest(NamedTuple):
    """The newest reading of a series by its observation, and the site it came from."""

    site: str
    reading: Reading


class Feed:
    """`epoch` names this life of the hub. Not thread-safe: everything happens on one event loop."""

    def __init__(self, epoch: str) -> None:
        self._epoch, self._counter = epoch, 0
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._readings: dict[tuple[str, str], Latest] = {}
        self._anomalies: deque[Anomaly] = deque(maxlen=ANOMALIES)
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        self._latest: dict[tuple[str, str], Latest] = {}
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

    def anomaly(self, anomaly: Anomaly) -> None:
        """An anomaly opened, changed or closed."""
        self._anomalies.append(anomaly)

    def flush(self) -> list[Event]:
        """Make events of what has gathered and hand them to every listener."""
        events = []
        if self._readings:
            events.append(
                self._event("readings", [encode_latest(latest) for latest in self._readings.values()])
            )
            self._readings = {}
        if self._anomalies:
            newest = {anomaly.id: anomaly for anomaly in self._anomalies}
            events.append(self._event("anomaly", list(newest.values())))
            self._anomalies.clear()
        for event in events:
            self._history.append(event)
            for listener in list(self._listeners):
                self._offer(listener, event)
        return events

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
            listener.put_nowait(None)

    async def listen(
        self, last_id: str | None = None, *, idle_s: float = 15.0
    ) -> AsyncIterator[Event | None]:
        """Events from now on, after those missed since `last_id`; None after `idle_s` without one. Ends when let go."""
        if self._closed:
            return
        queue: asyncio.Queue[Event | None] = asyncio.Queue(BEHIND)
        missed = self._missed(last_id)
        self._listeners.add(queue)
        try:
            for event in missed:
                yield event
            while True:
                try:
                    item = await asyncio.wait_for(queue.get(), idle_s)
                except TimeoutError:
                    yield None
                    continue
                if item is None:
                    return
                yield item
                if item.kind == "dropped":
                    return
        finally:
            self._listeners.discard(queue)

    def _event(self, kind: str, content: Any) -> Event:
        self._counter += 1
        return Event(f"{self._epoch}-{self._counter}", kind, msgspec.json.encode(content))

    def _missed(self, last_id: str | None) -> list[Event]:
        if last_id is None:
            return []
        epoch, _, counter = last_id.rpartition("-")
        known = epoch == self._epoch and counter.isdecimal() and len(counter) <= COUNTER_DIGITS
        if known and int(counter) <= self._counter:
            missed = [event for event in self._history if _counter(event) > int(counter)]
            if len(missed) == self._counter - int(counter):
                return missed
        return [Event(f"{self._epoch}-{self._counter}", "reset", b"{}")]

    def _offer(self, listener: asyncio.Queue[Event | None], event: Event) -> None:
        if not listener.full():
            listener.put_nowait(event)
            return
        self.dropped += 1
        unheard = self._dismiss(listener)[0]
        heard = f"{self._epoch}-{_counter(unheard) - 1}"  # so that nothing is missed by coming back with it
        listener.put_nowait(Event(heard, "dropped", b'{"reason":"too slow"}'))

    def _dismiss(self, listener: asyncio.Queue[Event | None]) -> list[Event]:
        """Take the listener from the list and its events from the queue; the events."""
        self._listeners.discard(listener)
        events = []
        while not listener.empty():
            if (event := listener.get_nowait()) is not None:
                events.append(event)
        return events


def _counter(event: Event) -> int:
    return int(event.id.rpartition("-")[2])


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
