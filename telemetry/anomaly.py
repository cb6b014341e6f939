"""An anomaly: something about a series that an operator should know, and why we say so."""

import hashlib
from enum import StrEnum

import msgspec

HUB = "hub"  # in the place of a sensor: an anomaly of the hub's own clock


class AnomalyKind(StrEnum):
    """What was seen: first what speaks of the sensor, from `drift` on of the city or the sensor, the last three of gateways and
    of the hub's own clock."""

    RANGE = "range"
    STUCK = "stuck"
    SILENCE = "silence"
    ZERO = "dead_zero"
    GAP = "gap"
    RATE = "rate"
    UNIT = "unit_jump"
    NOISE = "noise_burst"
    CALIBRATION = "calibration_drift"  # over weeks
    DRIFT = "drift"
    BIAS = "bias"
    SPIKE = "spike"
    REGIME = "regime"
    UNUSUAL = "unusual"
    RHYTHM = "missing_rhythm"
    LIMIT = "limit"
    CLAIM = "claim"
    GATEWAY = "gateway"
    CLOCK = "clock"


class Severity(StrEnum):
    """How soon somebody should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Anomaly(msgspec.Struct, frozen=True, omit_defaults=False):
    """One episode. `end_ms` is None while it lasts. `score` and `value` are those of its worst reading so far, its peak;
    `expected` and the band `low`..`high` go with that reading, in the quantity's unit.

    `text` and `text_vi` are one sentence each. For a gateway `sensor` holds the gateway's id and `quantity` is ""; for the
    hub's clock `sensor` is "hub".
    """

    id: str
    sensor: str
    quantity: str
    site: str
    kind: AnomalyKind
    severity: Severity
    start_ms: int
    end_ms: int | None
    score: float
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    text: str
    text_vi: str


def anomaly_id(sensor: str, quantity: str, kind: AnomalyKind, start_ms: int) -> str:
    """The same episode gets the same id after a restart or a redelivery."""
    return hashlib.blake2b(f"{sensor}/{quantity}/{kind}/{start_ms}".encode(), digest_size=8).hexdigest()
