"""How long silence is believed: a connection that is up and brings nothing may be dead all the same. Pure."""


class Patience:
    """Ends `within_s` seconds after something was heard; each time it was in vain it doubles, up to `longest_s`.

    Nothing is expected before the first `heard`, unless it is `expected` from the start. Times are monotonic seconds.
    """

    def __init__(self, within_s: float, *, longest_s: float = 3600.0) -> None:
        self._first, self._wait, self._longest = within_s, within_s, longest_s
        self._since: float | None = None

    def heard(self, now: float) -> None:
        """Something came."""
        self._since, self._wait = now, self._first

    def expected(self, now: float) -> None:
        """From now on something should come."""
        self._since = now

    def resumed(self, now: float) -> None:
        """It could not come for a while, and can again."""
        if self._since is not None:
            self._since = now

    def silent_s(self, now: float) -> float:
        """For how long nothing came."""
        return 0.0 if self._since is None else now - self._since

    def is_over(self, now: float) -> bool:
        """Whether it is over; then it begins anew, twice as long."""
        if self._since is None or now - self._since <= self._wait:
            return False
        self._since, self._wait = now, min(self._longest, self._wait * 2)
        return True
