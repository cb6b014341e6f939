"""Is it the gateways' clocks that are wrong, or the hub's? Pure: what they say comes in, a suspicion goes out.

A heartbeat says what time its gateway has. When more than a third of the gateways, and three at least, are further from the
hub's clock than the window that readings may lie in, the hub suspects itself. What a gateway said is kept against the hub's
monotonic clock, so that a step of the hub's wall clock shows at once, without a new heartbeat.

A gateway that has its time from the hub itself is a witness of what the hub said before, no more. Such witnesses alone hold
it for FOLLOWERS_S: long enough for somebody to set a wrong clock right; when the earlier time was the wrong one, they follow.
"""

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

FRESH_S = 30.0  # heartbeats come every 5 s
AT_LEAST = 3
FOLLOWERS_S = 300.0
HOLD_S = 10.0  # from its start on, and from every connection, the hub waits so long for heartbeats before it judges a time


class _Heard(NamedTuple):
    """Unix ms of a gateway's clock at 0 of the hub's monotonic one, when it was heard there, and whether it follows the hub."""

    offset_ms: float
    at_s: float
    follows: bool


class HubClock:
    """What gateways say against the hub's wall clock `now_ms`, at `at_s` of its monotonic clock."""

    def __init__(self, *, tolerance_ms: int, hold_s: float = HOLD_S) -> None:
        self._tolerance_ms, self._hold_s = tolerance_ms, hold_s
        self._heard: dict[str, _Heard] = {}
        self._began_s = 0.0
        self._followers_since_s: float | None = None
        self.suspect = False

    def begin(self, at_s: float) -> None:
        """The hub hears (again) from now on."""
        self._began_s = at_s

    def heard(self, gateway: str, their_ms: int, at_s: float, *, follows: bool = False) -> None:
        """A heartbeat arrived, fresh; `their_ms` is the time of its gateway, which `follows` the hub's or has its own."""
        self._heard[gateway] = _Heard(their_ms - at_s * 1000, at_s, follows)

    def left(self, gateway: str) -> None:
        """The gateway is gone: it has no say."""
        self._heard.pop(gateway, None)

    def ahead_ms(self, now_ms: int, at_s: float) -> dict[str, float]:
        """How far each gateway that was heard lately is ahead of the hub."""
        hub_ms = now_ms - at_s * 1000
        return {
            gateway: offset_ms - hub_ms
            for gateway, (offset_ms, heard_s, _) in self._heard.items()
            if at_s - heard_s <= FRESH_S
        }

    def look(self, now_ms: int, at_s: float) -> bool:
        """Does the hub suspect its own clock? When nobody is heard, as before."""
        known = self.ahead_ms(now_ms, at_s)
        if known:
            own = {gateway: ahead for gateway, ahead in known.items() if not self._heard[gateway].follows}
            self.suspect = self._too_many(own) or self._held_by_followers(self._too_many(known), at_s)
        return self.suspect

    def _too_many(self, known: dict[str, float]) -> bool:
        wrong = len(list(self._wrong(known)))
        return wrong >= AT_LEAST and wrong * 3 > len(known)

    def _held_by_followers(self, too_many: bool, at_s: float) -> bool:
        if not too_many:
            self._followers_since_s = None
            return False
        if self._followers_since_s is None:
            self._followers_since_s = at_s
        return at_s - self._followers_since_s < FOLLOWERS_S

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
