"""The trust ladder, steps and brackets, with clocks that say what they are told to."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import (
    CEILING_MS,
    FLOOR_MS,
    STALE_MS,
    UNDATED_MS,
    Clock,
    ClockEvent,
    Kind,
    Rung,
    bracket,
    is_dated,
)

BOOT = 1_790_000_000_000  # Unix ms when the boot began
Y1970, Y2016 = 0, 1_451_606_400_000
SETTLE = 30_000


def hub(clock: Clock, uptime: int, truth: int = BOOT, delay: int = 20) -> list[ClockEvent]:
    """The hub's time arrives, `delay` ms after it was said."""
    return clock.hear(Rung.HUB, truth - delay, uptime)


def kinds(events: list[ClockEvent]) -> list[Kind]:
    return [event.kind for event in events]


def test_nothing_is_dated_before_a_source_is_trusted_and_all_of_it_after() -> None:
    clock = Clock()
    early = clock.now(5_000)
    assert not is_dated(early)
    assert clock.date(early) == early
    assert hub(clock, 6_000) == []
    assert kinds(hub(clock, 7_500)) == [Kind.TRUSTED]
    assert clock.date(early) == BOOT - 20 + 5_000
    assert clock.date(123) == 123, "what is dated stays what it is"
    assert (clock.source, clock.since_ms) == (Rung.HUB, BOOT - 20 + 7_500)


@pytest.mark.parametrize("wall", [Y1970, Y2016])
def test_a_system_clock_that_was_never_set_is_refused_once_and_believed_when_it_is_set(wall: int) -> None:
    clock = Clock([Rung.SYSTEM])
    seen = [event for at in range(5) for event in clock.hear_system(wall, at * 1000, synchronised=False)]
    assert kinds(seen) == [Kind.REFUSED]
    assert not is_dated(clock.now(5_000))
    events = clock.hear_system(BOOT, 6_000, synchronised=False)
    assert kinds(events) == [Kind.STEPPED, Kind.TRUSTED]
    assert clock.now(6_000) == BOOT + 6_000


def test_an_unsynchronised_system_clock_is_not_the_end_of_the_ladder() -> None:
    clock = Clock()
    for at in range(10):
        assert clock.hear_system(BOOT + 99_000, at * 1000, synchronised=False) == []
    assert [*hub(clock, 10_000), *hub(clock, 11_000)] == [
        ClockEvent(Kind.TRUSTED, Rung.HUB, 11_000, BOOT - 20, 0)
    ]
    assert clock.ahead_ms == 99_020


def test_a_better_source_takes_over_and_a_worse_one_does_not() -> None:
    clock = Clock()
    hub(clock, 0)
    hub(clock, 2_000)
    assert kinds(clock.hear_system(BOOT, 3_000, synchronised=True)) == [Kind.TRUSTED]
    assert (clock.source, clock.now(0)) == (Rung.NTP, BOOT)
    for at in range(3_000, 120_000, 1_000):
        assert clock.hear_system(BOOT, at, synchronised=True) == []
        assert hub(clock, at, BOOT + 10_000) == []


def test_a_worse_source_is_heard_when_the_better_one_has_been_silent_for_long() -> None:
    clock = Clock()
    clock.hear_system(BOOT, 0, synchronised=True)
    seen = [(at, hub(clock, at, BOOT - 3_000)) for at in range(1_000, STALE_MS + 60_000, 5_000)]
    ((at, events),) = [(at, events) for at, events in seen if events]
    assert at > STALE_MS
    assert kinds(events) == [Kind.TRUSTED]
    assert clock.source is Rung.HUB


def test_two_late_acknowledgements_that_come_together_convince_nobody() -> None:
    clock = Clock()
    assert hub(clock, 30_000, delay=20_000) == []
    assert hub(clock, 30_000, delay=20_100) == []
    assert hub(clock, 31_000, delay=10) == [], "it contradicts the first two"
    assert kinds(hub(clock, 36_000, delay=300)) == [Kind.TRUSTED]
    assert clock.now(0) == BOOT - 10, "the least delayed counts"


def test_a_step_is_recorded_and_moves_nothing_until_its_source_has_vouched_for_it() -> None:
    clock = Clock([Rung.SYSTEM])
    clock.hear_system(BOOT, 0, synchronised=False)
    events = clock.hear_system(BOOT - 3_600_000, 1_000, synchronised=False)
    assert events == [ClockEvent(Kind.STEPPED, Rung.SYSTEM, 1_000, BOOT - 3_600_000, -3_600_000)]
    assert (clock.now(1_000), clock.steps, clock.ahead_ms) == (BOOT + 1_000, 1, -3_600_000)
    assert kinds(clock.hear_system(BOOT, 2_000, synchronised=False)) == [Kind.STEPPED], "and back"
    for at in range(3_000, 90_000, 1_000):
        assert clock.hear_system(BOOT, at, synchronised=False) == []
    assert (clock.now(0), clock.steps, clock.corrections) == (BOOT, 2, 0)


