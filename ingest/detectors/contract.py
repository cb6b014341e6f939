"""What a detector is: one way to look at many series at once, one reading each. Pure: a series' readings in time order, no clock.

Two keep some: `ingest.detectors.bank` looks at a number a minute of each series from many sides, `ingest.recent` at every
reading.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from ingest.detectors.finding import Finding, Rule
from ingest.detectors.glance import Glance
from ingest.detectors.lanes import Block, Lanes
from telemetry.anomaly import AnomalyKind
from telemetry.reading import Flag

__all__ = ["Detector", "Finding", "ReadingDetector", "Rule"]

Frame = TypeVar("Frame", contravariant=True)


class Detector(Protocol[Frame]):
    """A `Frame` is one reading each of some lanes."""

    kinds: tuple[AnomalyKind, ...]
    rows: tuple[str, ...]  # what it remembers of each series: float32 numbers ...
    tables: Mapping[str, Block]  # ... and whatever else: name to (shape, dtype)

    def score(self, frame: Frame, lanes: Lanes) -> dict[AnomalyKind, NDArray[Any]]:
        """Per kind a number per lane: at least 1 is found. Changes nothing but what the frame has for it."""
        ...

    def learn(self, frame: Frame, lanes: Lanes) -> None:
        """Take the frame, which was scored, into the past."""
        ...

    def explain(self, kind: AnomalyKind, name: str, quantity: str, finding: Finding) -> tuple[str, str]:
        """One sentence in English and one in Vietnamese, without the full stop, naming the sensor."""
        ...


class ReadingDetector(Detector[Glance], Protocol):
    """One that the judge asks of every reading. Its score is NaN while too little is known, and may be a bound from above where
    it is below the rule's `release`."""

    flags: Mapping[AnomalyKind, Flag]  # of each of its kinds
    rule: Rule
    constants: Mapping[str, NDArray[Any]]  # by the number of the quantity; the frame has them per lane

    def find(self, frame: Glance, kind: AnomalyKind, column: int) -> Finding:
        """What was said of one reading of a frame that was scored, also after it was learned."""
        ...
