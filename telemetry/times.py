"""Times as people and programs write them, and the hour of the city. Pure."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
CITY_OFFSET_MS = 7 * HOUR_MS
# Asia/Ho_Chi_Minh: no daylight saving since 1975.
CITY_ZONE = timezone(timedelta(milliseconds=CITY_OFFSET_MS))
LAST_MS = 253_370_764_799_999  # the end of the year 9998
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(text: str, zone: tzinfo | None = None) -> int:
    """ISO 8601 as ms since 1970; text without a zone is of `zone`. Raises ValueError, also where no zone is known."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        date = "2026-11-23 or " if zone else ""
        raise ValueError(f"{text!r} is no time like {date}2026-11-23T08:00:00+07:00") from None
    if instant.tzinfo is None:
        if zone is None:
            raise ValueError(f"{text!r} has no zone: add Z or +07:00")
        instant = instant.replace(tzinfo=zone)
    found = (instant - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= found <= LAST_MS:
        raise ValueError(f"{text!r} is before 1970 or after 9998")
    return found


@lru_cache(maxsize=65_536)
def rfc3339(ms: int) -> str:
    """For programs: UTC with milliseconds and Z."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").removesuffix(
        "+00:00"
    ) + "Z"


def midnight_ms(day: date) -> int:
    """When the city's day begins."""
    return (datetime(day.year, day.month, day.day, tzinfo=CITY_ZONE) - _EPOCH) // timedelta(milliseconds=1)


def city_date(ms: int) -> date:
    """The city's day of an instant."""
    return datetime.fromtimestamp(ms // 1000, CITY_ZONE).date()


def city_time(ms: int) -> str:
    """For people who may read it elsewhere: the city's time to the second, with its zone."""
    return datetime.fromtimestamp(ms // 1000, CITY_ZONE).isoformat()
