"""Detectors of single series, by what they find. A new one = one file and one line here."""

from collections.abc import Callable

from ingest.detectors.contract import Detector, Finding, Rule
from ingest.detectors.spike import SpikeDetector
from ingest.detectors.stuck import StuckDetector
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import Quantity

__all__ = ["DETECTORS", "Detector", "Finding", "Rule"]

DETECTORS: dict[AnomalyKind, Callable[[Quantity], Detector]] = {
    AnomalyKind.STUCK: StuckDetector,
    AnomalyKind.SPIKE: SpikeDetector,
}
