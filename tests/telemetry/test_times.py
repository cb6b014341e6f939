"""Times: what is read is what was written, to the millisecond, and what is no time says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.times import CITY_ZONE, DAY_MS, LAST_MS, city_date, city_time, midnight_ms, read, rfc3339


@given(st.integers(0, LAST_MS))
def test_what_is_written_is_read_again(ms: int) -> None:
    assert read(rfc3339(ms)) == ms
    assert read(city_time(ms)) == ms - ms % 1000


def test_the_zone_is_the_texts_own_or_the_one_given() -> None:
    assert read("2026-11-23T08:00:00+07:00", CITY_ZONE) == read("2026-11-23T01:00:00Z", CITY_ZONE)
    assert read("2026-11-23", CITY_ZONE) == read("2026-11-22T17:00:00Z")
    assert city_time(read("2026-11-22T17:00:00Z")) == "2026-11-23T00:00:00+07:00"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yesterday", "is no time like"),
        ("2026-11-23T08:00:00", "has no zone"),
        ("1969-12-31T23:59:59Z", "before 1970"),
        ("9999-12-31T23:59:59Z", "after 9998"),
        ("0001-01-01T00:00:00+14:00", "before 1970"),
    ],
)
def test_what_is_no_time_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(text)


@given(st.integers(0, LAST_MS))
def test_a_day_of_the_city_begins_at_its_midnight(ms: int) -> None:
    begins = midnight_ms(city_date(ms))
    assert begins <= ms < begins + DAY_MS
    assert city_time(begins).endswith("T00:00:00+07:00")
