"""What a detector is. Pure: readings of one series in time order, no clock; the judge keeps one of each per series."""

from typing import NamedTuple, Protocol

from telemetry.anomaly import AnomalyKind
from telemetry.reading import Flag


class Finding(NamedTuple):
    """How far a reading is from what is usual: a `score` of 1 is the threshold.

    `value`, `expected` and the band `low`..`high` are in the quantity's unit (a counter's: per minute). `since_ms` is when
    what was found began, `readings` how many it is made of.
    """

    score: float
    value: float
    since_ms: int
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    readings: int = 1


class Rule(NamedTuple):
    """Hysteresis: open at one score of `strong`, or at `hits` scores of 1 among the last `of`; close after `calm` readings
    below `release`."""

    strong: float
    hits: int
    of: int
    release: float
    calm: int


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
