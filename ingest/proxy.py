"""What the neighbours of a sensor lead to expect of it, from a week in which all were well. Pure.

A neighbour is no reference: it stands elsewhere and has another gain. So what it reads is first brought to the mean and the
deviation that the sensor had in that week, as in a network with proxies (Miskell et al. 2018, doi:10.1021/acssensors.8b00074,
after Miskell et al. 2016, doi:10.1021/acs.est.5b04421, who compare hourly means over 72 h and call 30 % in slope a drift). What
is left of the difference is the sensor's own.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ingest.detectors.lanes import F64, Bools

SLOPES = 0.5, 2.0  # of a sensor against a neighbour: what lies beyond was learned in a week without weather
LEAST = 1e-3  # in the unit: less is taken for so much before a logarithm
NIGHT, DAY, ALWAYS = tuple(range(6)), tuple(range(9, 15)), tuple(range(24))


class Yardstick(NamedTuple):
    """How a quantity is compared: at which hours of the day, as a logarithm or not, and from which difference on it matters; a
    spread below `least` is not believed. `widely`: the whole city may be asked, not the site alone. `offset` is added before a
    logarithm is taken, in the unit."""

    hours: tuple[int, ...]
    matters: float
    least: float
    scales: bool = False
    offset: float = 0.0
    widely: bool = True


# Particles and gases at night, when the air is mixed; the air's state too, when nothing stands in the sun. Where an instrument
# ages in its gain the logarithm is compared: 0.15 is 16 %. PM1 and PM4 are derived from the other sizes by most sensors.
YARDSTICKS: Mapping[str, Yardstick] = {
    "pm25": Yardstick(NIGHT, 0.15, 0.03, scales=True, offset=2.0),
    "pm10": Yardstick(NIGHT, 0.15, 0.03, scales=True, offset=3.0),
    "no2": Yardstick(NIGHT, 0.15, 0.03, scales=True, offset=4.0),
    "so2": Yardstick(NIGHT, 0.15, 0.03, scales=True, offset=4.0),
    "o3": Yardstick(NIGHT, 0.15, 0.03, scales=True, offset=4.0),
    "co": Yardstick(NIGHT, 0.15, 0.03, scales=True, offset=100.0),
    "co2": Yardstick(NIGHT, 0.10, 0.01, scales=True),
    "temperature": Yardstick(NIGHT, 1.0, 0.1),
    "humidity": Yardstick(NIGHT, 5.0, 0.5),
    "pressure": Yardstick(ALWAYS, 1.0, 0.1),
    "illuminance": Yardstick(DAY, 0.25, 0.05, scales=True, offset=100.0),
    "solar_radiation": Yardstick(DAY, 0.25, 0.05, scales=True, offset=10.0),
    "noise_level": Yardstick(ALWAYS, 3.0, 0.3, widely=False),
    "noise_laeq": Yardstick(ALWAYS, 3.0, 0.3, widely=False),
    "water_level": Yardstick(ALWAYS, 0.1, 0.01, widely=False),
}


class Match(NamedTuple):
    """Per neighbour: what it reads is expected to be `mine + slope · (reads - theirs)` here, within `spread` of an hour's."""

    slope: F64
    mine: F64
    theirs: F64
    spread: F64


def measured(stick: Yardstick, values: F64) -> F64:
    """Values on the scale on which they are compared."""
    return np.log(np.maximum(values + stick.offset, LEAST)) if stick.scales else values


def unmeasured(stick: Yardstick, value: float) -> float:
    """Back in the unit."""
    return float(np.exp(value)) - stick.offset if stick.scales else value


def moments(mine: F64, theirs: F64, both: Bools) -> F64:
    """(neighbours, 6): number, sums and products of the hours that both have. `mine` (hours,), `theirs` (neighbours, hours)."""
    x, y = np.where(both, mine, 0.0), np.where(both, theirs, 0.0)
    return np.stack([both.sum(1), x.sum(1), y.sum(1), (x * x).sum(1), (y * y).sum(1), (x * y).sum(1)], axis=1)


def match(sums: F64) -> Match:
    """Of neighbours with these `moments`. Deviations are matched, not fitted: what has no weather in it has slope 1, not 0."""
    number, x, y, xx, yy, xy = (sums[:, place] for place in range(6))
    number = np.maximum(number, 1)
    mine, theirs = x / number, y / number
    var_x, var_y = np.maximum(xx / number - mine**2, 0), np.maximum(yy / number - theirs**2, 0)
    slope = np.clip(np.sqrt(var_x / np.maximum(var_y, 1e-12)), *SLOPES)
    left = var_x + slope**2 * var_y - 2 * slope * (xy / number - mine * theirs)
    return Match(slope, mine, theirs, np.sqrt(np.maximum(left, 0)))


def median_nearest(values: F64) -> float:
    """The median; of two in the middle the one nearer to 0, so that of three sensors only the one that walks off is told of."""
    ordered = np.sort(values)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return low if abs(low) <= abs(high) else high
