"""The token bucket: never more than it holds, refilled by time, one caller does not take from another."""

from hypothesis import given
from hypothesis import strategies as st

from api.limits import CALLERS, Limiter


def test_a_full_bucket_then_one_every_so_often() -> None:
    limiter = Limiter(60)
    assert [limiter.take("a", 0).allowed for _ in range(61)] == [True] * 60 + [False]
    refused = limiter.take("a", 500)
    assert (refused.allowed, refused.retry_s, refused.remaining) == (False, 1, 0)
    assert limiter.take("a", 1000).allowed
    assert limiter.take("b", 1000).remaining == 59


@given(st.lists(st.integers(0, 5000), max_size=200), st.integers(1, 100))
def test_no_minute_has_more_than_twice_the_limit(gaps: list[int], limit: int) -> None:
    limiter, now, passed = Limiter(limit), 0, []
    for gap in gaps:
        now += gap
        if limiter.take("a", now).allowed:
            passed.append(now)
    assert passed[:1] == gaps[:1]
    for first in passed:
        assert sum(first <= at < first + 60_000 for at in passed) <= 2 * limit


def test_a_clock_that_steps_back_gives_nothing() -> None:
    limiter = Limiter(1)
    assert limiter.take("a", 100_000).allowed
    assert not limiter.take("a", 0).allowed


def test_the_callers_remembered_are_bounded() -> None:
    limiter = Limiter(1)
    for number in range(CALLERS + 10):
        limiter.take(str(number), 0)
    assert len(limiter._callers) == CALLERS
