"""Rate limits: a token bucket for each caller, and the headers that tell of it. Pure.

The headers are those of draft-ietf-httpapi-ratelimit-headers (RateLimit-Limit, -Remaining, -Reset, seconds) and Retry-After.
"""

import math
from collections import OrderedDict
from typing import NamedTuple

CALLERS = 10_000  # remembered; above it the one not seen for longest is forgotten


class Verdict(NamedTuple):
    """Whether a request may pass, and what its answer says about the next ones."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int  # until the bucket is full again
    retry_s: int  # until one request is allowed; 0 when this one is

    def headers(self) -> list[tuple[bytes, bytes]]:
        """As they go into the answer."""
        found = [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset_s),
        ]
        return found if self.allowed else [*found, (b"retry-after", b"%d" % self.retry_s)]


class Limiter:
    """`per_minute` requests a minute for each caller, as many at once when it was quiet before."""

    def __init__(self, per_minute: int) -> None:
        self._limit, self._per_ms = per_minute, per_minute / 60_000
        self._callers: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, caller: str, now_ms: int) -> Verdict:
        """One request of this caller now. A clock that steps back gives nothing and takes nothing."""
        tokens, seen_ms = self._callers.pop(caller, (float(self._limit), now_ms))
        tokens = min(self._limit, tokens + max(0, now_ms - seen_ms) * self._per_ms)
        allowed = tokens >= 1
        if allowed:
            tokens -= 1
        self._callers[caller] = (tokens, now_ms)
        if len(self._callers) > CALLERS:
            self._callers.popitem(last=False)
        return Verdict(
            allowed,
            self._limit,
            int(tokens),
            math.ceil((self._limit - tokens) / self._per_ms / 1000),
            0 if allowed else max(1, math.ceil((1 - tokens) / self._per_ms / 1000)),
        )
