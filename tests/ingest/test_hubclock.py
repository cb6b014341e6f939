"""Whose clock is wrong: pure, with every clock told what to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.hubclock import FOLLOWERS_S, FRESH_S, HubClock

NOW = 1_790_000_000_000
DAY = 86_400_000
TOLERANCE = 300_000


def heard(ahead: dict[str, int], at_s: float = 100.0, now_ms: int = NOW) -> HubClock:
    clock = HubClock(tolerance_ms=TOLERANCE)
    for gateway, ms in ahead.items():
        clock.heard(gateway, now_ms + ms, at_s)
    return clock


def gateways(wrong: int, right: int, by: int = -DAY) -> dict[str, int]:
    return {f"w{i}": by for i in range(wrong)} | {f"r{i}": 0 for i in range(right)}


@pytest.mark.parametrize(
    ("wrong", "right", "suspect"),
    [
        (0, 12, False),
        (1, 11, False),
        (4, 8, False),
        (5, 7, True),
        (12, 0, True),
        (2, 0, False),
        (3, 0, True),
        (3, 6, False),
        (3, 5, True),
    ],
)
@pytest.mark.parametrize("by", [-DAY, DAY, TOLERANCE + 1, -TOLERANCE - 1])
def test_more_than_a_third_and_three_at_least(wrong: int, right: int, by: int, suspect: bool) -> None:
    clock = heard(gateways(wrong, right, by))
    assert clock.look(NOW, 100.0) is suspect
    assert clock.alone(NOW, 100.0) == ([] if suspect else [f"w{i}" for i in range(wrong)])


def test_a_step_of_the_hubs_clock_shows_without_a_new_heartbeat() -> None:
    clock = heard(gateways(0, 4))
    assert not clock.look(NOW + 3_000, 103.0)
    assert clock.look(NOW + 3_000 + DAY, 103.0)
    assert clock.off_ms(NOW + 3_000 + DAY, 103.0) == -DAY
    assert not clock.look(NOW + 4_000, 104.0), "set right again"


def test_gateways_of_long_ago_have_no_say_and_nobody_changes_nothing() -> None:
    clock = heard(gateways(3, 0))
    assert clock.look(NOW, 100.0)
    assert clock.look(NOW, 101.0 + FRESH_S), "nobody is heard: the suspicion stays"
    clock.heard("r0", NOW, 101.0 + FRESH_S)
    assert not clock.look(NOW, 101.0 + FRESH_S)


def test_who_left_has_no_say() -> None:
    clock = heard(gateways(3, 5))
    clock.left("w0")
    assert not clock.look(NOW, 100.0)


def test_gateways_that_follow_the_hub_hold_it_for_a_while_only() -> None:
    clock = HubClock(tolerance_ms=TOLERANCE)
    for at_s in range(100, 100 + round(FOLLOWERS_S) + 50, 5):
        now_ms = NOW + at_s * 1000
        for gateway in "abcd":
            clock.heard(gateway, now_ms + DAY, at_s, follows=True)
        assert clock.look(now_ms, at_s) is (at_s < 100 + FOLLOWERS_S)
    for gateway in "abcd":
        clock.heard(gateway, now_ms, at_s, follows=True)
    assert not clock.look(now_ms, at_s), "they have followed"
    assert clock.look(now_ms + DAY, at_s + 1), "and hold it again when it steps again"


def test_gateways_with_a_time_of_their_own_hold_it_as_long_as_it_takes() -> None:
    clock = HubClock(tolerance_ms=TOLERANCE)
    for at_s in range(100, 2_000, 5):
        for gateway in "abc":
            clock.heard(gateway, NOW + at_s * 1000 + DAY, at_s)
        for gateway in "defghijklm":
            clock.heard(gateway, NOW + at_s * 1000, at_s, follows=True)
        assert clock.look(NOW + at_s * 1000, at_s), "the followers are no witnesses for the hub"


def test_before_enough_heartbeats_came_no_time_is_judged_for_a_while() -> None:
    clock = HubClock(tolerance_ms=TOLERANCE, hold_s=10)
    clock.begin(100.0)
    assert not clock.may_judge(NOW, 101.0)
    for gateway in ("a", "b"):
        clock.heard(gateway, NOW, 101.0)
    assert not clock.may_judge(NOW, 101.0)
    assert clock.may_judge(NOW, 110.0), "an installation of two gateways cannot wait for a third"
    clock.heard("c", NOW, 101.0)
    assert clock.may_judge(NOW, 101.0)
    assert not clock.may_judge(NOW + DAY, 102.0)


@given(
    count=st.integers(3, 20),
    data=st.data(),
    off=st.integers(-400 * DAY, 400 * DAY).filter(lambda off: abs(off) > 2 * TOLERANCE),
)
def test_while_the_hub_is_wrong_no_reading_is_ever_refused_for_its_time(
    count: int, data: st.DataObject, off: int
) -> None:
    """Every gateway is right to a second; they come in any order, the hub's clock is off from some moment on."""
    clock = HubClock(tolerance_ms=TOLERANCE, hold_s=10)
    clock.begin(0.0)
    wrong_from = data.draw(st.sampled_from([0.0, 7.0, 33.0]))
    order = data.draw(st.permutations(range(count)))
    for beat in range(12):
        for place, gateway in enumerate(order):
            at_s = beat * 5.0 + place * 4.0 / count
            true_ms = NOW + round(at_s * 1000)
            hub_ms = true_ms + (off if at_s >= wrong_from else 0)
            if at_s >= wrong_from:
                assert not clock.may_judge(hub_ms, at_s)
            clock.heard(f"gw-{gateway}", true_ms + gateway * 50, at_s)
    assert clock.may_judge(true_ms, at_s), "set right, it judges at once"
