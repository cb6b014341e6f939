"""Repeats are known, new data never is one for long, and the memory has an end."""

from hypothesis import given
from hypothesis import strategies as st

from edge.formats.repeats import WINDOW_MS, Repeats

UPLINKS = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from("st"),
    st.integers(0, 3),
    st.binary(max_size=1),
    st.integers(0, 10**6),
)


def test_the_window_runs_from_the_first() -> None:
    repeats = Repeats()
    told = [repeats.is_repeat("d", "s", 0, b"x", at) for at in (0, WINDOW_MS, WINDOW_MS + 1, WINDOW_MS + 2)]
    assert told == [False, True, False, True]


def test_the_memory_is_bounded() -> None:
    repeats = Repeats(remembered=2)
    for counter in (1, 2, 3):
        assert not repeats.is_repeat("d", "s", counter, b"", 0)
    assert repeats.is_repeat("d", "s", 3, b"", 0)
    assert not repeats.is_repeat("d", "s", 1, b"", 0)


@given(st.lists(UPLINKS, max_size=40))
def test_a_repeat_has_a_first_inside_the_window(uplinks: list[tuple[str, str, int, bytes, int]]) -> None:
    repeats, accepted = Repeats(), []
    for device, session, counter, payload, at in uplinks:
        same = [t for key, t in accepted if key == (device, session, counter, payload)]
        expected = bool(same) and abs(at - same[-1]) <= WINDOW_MS
        assert repeats.is_repeat(device, session, counter, payload, at) is expected
        if not expected:
            accepted.append(((device, session, counter, payload), at))
