"""Uplinks that come twice: a broker delivers again, a second gateway hears late, a device sends a frame once more. Pure."""

from collections import OrderedDict
from hashlib import blake2b

REMEMBERED = 4096
WINDOW_MS = 300_000


class Repeats:
    """Knows the last REMEMBERED uplinks by device, session, frame counter and payload.

    The same four again within WINDOW_MS of the first, by the network's time, is a repeat. A counter that falls back is
    none by itself: after a join the session is another, and a device that starts again without a join (activation by
    personalisation) counts from 0 with other payloads, or with the same one later.
    """

    def __init__(self, remembered: int = REMEMBERED, window_ms: int = WINDOW_MS) -> None:
        self._remembered, self._window_ms = remembered, window_ms
        self._first: OrderedDict[bytes, int] = OrderedDict()

    def is_repeat(self, device: str, session: str, counter: int, payload: bytes, time_ms: int) -> bool:
        """Whether this uplink was there already; remembers it when not."""
        said = f"{device}\0{session}\0{counter}\0".encode("utf-8", "surrogatepass") + payload
        key = blake2b(said, digest_size=16).digest()
        first = self._first.get(key)
        if first is not None and abs(time_ms - first) <= self._window_ms:
            return True
        self._first[key] = time_ms
        self._first.move_to_end(key)
        if len(self._first) > self._remembered:
            self._first.popitem(last=False)
        return False
