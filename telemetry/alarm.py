"""An alarm: what people are called for. One alarm stands for all anomalies of a site (or sensor) that belong together."""

import hashlib
from enum import StrEnum

import msgspec

from telemetry.anomaly import AnomalyKind, Severity

SEVERITIES = tuple(Severity)  # from mild to grave


class AlarmFamily(StrEnum):
    """Whether a sensor (or gateway, or the hub's clock) is not well, or something happens in the city."""

    HEALTH = "health"
    CITY = "city"


class AlarmState(StrEnum):
    """Where an alarm stands; from `acknowledged` there is no way back to `open`."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


_CITY = frozenset(
    {AnomalyKind.SPIKE, AnomalyKind.REGIME, AnomalyKind.UNUSUAL, AnomalyKind.RHYTHM, AnomalyKind.LIMIT}
)


def family_of(kind: AnomalyKind) -> AlarmFamily:
    """The family of one kind of anomaly."""
    return AlarmFamily.CITY if kind in _CITY else AlarmFamily.HEALTH


def rank(severity: Severity) -> int:
    """0 for the mildest; the names themselves do not sort."""
    return SEVERITIES.index(severity)


class Alarm(msgspec.Struct, frozen=True, omit_defaults=False):
    """An alarm as it is stored and told.

    `group` is what its anomalies share, `anomalies` their ids (the first 500), `sensors` who reports them. What speaks of one
    of them (`kind`, `quantity`, `score`, `value`, `expected`, the band `low`..`high`, in the quantity's unit) is the gravest.
    `start_ms` is when the first began, `end_ms` when the last ended, None while any lasts or could come back.
    """

    id: str
    group: str
    family: AlarmFamily
    kind: AnomalyKind
    severity: Severity
    state: AlarmState
    site: str
    sensors: tuple[str, ...]
    quantity: str
    start_ms: int
    end_ms: int | None
    score: float
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    text: str
    text_vi: str
    anomalies: tuple[str, ...]
    opened_ms: int
    acknowledged_ms: int | None = None
    acknowledged_by: str = ""


def alarm_id(group: str, start_ms: int) -> str:
    """The same alarm has the same id after a restart; in another set of names than those of anomalies."""
    return "a" + hashlib.blake2b(f"{group}/{start_ms}".encode(), digest_size=8).hexdigest()
