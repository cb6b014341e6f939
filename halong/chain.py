"""The heaviest set of pairs that cross nowhere: two sequences aligned in order. Pure.

Weighted increasing subsequence with a prefix-maximum (Fenwick) tree: n log n for n possible pairs.
"""

from collections.abc import Sequence
from typing import NamedTuple

Pairs = list[tuple[int, int]]


class Possible(NamedTuple):
    """Element `left` of the one may belong to element `right` of the other; `weight` above 0 says how gladly."""

    left: int
    right: int
    weight: int


class _Link(NamedTuple):
    """The heaviest chain that ends with this pair."""

    weight: int
    pair: tuple[int, int]
    before: "_Link | None"


class _Best:
    """The heaviest link among the first so many elements on the right."""

    def __init__(self, size: int) -> None:
        self._tree: list[_Link | None] = [None] * (size + 1)

    def below(self, right: int) -> _Link | None:
        """The best that ends before element `right`."""
        best = None
        while right:
            link = self._tree[right]
            if link is not None and (best is None or link.weight > best.weight):
                best = link
            right &= right - 1
        return best

    def put(self, right: int, link: _Link) -> None:
        """A chain that ends at element `right`."""
        index = right + 1
        while index < len(self._tree):
            known = self._tree[index]
            if known is None or link.weight > known.weight:
                self._tree[index] = link
            index += index & -index


def heaviest_chain(possible: Sequence[Possible], right_size: int) -> Pairs:
    """Pairs of `possible` in order, each element once, of the greatest total weight; `possible` is ordered by `left`."""
    best = _Best(right_size)
    start = 0
    while start < len(possible):
        end = start
        while end < len(possible) and possible[end].left == possible[start].left:
            end += 1
        links = []
        for left, right, weight in possible[start:end]:  # none of them may follow another one
            before = best.below(right)
            total = weight + (before.weight if before else 0)
            links.append((right, _Link(total, (left, right), before)))
        for right, link in links:
            best.put(right, link)
        start = end
    pairs, last = list[tuple[int, int]](), best.below(right_size)
    while last is not None:
        pairs.append(last.pair)
        last = last.before
    return pairs[::-1]
