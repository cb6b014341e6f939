"""Judging readings: flags and anomalies. Pure: state and a reading in, values out."""

from typing import NamedTuple

from ingest import checks
from telemetry.anomaly import Anomaly
from telemetry.reading import Reading


class Known(NamedTuple):
    """A sensor as the judge sees it. `period_s` 0 = event-driven."""

    name: str
    site: str
    gateway: str
    period_s: float


class Judgement(NamedTuple):
    """Flags for the store (None: the old ones stay) and anomalies that opened, changed or closed."""

    flags: int | None
    changes: tuple[Anomaly, ...] = ()


class Judge:
    """State of every series."""

    def judge(self, reading: Reading, known: Known, *, arrived_ms: int, now_ms: int) -> Judgement:
        """The reading's own flags, and RANGE where it is."""
        return Judgement(reading.flags | checks.range_flag(reading))