def test_a_step_that_stays_is_taken_over_after_a_while() -> None:
    clock = Clock([Rung.SYSTEM], settle_ms=SETTLE)
    clock.hear_system(BOOT, 0, synchronised=False)
    seen = [
        (at, event)
        for at in range(1_000, 60_000, 1_000)
        for event in clock.hear_system(BOOT + 5_000, at, synchronised=False)
    ]
    assert [(at, event.kind, event.change_ms) for at, event in seen] == [
        (1_000, Kind.STEPPED, 5_000),
        (1_000 + SETTLE, Kind.CORRECTED, 5_000),
    ]


def test_a_step_to_1970_is_never_taken_over() -> None:
    clock = Clock([Rung.SYSTEM])
    clock.hear_system(BOOT, 0, synchronised=False)
    for at in range(1_000, 600_000, 1_000):
        clock.hear_system(Y1970, at, synchronised=False)
    assert clock.now(600_000) == BOOT + 600_000


def test_gnss_needs_some_sentences_that_agree() -> None:
    clock = Clock()
    assert clock.hear(Rung.GNSS, BOOT - 300, 1_000) == []
    assert clock.hear(Rung.GNSS, BOOT - 1024 * 7 * 86_400_000, 2_000)[0].kind is Kind.REFUSED
    assert clock.hear(Rung.GNSS, BOOT - 200, 3_000) == []
    assert kinds(clock.hear(Rung.GNSS, BOOT - 250, 4_000)) == [Kind.TRUSTED]
    assert clock.now(0) == BOOT - 200


def test_a_later_life_goes_on_with_the_trust_of_this_boot() -> None:
    clock = Clock()
    assert clock.resume(Rung.HUB, BOOT, 50_000)
    assert clock.now(60_000) == BOOT + 60_000
    assert not Clock([Rung.NTP]).resume(Rung.HUB, BOOT, 50_000)
    assert not Clock().resume(Rung.HUB, 0, 50_000)


class World:
    """Sources that tell the truth as far as they can, a system clock that anybody may set, for `seconds`."""

    def __init__(self, seed: int, ladder: list[Rung]) -> None:
        self.rng, self.clock = Random(seed), Clock(ladder)
        self.system = self.rng.choice([Y1970, Y2016, BOOT, BOOT + 86_400_000])

    def second(self, uptime: int) -> list[ClockEvent]:
        rng = self.rng
        if rng.random() < 0.02:
            self.system = rng.choice([Y1970, BOOT - 3_600_000, BOOT, BOOT + 30 * 86_400_000])
        events = self.clock.hear_system(
            self.system, uptime, synchronised=self.system == BOOT and rng.random() < 0.5
        )
        if rng.random() < 0.2:
            delay = rng.choice([1, 40, 300, 5_000])
            events += hub(self.clock, uptime, delay=delay)
        if rng.random() < 0.2:
            events += self.clock.hear(Rung.GNSS, BOOT - rng.randrange(500), uptime)
        return events


@given(
    st.integers(),
    st.sampled_from(
        [[Rung.GNSS, Rung.NTP, Rung.HUB], [Rung.NTP, Rung.HUB], [Rung.HUB], [Rung.GNSS, Rung.HUB]]
    ),
)
def test_whatever_happens_to_the_system_clock_no_reading_gets_an_impossible_time(
    seed: int, ladder: list[Rung]
) -> None:
    world = World(seed, ladder)
    for uptime in range(1_000, 200_000, 1_000):
        at = world.clock.now(uptime)
        world.second(uptime)
        dated = world.clock.date(at)
        if is_dated(dated):
            assert -5_500 <= dated - (BOOT + uptime) <= 0, "a late acknowledgement is all that can be wrong"
            assert world.clock.date(dated) == dated
        else:
            assert dated == UNDATED_MS + uptime


@given(
    before=st.integers(FLOOR_MS, BOOT),
    off=st.integers(0, 10**9),
    uptimes=st.lists(st.integers(0, 10**8), min_size=1, max_size=5),
    more=st.integers(0, 10**8),
    pause=st.integers(0, 10**9),
    known=st.booleans(),
)
def test_the_bracket_holds_the_true_times(
    before: int, off: int, uptimes: list[int], more: int, pause: int, known: bool
) -> None:
    boot_start, longest = before + off, max(uptimes) + more
    next_boot = boot_start + longest + pause
    span = bracket(before if known else None, min(uptimes), max(uptimes), longest, next_boot)
    assert all(span.earliest_ms <= boot_start + uptime <= span.latest_ms for uptime in uptimes)


def test_a_bracket_that_would_be_empty_begins_at_the_floor() -> None:
    assert bracket(CEILING_MS, 10, 20, 30, BOOT) == (FLOOR_MS + 10, BOOT - 10)
