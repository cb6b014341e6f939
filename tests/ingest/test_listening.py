"""A pause between two process lives that is short is no break, and is nobody's silence."""

from ingest.listening import PAUSE_MS, Listening, Pause, Span

T = 1_767_200_400_000


def test_a_hub_that_is_deaf_in_between_starts_afresh() -> None:
    hub = Listening()
    assert hub.leaves(T) is None
    hub.begin(T)
    hub.begin(T + 5)
    assert hub.leaves(T + 10) == Span(T, T + 10, [])
    hub.end(T + 20)
    assert (hub.since_ms, hub.leaves(T + 900)) == (None, Span(T, T + 20, []))
    hub.begin(T + 21)
    assert (hub.since_ms, hub.quiet_ms(T, T + 30)) == (T + 21, 30)


def test_a_life_that_begins_soon_goes_on_and_the_pause_does_not_count() -> None:
    for away_ms, goes_on in ((0, True), (PAUSE_MS, True), (PAUSE_MS + 1, False), (-1, False)):
        hub = Listening()
        hub.resume(Span(T, T + 1000, [Pause(T + 500, 7)]))
        assert hub.lived_ms() == T
        hub.begin(T + 1000 + away_ms)
        assert (hub.since_ms == hub.beats_since_ms == T) is goes_on
        assert hub.lived_ms() is None
        excused = 7 + away_ms * goes_on
        assert hub.quiet_ms(T, T + 90_000) == 90_000 - excused


def test_after_a_kill_it_goes_on_from_what_is_lived_again_and_heartbeats_begin_anew() -> None:
    hub = Listening()
    hub.resume(Span(T, T + 1000, []))
    hub.relived(T + 200_000)
    hub.begin(T + 210_000)
    assert (hub.since_ms, hub.beats_since_ms) == (T, T + 210_000)
    assert hub.quiet_ms(T + 199_000, T + 211_000) == 2000


def test_a_life_that_never_heard_passes_on_what_it_was_left() -> None:
    hub, span = Listening(), Span(T, T + 1000, [])
    hub.resume(span)
    assert hub.leaves(T + 5000) == span
    heard = Listening()
    heard.begin(T + 5000)
    heard.resume(span)
    assert heard.leaves(T + 6000) == Span(T + 5000, T + 6000, [])


def test_few_pauses_are_remembered() -> None:
    span = Span(T, T, [])
    for _ in range(20):
        hub = Listening()
        hub.resume(span)
        hub.begin(span.until_ms + 10)
        left = hub.leaves(span.until_ms + 11)
        assert left is not None
        span = left
    assert len(span.pauses) == 8
