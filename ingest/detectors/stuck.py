"""Stuck: a run of exact repeats longer than this series shows when it is healthy.

What is unlikely depends on the series: integers in calm air repeat for minutes. So the run needed is the longest of a
minimum, what the learned chance of a repeat makes unlikely to 1 in 10^EVIDENCE, and a multiple of the longest healthy run.
Values at rest (no wind, night, saturated air) and counters do not count; a series that never changed is not judged.
"""

from math import ceil, log10

from ingest import words
from ingest.detectors.contract import Finding, Rule
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import Kind, Quantity
from telemetry.reading import Flag

WARM_UP = 30  # readings before anything is said ...
CHANGES = 10  # ... and changes of value seen among them
MIN_RUN = 20
MIN_MS = 60_000
EVIDENCE = 12.0
LONGEST_TIMES = 3
MEMORY = 1000.0  # readings over which the chance of a repeat is learned
LONGEST_FADES = 0.999  # per completed run

# Quantities that rightly stand still for longer than a minute, in ms.
SLOW_MS: dict[str, int] = {
    "temperature": 600_000,
    "device_temperature": 900_000,
    "humidity": 600_000,
    "pressure": 1_200_000,
    "co2": 300_000,
    "wind_direction": 1_800_000,
    "water_level": 3_600_000,
    "voltage": 600_000,
    "battery": 86_400_000,
}
# (at most, at least): a value there is at rest, not stuck.
RESTING: dict[str, tuple[float, float]] = {
    "wind_speed": (0.3, 1e9),
    "illuminance": (10.0, 1e9),
    "solar_radiation": (5.0, 1e9),
    "vehicle_count": (0.0, 1e9),
    "occupancy": (0.0, 100.0),
    "humidity": (-1.0, 99.0),
    "current": (0.0, 1e9),
    "power": (0.0, 1e9),
    "battery": (-1.0, 100.0),
}


class StuckDetector:
    """One series."""

    kind = AnomalyKind.STUCK
    flag = Flag.STUCK
    rule = Rule(strong=1.0, hits=1, of=1, release=0.3, calm=3)

    def __init__(self, quantity: Quantity) -> None:
        self._quantity = quantity
        self._min_ms = SLOW_MS.get(quantity.name, MIN_MS)
        self._rest_low, self._rest_high = RESTING.get(quantity.name, (float("-inf"), float("inf")))
        self._value: float | None = None
        self._run = 0
        self._since_ms = 0
        self._count = 0
        self._changes = 0
        self._repeats = 0.0  # the share of readings that repeat the one before
        self._longest = 1.0

    def score(self, at_ms: int, value: float) -> Finding | None:
        """See Detector. The score is the run over the run needed, in readings or in time, whichever is less."""
        if self._count < WARM_UP or self._changes < CHANGES or not self._counts(value):
            return None
        if value != self._value:
            return Finding(0.0, value, at_ms)
        run = self._run + 1
        score = min(run / self._needed(), (at_ms - self._since_ms) / self._min_ms)
        return Finding(score, value, self._since_ms, readings=run)

    def learn(self, at_ms: int, value: float) -> None:
        """See Detector. A run that was found stuck teaches nothing."""
        self._count += 1
        repeat = value == self._value
        if repeat:
            self._run += 1
        else:
            if self._value is not None:
                self._changes += 1
                if self._run < self._needed() and self._counts(self._value):
                    self._longest = max(1.0, self._longest * LONGEST_FADES, self._run)
            self._value, self._run, self._since_ms = value, 1, at_ms
        if self._run < self._needed() and self._counts(value):
            self._repeats += (repeat - self._repeats) / min(self._count, MEMORY)

    def explain(self, name: str, finding: Finding) -> tuple[str, str]:
        """See Detector."""
        quantity, times = self._quantity.name, finding.readings
        usual = ceil(self._longest)
        text = (
            f"{name}: {words.title(quantity)} has stood at exactly {words.amount(quantity, finding.value)}"
            f" for {times} readings, usual is {usual} at most"
        )
        text_vi = (
            f"{name}: {words.title_vi(quantity)} đứng yên ở {words.amount_vi(quantity, finding.value)}"
            f" trong {times} lần đo liên tiếp, bình thường nhiều nhất là {usual}"
        )
        return text, text_vi

    def _counts(self, value: float) -> bool:
        return self._quantity.kind is not Kind.COUNTER and self._rest_low < value < self._rest_high

    def _needed(self) -> float:
        """Readings in a run that is no accident."""
        chance = min(0.999, max(0.01, self._repeats))
        return max(MIN_RUN, EVIDENCE / -log10(chance), LONGEST_TIMES * self._longest)
