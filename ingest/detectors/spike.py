"""Spike: a value far from what the last minutes make likely.

The level is an exponential mean. The scale comes from the ring of recent residuals: the larger of
median-based and 95 %-based spread, so that skewed series (gusts, passing vehicles) set their own measure, and never below
the quantity's noise floor. A fault teaches little: of an outlier only a part is learned. A level that
stays is accepted after a while, and the old one stays usual for as long again.
"""

from bisect import bisect_left, insort
from collections import deque
from statistics import median

from ingest import words
from ingest.detectors.contract import Finding, Rule
from telemetry.anomaly import AnomalyKind
from telemetry.quantities import Kind, Quantity
from telemetry.reading import Flag

WARM_UP = 30  # readings before anything is said
RING = 240  # residuals that make the scale
LEVEL_READINGS = 20.0  # the level's memory
THRESHOLD = 6.0  # scales
CUT = 2.0  # scales: so much of an outlier is learned ...
OUTLIER_RATE = 0.2  # ... and the level follows it at this share of its rate
ACCEPT_READINGS = 120  # so many outliers in a row are a new level ...
ACCEPT_SLOW = 30, 3_600_000  # ... or so many over so many ms
GAP_MS = 600_000  # a longer silence than this and GAP_TIMES the usual interval: the level is learned anew
GAP_TIMES = 20.0
MAD_TO_SIGMA = 1.4826
MINUTE_MS = 60_000.0

# Smallest spread worth speaking of: in the quantity's unit (counters: per minute), and as a share of the level.
FLOORS: dict[str, tuple[float, float]] = {
    "pm1": (2.0, 0.1),
    "pm25": (3.0, 0.1),
    "pm4": (4.0, 0.1),
    "pm10": (5.0, 0.1),
    "co2": (15.0, 0.02),
    "no2": (5.0, 0.1),
    "so2": (5.0, 0.1),
    "o3": (5.0, 0.1),
    "co": (200.0, 0.1),
    "temperature": (0.4, 0.0),
    "device_temperature": (0.7, 0.0),
    "humidity": (1.5, 0.0),
    "pressure": (0.4, 0.0),
    "noise_level": (3.0, 0.0),
    "noise_laeq": (2.0, 0.0),
    "wind_speed": (1.0, 0.1),
    "wind_direction": (25.0, 0.0),
    "rain": (0.5, 0.0),
    "illuminance": (500.0, 0.25),
    "solar_radiation": (30.0, 0.25),
    "vehicle_count": (3.0, 0.25),
    "vehicle_speed": (8.0, 0.0),
    "vehicle_speed_p85": (8.0, 0.0),
    "occupancy": (4.0, 0.1),
    "voltage": (4.0, 0.0),
    "current": (0.5, 0.1),
    "power": (50.0, 0.1),
    "energy": (0.05, 0.1),
    "water_level": (0.05, 0.0),
    "battery": (2.0, 0.0),
}


