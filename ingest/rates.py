"""Impossible rates of change: nothing in the street moves so far from one reading to the next. Pure.

Limits for one minute after the time consistency check (largest difference between one-minute values) of WMO's "Guidelines on
quality control procedures for data from automatic weather stations" (Zahumenský, 2004). Its own text was not at hand. Those of
air temperature, humidity, pressure and wind are as a station network quotes them from it (geovetarcentrum/climate-stations,
README_QUALITY_CONTROL.md); for radiation the same page has 800 W/m2, the 1,000 here could not be verified.

Readings ten minutes apart may differ by twice as much: our own choice. For scale, the Guide on the Global Data-processing
System (WMO, 1993, VI.21, as the R package dataresqc quotes it) tolerates 4 Cel and 3 hPa in an hour. Quantities without a
published limit have none.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.finding import Finding
from ingest.detectors.lanes import F64, I64
from telemetry.times import MINUTE_MS

FARTHEST_MS = 600_000  # readings further apart say nothing of a rate
LIMITS = {
    "temperature": 3.0,  # Cel
    "humidity": 15.0,  # %RH
    "pressure": 2.0,  # hPa
    "wind_speed": 20.0,  # m/s
    "solar_radiation": 1000.0,  # W/m2
}
CALM = 12  # readings after a jump in which it is told that there is none


def limit(quantity: str) -> float:
    """Of a minute; infinite where there is none."""
    return LIMITS.get(quantity, float("inf"))


def look(readings: "Steps", calm: NDArray[np.uint8]) -> dict[int, Finding]:
    """What is found at which row. `calm` is remembered of each lane: 0 = nothing has jumped, else readings since then + 1."""
    dt = readings.at_ms - readings.before_ms
    allowed = readings.limit * (1 + np.maximum(dt - MINUTE_MS, 0) / (FARTHEST_MS - MINUTE_MS))
    near = (readings.before_ms > 0) & (dt <= FARTHEST_MS)
    score = np.where(near, np.abs(readings.value - readings.before), 0.0) / allowed
    concerned = (calm[readings.lane] > 0) | np.isin(readings.lane, readings.lane[score >= 1])
    found: dict[int, Finding] = {}
    for place in np.flatnonzero(concerned).tolist():
        lane = int(readings.lane[place])
        if score[place] >= 1:
            calm[lane] = 1
        elif calm[lane]:
            calm[lane] = 0 if calm[lane] > CALM else calm[lane] + 1
        else:
            continue
        was, far = float(readings.before[place]), float(allowed[place])
        at_ms, value = int(readings.at_ms[place]), float(readings.value[place])
        found[int(readings.row[place])] = Finding(
            float(score[place]), value, at_ms, was, was - far, was + far
        )
    return found


class Steps(NamedTuple):
    """Readings by lane, then time, each with the one before it; `before_ms` 0 = there is none."""

    lane: I64
    row: I64
    at_ms: I64
    value: F64
    before_ms: I64
    before: F64
    limit: F64
