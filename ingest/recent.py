"""What every series remembers for the judge: its detectors' past, lane by lane, and readings of a batch run past it. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.detectors import DETECTORS, OF_READINGS, Finding
from ingest.detectors.glance import Glance, rounds
from ingest.detectors.lanes import F64, I64, Block, Bools, Lanes
from telemetry.anomaly import AnomalyKind

EXPECTED = 0.5  # a spike's score where the value is what it usually is at that hour


class Seen(NamedTuple):
    """What was said of rows of a batch: row i in column `column[i]` of `glances[round[i]]`, -1 where nobody looked."""

    round: I64
    column: I64
    glances: list[Glance]
    scores: dict[AnomalyKind, F64]

    def findings(self, row: int) -> Iterable[tuple[AnomalyKind, Finding]]:
        """Of one row, by those detectors that know enough."""
        if self.round[row] < 0:
            return
        glance = self.glances[self.round[row]]
        for kind, detector in DETECTORS.items():
            if self.scores[kind][row] >= 0:
                finding = detector.find(glance, kind, int(self.column[row]))
                yield kind, finding._replace(score=min(finding.score, float(self.scores[kind][row])))


class Recent:
    """One lane a series. `newest` = the last that was learned, `heard` = the last that could move an episode, ms."""

    def __init__(self) -> None:
        tables: dict[str, Block] = {
            name: block for detector in OF_READINGS for name, block in detector.tables.items()
        }
        self._lanes = Lanes((), {**tables, "newest": ((), np.int64), "heard": ((), np.int64)})
        self._numbers = [name for name, (shape, _) in tables.items() if not shape]

    def add(self) -> int:
        """A lane for one more series."""
        return self._lanes.add()

    def clear(self, lane: int) -> None:
        """Forget one series."""
        self._lanes.clear(lane)

    @property
    def lanes(self) -> Lanes:
        """What it remembers, to be kept."""
        return self._lanes

    def bytes_per_series(self) -> int:
        """What one series costs."""
        return self._lanes.bytes_per_series()

    @property
    def newest(self) -> I64:
        """By lane; to be written to."""
        return self._lanes.tables["newest"]

    @property
    def heard(self) -> I64:
        """By lane; to be written to."""
        return self._lanes.tables["heard"]

    def look(
        self,
        rows: I64,
        lanes: I64,
        quantity: I64,
        at_ms: I64,
        x: F64,
        flags: I64,
        as_usual: Callable[[I64], Bools] | None,
    ) -> Seen:
        """Score and learn these rows of a batch, each newer than those of its lane before; what is found is added to `flags`.

        All arrays but `rows` are the whole batch's. What is `as_usual` at its hour (asked of some rows) is no spike, however
        sudden.
        """
        seen = Seen(
            np.full(len(lanes), -1, np.int64),
            np.zeros(len(lanes), np.int64),
            [],
            {kind: np.full(len(lanes), np.nan) for kind in DETECTORS},
        )
        cut = rounds(lanes[rows])
        held = {name: self._lanes.tables[name][cut.lanes] for name in self._numbers}
        constants = _constants(lanes[rows], quantity[rows], cut.lanes)
        for which in cut:
            here, size = rows[which], len(which)
            glance = Glance(
                cut.lanes[:size],
                at_ms[here],
                x[here],
                flags[here],
                {name: numbers[:size] for name, numbers in held.items()},
                {name: values[:size] for name, values in constants.items()},
            )
            seen.round[here], seen.column[here] = len(seen.glances), np.arange(size)
            seen.glances.append(glance)
            for kind, score in self._score(glance, here, as_usual):
                seen.scores[kind][here] = score
            for detector in OF_READINGS:
                detector.learn(glance, self._lanes)
            flags[here] = glance.flags
        for name, numbers in held.items():
            self._lanes.tables[name][cut.lanes] = numbers
        return seen

    def _score(
        self, glance: Glance, here: I64, as_usual: Callable[[I64], Bools] | None
    ) -> Iterator[tuple[AnomalyKind, F64]]:
        """What each detector says, one after the other: the next sees the flags that those before it have set."""
        for detector in OF_READINGS:
            for kind, score in detector.score(glance, self._lanes).items():
                (sudden,) = np.nonzero(score > EXPECTED)
                if kind is AnomalyKind.SPIKE and as_usual is not None and sudden.size:
                    score[sudden[as_usual(here[sudden])]] = EXPECTED
                glance.flags |= np.where(score >= 1, int(detector.flags[kind]), 0)
                yield kind, score


def _constants(lanes: I64, quantity: I64, wanted: I64) -> dict[str, NDArray[Any]]:
    """What the detectors hold of the quantities of the `wanted` lanes."""
    one, first = np.unique(lanes, return_index=True)
    of = quantity[first[np.searchsorted(one, wanted)]]
    return {name: values[of] for detector in OF_READINGS for name, values in detector.constants.items()}
