"""A detector of readings with one series to look at."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.detectors import Finding, ReadingDetector
from ingest.detectors.glance import NUMBERS, Glance
from ingest.detectors.lanes import Lanes
from telemetry.anomaly import AnomalyKind


class Alone:
    """`at_ms` only rises. Asked of one of the detector's kinds, the first if none is given."""

    def __init__(self, detector: ReadingDetector, quantity: str, kind: AnomalyKind | None = None) -> None:
        self._detector, self._quantity = detector, quantity
        self._kind = kind or detector.kinds[0]
        self.lanes = Lanes(detector.rows, detector.tables)
        self._lane = np.array([self.lanes.add()], np.int64)

    def score(self, at_ms: int, value: float, flags: int = 0) -> Finding | None:
        """What is said of the reading; None: nothing is."""
        glance = self._glance(at_ms, value, flags)
        (score,) = self._detector.score(glance, self.lanes)[self._kind].tolist()
        finding = self._detector.find(glance, self._kind, 0)
        assert score != score or finding.score == score
        return None if score != score else finding

    def learn(self, at_ms: int, value: float, flags: int = 0) -> None:
        """Take it into the past."""
        glance = self._glance(at_ms, value, flags)
        self._detector.score(glance, self.lanes)
        self._detector.learn(glance, self.lanes)
        for name, past in glance.past.items():
            self.lanes.tables[name][self._lane] = past

    def explain(self, name: str, finding: Finding) -> tuple[str, str]:
        """In words."""
        return self._detector.explain(self._kind, name, self._quantity, finding)

    def _glance(self, at_ms: int, value: float, flags: int) -> Glance:
        numbers: dict[str, NDArray[Any]] = {
            name: table[self._lane] for name, table in self.lanes.tables.items() if table.ndim == 1
        }
        of = np.array([NUMBERS[self._quantity]])
        constants = {name: values[of] for name, values in self._detector.constants.items()}
        at, given = np.array([at_ms], np.int64), np.array([flags], np.int64)
        return Glance(self._lane, at, np.array([value], np.float64), given, numbers, constants)


def fed(
    detector: ReadingDetector,
    quantity: str,
    values: list[float],
    step_ms: int = 1000,
    kind: AnomalyKind | None = None,
) -> Alone:
    """One that has learned these."""
    alone = Alone(detector, quantity, kind)
    for index, value in enumerate(values):
        alone.learn((index + 1) * step_ms, value)
    return alone
