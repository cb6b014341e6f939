"""The account of one process life: what came in and what became of it.

Conservation, checked by `balanced` and by every test of the pipeline:
messages received = decoded + quarantined + refused + waiting in the queue;
readings decoded = stored + duplicate + quarantined + in flight.
"""

from collections import deque
from collections.abc import Mapping, Sequence

RING = 4096


class Latencies:
    """The newest `capacity` delays in ms from observation to commit, of live readings only."""

    def __init__(self, capacity: int = RING) -> None:
        self._ring: deque[int] = deque(maxlen=capacity)

    def add(self, delay_ms: int) -> None:
        """One delay; the oldest goes when the ring is full."""
        self._ring.append(delay_ms)

    def extend(self, delays_ms: Sequence[int]) -> None:
        """Several; of more than the ring holds the last."""
        self._ring.extend(delays_ms)

    def quantile(self, share: float) -> float | None:
        """The nearest-rank quantile in ms (`share` in 0..1); None while nothing was measured."""
        if not self._ring:
            return None
        ordered = sorted(self._ring)
        return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])

    def p50(self) -> float | None:
        """The median in ms."""
        return self.quantile(0.50)

    def p99(self) -> float | None:
        """What one reading in a hundred exceeds, in ms."""
        return self.quantile(0.99)


class Account:
    """Counters that only rise, but for the two of what is inside: messages waiting, readings in flight."""

    def __init__(self) -> None:
        self.messages_received = 0  # packs that came, whatever became of them
        self.messages_decoded = 0  # of them good packs
        self.messages_quarantined = 0  # of them set aside whole
        self.messages_refused = 0  # the queue was full: not acknowledged, so they come again
        self.messages_waiting = 0  # packs in the queue now
        self.readings_decoded = 0  # readings in good packs
        self.readings_stored = 0  # of them new in the store
        self.readings_duplicate = 0  # of them there already
        self.readings_quarantined = 0  # of them set aside, each with its reason
        self.readings_in_flight = 0  # readings on their way to the store now
        self.records_bad = 0  # records of good packs that are no readings; each is in quarantine
        self.manifests = 0  # a sensor's hour each, repeated ones included
        self.readings_late = 0  # arrived more than 60 s after their observation
        self.readings_flagged = 0  # stored with a flag of a detector
        self.packs_misplaced = 0  # the topic's partition does not fit the pack's site; accepted
        self.packs_acknowledged = 0  # packs whose gateway was told that they are stored
        self.control_received = 0  # births, states and manifests of gateways
        self.control_bad = 0  # of them unreadable
        self.anomalies_opened = 0  # episodes that began
        self.alarms_told = 0  # alarms that opened, changed, were acknowledged or closed
        self.notices_sent = 0  # alarms' states that a channel took
        self.notices_failed = 0  # tries that failed; each is made again
        self.notices_given_up = 0  # after a day
        self.commits = 0  # writes into the store
        self.outages = 0  # times the store or the book went away
        self.clock_suspected = 0  # times the hub's own clock was under suspicion
        self.links_mute = 0  # times the link was up and brought nothing while gateways should beat
        self.answers_dropped = 0  # acknowledgements the link could not take; the gateway asks again
        self.latencies = Latencies()

    def accepted(self) -> None:
        """A message of the up branch went into the queue."""
        self.messages_received += 1
        self.messages_waiting += 1

    def refused(self) -> None:
        """A message of the up branch found the queue full."""
        self.messages_received += 1
        self.messages_refused += 1

    def withdrawn(self, messages: int) -> None:
        """So many left the queue unread and unacknowledged: they come again."""
        self.messages_waiting -= messages
        self.messages_refused += messages

    def decoded(self, readings: int, bad: int) -> None:
        """A message left the queue as a pack of so many readings and bad records."""
        self.messages_waiting -= 1
        self.messages_decoded += 1
        self.readings_decoded += readings
        self.readings_in_flight += readings
        self.records_bad += bad

    def undecodable(self) -> None:
        """A message left the queue for the quarantine, whole."""
        self.messages_waiting -= 1
        self.messages_quarantined += 1

    def settled(self, readings: int, *, stored: int, duplicate: int, quarantined: int) -> None:
        """So many readings are no longer in flight, and this became of them."""
        self.readings_in_flight -= readings
        self.readings_stored += stored
        self.readings_duplicate += duplicate
        self.readings_quarantined += quarantined

    @property
    def balanced(self) -> bool:
        """Whether both conservation laws hold; they do at any moment."""
        messages = self.messages_decoded + self.messages_quarantined + self.messages_refused
        readings = self.readings_stored + self.readings_duplicate + self.readings_quarantined
        return (
            self.messages_received == messages + self.messages_waiting
            and self.readings_decoded == readings + self.readings_in_flight
        )

    def as_mapping(self) -> Mapping[str, int | float]:
        """Every counter by its name, and the two latencies in ms once they are known."""
        counters: dict[str, int | float] = {
            name: value for name, value in vars(self).items() if isinstance(value, int)
        }
        p50, p99 = self.latencies.p50(), self.latencies.p99()
        if p50 is not None and p99 is not None:
            counters |= {"latency_p50_ms": p50, "latency_p99_ms": p99}
        return counters
