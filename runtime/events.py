"""Events of the live feed: what one second brought, encoded once, and who wants to hear which part of it. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

READINGS, ANOMALY, ALARM, RESET, DROPPED = "readings", "anomaly", "alarm", "reset", "dropped"
SELECTIONS = 1024  # of one event kept encoded; a listener with yet another filter has its own encoded again


class Event:
    """One event, ready for the wire; each form is made once, when the first listener wants it."""

    __slots__ = ("_message", "_stream", "data", "id", "kind")

    def __init__(self, id: str, kind: str, data: bytes) -> None:  # noqa: A002  # the name of the field on the wire
        self.id, self.kind, self.data = id, kind, data
        self._stream = self._message = b""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and (self.id, self.kind, self.data) == (
            other.id,
            other.kind,
            other.data,
        )

    def __hash__(self) -> int:
        return hash((self.id, self.kind))

    def encode(self) -> bytes:
        """As server-sent events write it."""
        if not self._stream:
            self._stream = b"event: %b\nid: %b\ndata: %b\n\n" % (
                self.kind.encode(),
                self.id.encode(),
                self.data,
            )
        return self._stream

    def message(self) -> bytes:
        """As a WebSocket message: a JSON object with `event`, `id` and `data`."""
        if not self._message:
            self._message = b'{"event":"%b","id":"%b","data":%b}' % (
                self.kind.encode(),
                self.id.encode(),
                self.data,
            )
        return self._message


class Part(NamedTuple):
    """One reading, anomaly or alarm of an event, encoded."""

    sensor: str
    site: str
    quantity: str
    kind: str  # "" for a reading, `alarm` for an alarm, else the anomaly's
    data: bytes


class Only(NamedTuple):
    """What a listener wants; None is everything. `kinds` are `readings`, `anomaly`, `alarm`, or kinds of anomalies."""

    sensors: frozenset[str] | None = None
    sites: frozenset[str] | None = None
    quantities: frozenset[str] | None = None
    kinds: frozenset[str] | None = None

    def wants(self, part: Part) -> bool:
        """Whether this reading, anomaly or alarm is to be told."""
        return (
            (self.sensors is None or part.sensor in self.sensors)
            and (self.sites is None or part.site in self.sites)
            and (self.quantities is None or part.quantity in self.quantities)
            and (self.kinds is None or bool(_names(part) & self.kinds))
        )


def _names(part: Part) -> frozenset[str]:
    """What a filter may call it."""
    if part.kind in ("", ALARM):
        return frozenset({part.kind or READINGS})
    return frozenset({ANOMALY, part.kind})


EVERYTHING = Only()


class News:
    """What one flush brought of one kind."""

    def __init__(self, counter: int, id: str, kind: str, parts: Sequence[Part]) -> None:  # noqa: A002
        self.counter = counter
        self._id, self._kind, self._parts = id, kind, parts
        self._selections: dict[Only, Event | None] = {}
        self.bytes = sum(len(part.data) for part in parts)

    def forget(self) -> None:
        """Let the encoded selections go: who still comes for one has it made again."""
        self._selections.clear()

    def select(self, only: Only) -> Event | None:
        """The event for a listener; None when it has nothing for it."""
        if only in self._selections:
            return self._selections[only]
        wanted = [part.data for part in self._parts if only is EVERYTHING or only.wants(part)]
        event = Event(self._id, self._kind, b"[%b]" % b",".join(wanted)) if wanted else None
        if len(self._selections) < SELECTIONS:
            self._selections[only] = event
        return event
