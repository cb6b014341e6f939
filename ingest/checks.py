"""Checks of a single reading, pure. What they refuse goes to quarantine; what they doubt is flagged and stored."""

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.hubclock import HOLD_S
from telemetry.quantities import QUANTITIES
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Flag, Reading
from telemetry.times import DAY_MS, HOUR_MS

LATE_MS = 60_000  # up to here an arrival is not late
BACKLOG_MS = 300_000  # what arrives later than this is backlog: range checks only
RANGE = int(Flag.RANGE)
ALARM_MS = HOUR_MS  # what is older than this raises no alarm


class TimeWindow(NamedTuple):
    """What is possible around the hub's clock, both ends included."""

    past_ms: int = 60 * DAY_MS
    future_ms: int = 300_000


WINDOW = TimeWindow()


class Policy(NamedTuple):
    """What an installation has decided. Unknown sensors (no birth lists them) are registered, or refused."""

    window: TimeWindow = WINDOW
    refuse_unknown_sensors: bool = False
    hold_s: float = HOLD_S  # so long after its start the hub waits for heartbeats before it refuses a time


POLICY = Policy()


class Fault(NamedTuple):
    """Why a reading is refused."""

    reason: Reason
    detail: str


def time_fault(observed_at: int, now_ms: int, window: TimeWindow = WINDOW) -> Fault | None:
    """A fault when `observed_at` is outside the window around the hub's `now_ms`."""
    if observed_at < now_ms - window.past_ms:
        days = (now_ms - observed_at) / DAY_MS
        return Fault(Reason.IMPOSSIBLE_TIME, f"observed {days:.0f} days before it arrived")
    if observed_at > now_ms + window.future_ms:
        return Fault(
            Reason.IMPOSSIBLE_TIME, f"observed {(observed_at - now_ms) / 1000:.0f} s after the hub's time"
        )
    return None


def are_impossible(
    observed_at: NDArray[np.int64], arrived_ms: NDArray[np.int64], window: TimeWindow = WINDOW
) -> NDArray[np.bool_]:
    """Where `time_fault` finds one, for many at once."""
    delay = arrived_ms - observed_at
    impossible: NDArray[np.bool_] = (delay > window.past_ms) | (delay < -window.future_ms)
    return impossible


def owner_fault(sensor: str, gateway: str, owner: str | None) -> Fault | None:
    """A fault when another gateway than the sender owns the sensor; None = nobody does."""
    if owner is None or owner == gateway:
        return None
    return Fault(Reason.NOT_OWNER, f"{sensor} belongs to {owner}, {gateway} sent it")


def unknown_fault(sensor: str) -> Fault:
    """Where unknown sensors are refused: nobody has listed this one."""
    return Fault(Reason.UNKNOWN_SENSOR, f"no gateway lists {sensor}")


def late_s(observed_at: int, arrived_ms: int) -> int | None:
    """Whole seconds from observation to arrival, None up to 60 s."""
    delay = arrived_ms - observed_at
    return delay // 1000 if delay > LATE_MS else None


def set_aside(fault: Fault, reading: Reading, *, site: str, topic: str, gateway: str) -> Quarantined:
    """The reading as a quarantine entry: its payload is the SenML record in JSON, whole and replayable."""
    record: dict[str, str | float | int] = {
        "n": f"{reading.sensor}/{reading.quantity}",
        "u": QUANTITIES[reading.quantity].unit,
        "t": reading.observed_at / 1000,
        "v": reading.value,
        "site": site,
    }
    if reading.flags:
        record["fl"] = int(reading.flags)
    return Quarantined(
        fault.reason, fault.detail, topic, gateway, reading.sensor, msgspec.json.encode(record)
    )
