"""What is usual for a series in one hour, as it is asked for and drawn."""

from typing import NamedTuple


class UsualHour(NamedTuple):
    """The hour that begins at `start_ms`, in the quantity's unit; None while that is not learned. `holiday` is the day's name
    in English and in Vietnamese, "" on other days."""

    start_ms: int
    low: float | None
    expected: float | None
    high: float | None
    holiday: str = ""
    holiday_vi: str = ""
