"""Detectors that are asked of every reading, by what they find. A new one = one file and one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from ingest.detectors.contract import Detector, Finding, ReadingDetector, Rule
from ingest.detectors.spike import Spike
from ingest.detectors.stuck import Stuck
from telemetry.anomaly import AnomalyKind

__all__ = ["DETECTORS", "OF_READINGS", "Detector", "Finding", "ReadingDetector", "Rule"]

OF_READINGS: tuple[ReadingDetector, ...] = (Stuck(), Spike())  # in the order in which they are asked
DETECTORS: Mapping[AnomalyKind, ReadingDetector] = MappingProxyType(
    {kind: detector for detector in OF_READINGS for kind in detector.kinds}
)
