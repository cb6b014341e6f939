"""One reading each of some series, as the judge's detectors look at it; and readings of a batch cut into such rounds. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.lanes import F64, I64
from telemetry.quantities import QUANTITIES, Kind

NUMBERS = {name: number for number, name in enumerate(QUANTITIES)}  # of each quantity
LOW = np.array([quantity.low for quantity in QUANTITIES.values()])
HIGH = np.array([quantity.high for quantity in QUANTITIES.values()])
COUNTER = np.array([quantity.kind is Kind.COUNTER for quantity in QUANTITIES.values()])
DIRECTION = np.array([quantity.kind is Kind.DIRECTION for quantity in QUANTITIES.values()])


@dataclass(slots=True)
class Glance:
    """Column i is a reading of `lanes[i]`, none of which comes twice. `past` holds what the detectors remember of each lane, a
    name an array, and is written to when they learn; `constants` what they hold of each lane's quantity."""

    lanes: I64
    at_ms: I64
    x: F64
    flags: I64  # said so far
    past: dict[str, NDArray[Any]]
    constants: Mapping[str, NDArray[Any]]
    found: dict[str, NDArray[Any]] = field(default_factory=dict)

    def take(self, columns: I64) -> "Glance":
        """Copies of some columns."""
        return Glance(
            self.lanes[columns],
            self.at_ms[columns],
            self.x[columns],
            self.flags[columns],
            {name: past[columns] for name, past in self.past.items()},
            {name: constant[columns] for name, constant in self.constants.items()},
            {name: found[columns] for name, found in self.found.items()},
        )

    def put(self, columns: I64, taken: "Glance") -> None:
        """What the copies have learned."""
        for name, past in taken.past.items():
            self.past[name][columns] = past


class Rounds(NamedTuple):
    """Rows of a batch in rounds: the n-th row of each lane is in round n. In every round the lanes are the first ones of
    `lanes`, in that order, so that what is held of them is read as a slice."""

    lanes: I64
    order: I64  # rows, round after round
    sizes: I64  # of each round

    def __iter__(self) -> Iterator[I64]:
        """The rows of each round."""
        begin = 0
        for size in self.sizes.tolist():
            yield self.order[begin : begin + size]
            begin += size


def rounds(lanes: I64) -> Rounds:
    """Those of rows with these lanes; rows of one lane keep their order."""
    one, place, often = np.unique(lanes, return_inverse=True, return_counts=True)
    deepest_first = np.argsort(-often, kind="stable")
    rank = np.empty(len(one), np.int64)
    rank[deepest_first] = np.arange(len(one))
    order = np.argsort(place, kind="stable")
    begins = np.cumsum(often) - often
    number = np.empty(len(lanes), np.int64)
    number[order] = np.arange(len(lanes)) - np.repeat(begins, often)
    by_round = np.argsort(number * len(one) + rank[place])
    return Rounds(one[deepest_first], by_round, np.bincount(number) if len(lanes) else np.zeros(0, np.int64))
