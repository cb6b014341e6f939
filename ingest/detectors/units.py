"""Another unit: several readings in a row far from the level which, brought back (a tenth, ten times, from °F), lie at it.

Of what people can change at once only where the value is impossible as well. The spike detector asks, and knows the level.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.detectors.finding import Finding
from ingest.detectors.glance import COUNTER, DIRECTION, Glance
from ingest.detectors.lanes import F64, Block, Bools
from telemetry.quantities import QUANTITIES
from telemetry.reading import Flag

READINGS = 3  # in a row
SURE = 2.0  # the highest score
NEAR = 2.0  # scales from the level, once it is brought back
# Nothing outdoors makes these ten times what they were, or a tenth.
STEADY = ("temperature", "device_temperature", "humidity", "pressure", "voltage")
FAHRENHEIT = ("temperature", "device_temperature")  # what instruments also tell in °F

TABLES: Mapping[str, Block] = MappingProxyType(
    {
        "unit_run": ((), np.int64),  # readings in another unit ...
        "unit_since": ((), np.int64),  # ... and the first of them
    }
)
CONSTANTS: Mapping[str, NDArray[Any]] = MappingProxyType(
    {
        "has_unit": ~COUNTER & ~DIRECTION,
        "steady": np.array([name in STEADY for name in QUANTITIES]),
        "fahrenheit": np.array([name in FAHRENHEIT for name in QUANTITIES]),
    }
)


def look(frame: Glance, near_enough: float) -> F64:
    """Of outliers, which the frame has found with their level and scale: at least 1 is found, and goes on while the reading is
    within so many scales."""
    another, own = _brought_back(frame, near_enough)
    run = np.where(another, frame.past["unit_run"] + 1, 0)
    since = np.where(run == 1, frame.at_ms, frame.past["unit_since"])
    frame.found |= {"own": own, "unit_run": run, "unit_since": since}
    frame.found["unit"] = np.minimum(run / READINGS, SURE)
    return frame.found["unit"]


def find(frame: Glance, column: int) -> Finding:
    """Without what is expected."""
    run, since = int(frame.found["unit_run"][column]), int(frame.found["unit_since"][column])
    return Finding(float(frame.found["unit"][column]), float(frame.x[column]), since, readings=run)


def learn(frame: Glance, rate: float) -> None:
    """What is told as another unit moves the level as it would in its own."""
    past, found = frame.past, frame.found
    past["unit_run"][:], past["unit_since"][:] = found["unit_run"], found["unit_since"]
    told = past["unit_run"] >= READINGS
    np.copyto(past["last_ms"], frame.at_ms, where=told)
    past["level"] += np.where(told, (found["own"] - past["level"]) * rate, 0)


def _brought_back(frame: Glance, near_enough: float) -> tuple[Bools, F64]:
    """Which outliers lie at the level once they are brought back, and where each lies then."""
    found, constants = frame.found, frame.constants
    plain = constants["steady"] | (frame.flags & int(Flag.RANGE) != 0)
    another: Bools = found["outlier"] & plain & constants["has_unit"]
    own = frame.x.copy()
    (columns,) = np.nonzero(another)
    if columns.size:
        x, level = frame.x[columns], found["level"][columns]
        from_f = np.where(constants["fahrenheit"][columns], (x - 32) / 1.8, np.inf)
        brought = np.stack([x / 10, x * 10, from_f])
        own[columns] = brought[np.abs(brought - level).argmin(0), np.arange(columns.size)]
        told = frame.past["unit_run"][columns] >= READINGS
        near = np.where(told, near_enough, NEAR) * found["scale"][columns]
        another[columns] = np.abs(own[columns] - level) <= near
    return another, own
