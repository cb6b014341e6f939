"""The public holidays of Viet Nam, as days since 1970: on them the city lives as on a Sunday. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache

import holidays

_FIRST = date(1970, 1, 1)


def holidays_vn(years: Iterable[int]) -> frozenset[int]:
    """Days since 1970-01-01, substitute days included."""
    return frozenset((day - _FIRST).days for day in holidays.country_holidays("VN", years=list(years)))


def holidays_vn_around(now_ms: int) -> frozenset[int]:
    """Those of last year, this year and the five after it: a hub runs long."""
    year = datetime.fromtimestamp(now_ms / 1000, UTC).year
    return holidays_vn(range(year - 1, year + 6))


def names_vn(day: date) -> tuple[str, str]:
    """The day's name in English and in Vietnamese, "" and "" when it is no public holiday."""
    english, vietnamese = (_named(day.year, language).get(day, "") for language in ("en_US", "vi"))
    return english, vietnamese


@lru_cache(maxsize=32)
def _named(year: int, language: str) -> dict[date, str]:
    return dict(holidays.country_holidays("VN", years=year, language=language))
