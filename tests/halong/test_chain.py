"""The heaviest chain against every possibility tried, and its rules."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from halong.chain import Possible, heaviest_chain

possible_pairs = st.lists(
    st.builds(Possible, st.integers(0, 4), st.integers(0, 4), st.integers(1, 9)), max_size=9
).map(lambda pairs: sorted(pairs, key=lambda pair: pair.left))


def crosses(pairs: tuple[Possible, ...]) -> bool:
    return any(a.left >= b.left or a.right >= b.right for a, b in combinations(pairs, 2))


@given(possible=possible_pairs)
def test_no_other_choice_is_heavier(possible: list[Possible]) -> None:
    weights = {(pair.left, pair.right): 0 for pair in possible}
    for pair in possible:
        weights[pair.left, pair.right] = max(weights[pair.left, pair.right], pair.weight)
    chosen = heaviest_chain(possible, 5)
    assert not crosses(tuple(Possible(left, right, 0) for left, right in chosen))
    everything = [
        sum(pair.weight for pair in pairs)
        for size in range(len(possible) + 1)
        for pairs in combinations(possible, size)
        if not crosses(pairs)
    ]
    assert sum(weights[pair] for pair in chosen) == max(everything)


def test_nothing_gives_nothing() -> None:
    assert heaviest_chain([], 0) == []
    assert heaviest_chain([], 3) == []


def test_a_long_one() -> None:
    possible = [
        Possible(i, j, 10 - abs(i - j)) for i in range(20_000) for j in range(i - 2, i + 3) if 0 <= j < 20_000
    ]
    assert heaviest_chain(possible, 20_000) == [(i, i) for i in range(20_000)]
