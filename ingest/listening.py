"""Since when the hub hears without a break. Pure; times are the hub's clock in ms.

While it is deaf (no broker, no store) nobody is judged, and afterwards everybody gets a fresh start. Another process life that
begins soon after the one before goes on where that stopped, and the pause between them counts for nobody.
"""

from typing import NamedTuple

PAUSE_MS = 30_000  # a stop of the hub that is no longer is no break
PAUSES = 8  # are remembered


class Pause(NamedTuple):
    """The hub was not there for so long."""

    end_ms: int
    lasted_ms: int


class Span(NamedTuple):
    """What a process life leaves to the next: it heard from then to then, but for the pauses."""

    since_ms: int
    until_ms: int
    pauses: list[Pause]


class Listening:
    """`since_ms` is None while the hub is deaf."""

    def __init__(self) -> None:
        self.since_ms: int | None = None
        self.beats_since_ms = 0  # the same for heartbeats, of which the store holds none
        self._pauses: list[Pause] = []
        self._left: Span | None = None  # when it became deaf, or by the process life before
        self._is_new = True  # it has not heard anything in this process life
        self._relived_ms = 0

    def resume(self, span: Span) -> None:
        """Before the first `begin`: what the life before this one left."""
        if self._is_new:
            self._left, self._pauses = span, span.pauses

    def lived_ms(self) -> int | None:
        """Since when the life before this one heard, before the first `begin`; None where nothing is known of it."""
        return self._left.since_ms if self._is_new and self._left is not None else None

    def relived(self, at_ms: int) -> None:
        """It has heard something at that time, after it had written down what it leaves: it was killed."""
        self._relived_ms = max(self._relived_ms, at_ms)

    def begin(self, at_ms: int) -> None:
        """The hub hears (again) from now on."""
        if self.since_ms is not None:
            return
        self.since_ms = self.beats_since_ms = at_ms
        if self._is_new and self._left is not None:
            until_ms = max(self._left.until_ms, min(self._relived_ms, at_ms))
            if 0 <= at_ms - until_ms <= PAUSE_MS:
                self.since_ms = self._left.since_ms
                if until_ms == self._left.until_ms:
                    self.beats_since_ms = self.since_ms
                self._pauses = [*self._pauses, Pause(at_ms, at_ms - until_ms)][-PAUSES:]
        self._is_new = False

    def end(self, at_ms: int) -> None:
        """It hears nothing any more."""
        self._left = self.leaves(at_ms)
        self.since_ms = None

    def leaves(self, now_ms: int) -> Span | None:
        """To be kept for the next life; None when there is nothing to say."""
        return self._left if self.since_ms is None else Span(self.since_ms, now_ms, self._pauses)

    def quiet_ms(self, from_ms: int, now_ms: int) -> int:
        """How long somebody has said nothing to a hub that was there."""
        return now_ms - from_ms - sum(one.lasted_ms for one in self._pauses if one.end_ms > from_ms)
