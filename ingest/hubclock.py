"""Is it the gateways' clocks that are wrong, or the hub's? Pure: what they say comes in, a suspicion goes out.

A heartbeat says what time its gateway has. When more than a third of the gateways, and three at least, are further from the
hub's clock than the window that readings may lie in, the hub suspects itself. What a gateway said is kept against the hub's
monotonic clock, so that a step of the hub's wall clock shows at once, without a new heartbeat.
"""

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

FRESH_S = 30.0  # heartbeats come every 5 s
AT_LEAST = 3
HOLD_S = 10.0  # from its start on, and from every connection, the hub waits so long for heartbeats before it judges a time


class _Heard(NamedTuple):
    """Unix ms of a gateway's clock at 0 of the hub's monotonic one, and when it was heard there."""

    offset_ms: float
    at_s: float


class HubClock:
    """What gateways say against the hub's wall clock `now_ms`, at `at_s` of its monotonic clock."""

    def __init__(self, *, tolerance_ms: int, hold_s: float = HOLD_S) -> None:
        self._tolerance_ms, self._hold_s = tolerance_ms, hold_s
        self._heard: dict[str, _Heard] = {}
        self._began_s = 0.0
        self.suspect = False

    def begin(self, at_s: float) -> None:
        """The hub hears (again) from now on."""
        self._began_s = at_s

    def heard(self, gateway: str, their_ms: int, at_s: float) -> None:
        """A heartbeat arrived, fresh; `their_ms` is the time of its gateway."""
        self._heard[gateway] = _Heard(their_ms - at_s * 1000, at_s)

    def left(self, gateway: str) -> None:
        """The gateway is gone: it has no say."""
        self._heard.pop(gateway, None)

    def ahead_ms(self, now_ms: int, at_s: float) -> dict[str, float]:
        """How far each gateway that was heard lately is ahead of the hub."""
        hub_ms = now_ms - at_s * 1000
        return {
            gateway: offset_ms - hub_ms
            for gateway, (offset_ms, heard_s) in self._heard.items()
            if at_s - heard_s <= FRESH_S
        }

    def look(self, now_ms: int, at_s: float) -> bool:
        """Does the hub suspect its own clock? When nobody is heard, as before."""
        known = self.ahead_ms(now_ms, at_s)
        if known:
            wrong = len(list(self._wrong(known)))
            self.suspect = wrong >= AT_LEAST and wrong * 3 > len(known)
        return self.suspect

    def may_judge(self, now_ms: int, at_s: float) -> bool:
        """May a reading be refused for its time? Not while it could be the hub that is wrong."""
        if self.look(now_ms, at_s):
            return False
        return len(self.ahead_ms(now_ms, at_s)) >= AT_LEAST or at_s - self._began_s >= self._hold_s

    def alone(self, now_ms: int, at_s: float) -> list[str]:
        """The gateways that look wrong while the hub does not suspect itself."""
        return [] if self.suspect else sorted(self._wrong(self.ahead_ms(now_ms, at_s)))

    def off_ms(self, now_ms: int, at_s: float) -> int:
        """How far the gateways are ahead of the hub, in the middle; 0 when nobody is heard."""
        known = self.ahead_ms(now_ms, at_s)
        return round(median(known.values())) if known else 0

    def _wrong(self, known: dict[str, float]) -> Iterator[str]:
        return (gateway for gateway, ahead in known.items() if abs(ahead) > self._tolerance_ms)