class SpikeDetector:
    """One series. Directions go round, counters are judged by their increase per minute."""

    kind = AnomalyKind.SPIKE
    flag = Flag.SPIKE
    rule = Rule(strong=2.0, hits=2, of=3, release=0.7, calm=10)

    def __init__(self, quantity: Quantity) -> None:
        self._quantity = quantity
        self._floor, self._share = FLOORS[quantity.name]
        self._level = 0.0
        self._before: float | None = None  # the level before the one accepted last
        self._before_left = 0
        self._count = 0
        self._ring: deque[float] = deque()
        self._sorted: list[float] = []
        self._outliers: deque[float] = deque(maxlen=ACCEPT_SLOW[0])
        self._outlier_run = 0
        self._outlier_since = 0
        self._cut = float("inf")
        self._last: tuple[int, float] | None = None
        self._interval = 0.0

    def score(self, at_ms: int, value: float) -> Finding | None:
        """See Detector; says nothing in the first WARM_UP readings, nor after a gap until as many are learned."""
        x = self._judged(at_ms, value)
        if x is None or self._count < WARM_UP or self._is_gap(at_ms):
            return None
        reach = self._reach()
        low, high = self._level - reach, self._level + reach
        if self._quantity.kind is not Kind.DIRECTION:
            low, high = max(low, self._quantity.low), min(high, self._quantity.high)
        return Finding(abs(self._residual(x)) / reach, x, at_ms, self._level, low, high)

    def learn(self, at_ms: int, value: float) -> None:
        """See Detector."""
        x = self._judged(at_ms, value)
        if self._is_gap(at_ms):
            self._count, self._before = 0, None
            self._outliers.clear()
            self._outlier_run = 0
        if self._last is not None:
            self._interval += (at_ms - self._last[0] - self._interval) / 16
        self._last = at_ms, value
        if x is not None:
            self._learn(at_ms, x)

    def explain(self, name: str, finding: Finding) -> tuple[str, str]:
        """See Detector."""
        quantity = self._quantity.name
        per, per_vi = (" per minute", " mỗi phút") if self._quantity.kind is Kind.COUNTER else ("", "")
        low, high = finding.low or 0.0, finding.high or 0.0
        text = (
            f"{name}: {words.title(quantity)} is {words.amount(quantity, finding.value)}{per},"
            f" usual now is {words.band(quantity, low, high)}{per}"
        )
        text_vi = (
            f"{name}: {words.title_vi(quantity)} là {words.amount_vi(quantity, finding.value)}{per_vi},"
            f" bình thường lúc này là {words.band_vi(quantity, low, high)}{per_vi}"
        )
        return text, text_vi

    def _judged(self, at_ms: int, value: float) -> float | None:
        """The value as it is compared; None for a counter's first."""
        if self._quantity.kind is not Kind.COUNTER:
            return value
        if self._last is None or at_ms <= self._last[0]:
            return None
        before_ms, before = self._last
        rise = value - before if value >= before else value
        return rise * MINUTE_MS / max(at_ms - before_ms, MINUTE_MS)

    def _is_gap(self, at_ms: int) -> bool:
        if self._last is None:
            return False
        return at_ms - self._last[0] > max(GAP_MS, GAP_TIMES * self._interval)

    def _residual(self, x: float) -> float:
        """From the level, or from the one before where that is nearer."""
        residual = self._from(self._level, x)
        if self._before is None:
            return residual
        other = self._from(self._before, x)
        return other if abs(other) < abs(residual) else residual

    def _from(self, level: float, x: float) -> float:
        if self._quantity.kind is Kind.DIRECTION:
            return (x - level + 180.0) % 360.0 - 180.0
        return x - level

    def _scale(self) -> float:
        floor = max(self._floor, self._share * abs(self._level))
        if not self._sorted:
            return floor
        middle = self._sorted[len(self._sorted) // 2]
        far = self._sorted[int(0.95 * len(self._sorted))]
        return max(floor, MAD_TO_SIGMA * middle, far / 2)

    def _reach(self) -> float:
        """How far from the level is still usual; wider while little is known."""
        return THRESHOLD * self._scale() * (1 + WARM_UP / max(WARM_UP, 4 * len(self._ring)))

    def _learn(self, at_ms: int, x: float) -> None:
        self._count += 1
        if self._count == 1:
            self._level = x
        warm = self._count > WARM_UP
        outlier = warm and abs(self._residual(x)) > self._reach()
        if not self._outlier_run:  # while a burst lasts, what it may teach does not grow with it
            self._cut = CUT * self._scale() if warm else float("inf")
        rate = max(1 / self._count, 1 / LEVEL_READINGS) * (OUTLIER_RATE if outlier else 1.0)
        cut = self._cut if outlier else float("inf")
        self._level += max(-cut, min(cut, self._from(self._level, x))) * rate
        if self._quantity.kind is Kind.DIRECTION:
            self._level %= 360.0
        self._remember(min(abs(self._residual(x)), cut))
        if outlier:
            self._learn_outlier(at_ms, x)
        else:
            self._outlier_run = 0
            self._before_left = max(0, self._before_left - 1)
            self._before = self._before if self._before_left else None

    def _learn_outlier(self, at_ms: int, x: float) -> None:
        if not self._outlier_run:
            self._outlier_since = at_ms
            self._outliers.clear()
        self._outlier_run += 1
        self._outliers.append(x)
        slow_count, slow_ms = ACCEPT_SLOW
        stays = self._outlier_run >= slow_count and at_ms - self._outlier_since >= slow_ms
        if self._outlier_run >= ACCEPT_READINGS or stays:
            self._before, self._before_left = self._level, RING
            self._level = median(self._outliers)
            self._outlier_run = 0

    def _remember(self, size: float) -> None:
        self._ring.append(size)
        insort(self._sorted, size)
        if len(self._ring) > RING:
            del self._sorted[bisect_left(self._sorted, self._ring.popleft())]
