"""A race: two ways of doing the same work, turn by turn, in one process."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

SECONDS = 2.0
LEAST_ROUNDS = 5


class Race(NamedTuple):
    """`ours` and `peer` each do `amount` units of work on what `prepare` makes, untimed; the peer is what `against` says."""

    name: str
    unit: str
    amount: int
    prepare: Callable[[], Any]
    ours: Callable[[Any], object]
    peer: Callable[[Any], object]
    against: str


class Result(NamedTuple):
    """Units a second, each side's best round; `ratio` = ours / peer, `low` and `high` its spread over the rounds."""

    ours: float
    peer: float
    ratio: float
    low: float
    high: float


def run(race: Race, seconds: float = SECONDS) -> Result:
    """Both sides in turns for about `seconds`; the best round of each counts, because noise only slows."""
    ours: list[float] = []
    peer: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(ours) < LEAST_ROUNDS or time.perf_counter() < deadline:
        ours.append(_timed(race.ours, race.prepare()))
        peer.append(_timed(race.peer, race.prepare()))
    ratios = sorted(theirs / mine for mine, theirs in zip(ours, peer, strict=True))
    best, best_peer = min(ours), min(peer)
    return Result(race.amount / best, race.amount / best_peer, best_peer / best, ratios[0], ratios[-1])


def _timed(work: Callable[[Any], object], prepared: Any) -> float:
    began = time.perf_counter()
    work(prepared)
    return time.perf_counter() - began
