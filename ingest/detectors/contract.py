"""What a detector is. Pure: readings of one series in time order, no clock; the judge keeps one of each per series."""

from collections.abc import Mapping
from typing import Protocol

from ingest.detectors.finding import Finding, Rule
from ingest.detectors.lanes import F32, Block, Lanes
from ingest.detectors.residuals import Frame
from telemetry.anomaly import AnomalyKind
from telemetry.reading import Flag

__all__ = ["BatchDetector", "Detector", "Finding", "Rule"]


class Detector(Protocol):
    """One way to look at one series."""

    kind: AnomalyKind
    flag: Flag
    rule: Rule

    def score(self, at_ms: int, value: float) -> Finding | None:
        """What is said of this reading, before it is learned; None while too little is known. Changes nothing."""
        ...

    def learn(self, at_ms: int, value: float) -> None:
        """Take the reading into the past; `at_ms` only rises."""
        ...

    def explain(self, name: str, finding: Finding) -> tuple[str, str]:
        """One sentence in English and one in Vietnamese, without the full stop, naming the sensor."""
        ...


class BatchDetector(Protocol):
    """One way to look at many series at once: one reading each of some lanes, in one `Frame`. See `ingest.detectors.bank`."""

    kinds: tuple[AnomalyKind, ...]
    rows: tuple[str, ...]  # what it remembers of each series: numbers ...
    tables: Mapping[str, Block]  # ... and blocks of them: name to (shape, dtype)

    def score(self, frame: Frame, lanes: Lanes) -> dict[AnomalyKind, F32]:
        """Per kind a number per lane: at least 1 is found. Changes no state: new numbers go into `frame.new`."""
        ...

    def learn(self, frame: Frame, lanes: Lanes) -> None:
        """Take the frame into the tables; `frame.new` is kept by the bank."""
        ...

    def explain(self, kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
        """One sentence in English and one in Vietnamese, without the full stop, naming the sensor."""
        ...
