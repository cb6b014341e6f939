"""What the neighbours of a sensor lead to expect of it, from a week in which all were well. Pure.

A neighbour is no reference: it stands elsewhere and has another gain. So what it reads is first brought to the mean and the
deviation that the sensor had in that week, as in a network with proxies (Miskell et al. 2018, doi:10.1021/acssensors.8b00074,
after Miskell et al. 2016, doi:10.1021/acs.est.5b04421, who compare hourly means over 72 h and call 30 % in slope a drift). What
is left of the difference is the sensor's own.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ingest.detectors.lanes import F64, Bools

SLOPES = 0.5, 2.0  # of a sensor against a neighbour: what lies beyond was learned in a week without weather
LEAST = 1e-3  # in the unit: less is taken for so much before a logarithm
ODD_DAYS, NEAR, FITTED = 2, 3.0, 2.0  # of a week; in spreads; numbers that a match is made of
CLOSEST = 3.0  # times wider than the closest five of seven days all are: of 4,000 weeks of Gaussian noise
ALIKE = 0.2  # slopes of neighbours are about 1, by so much: what a week without weather says of them counts little
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
    """Per neighbour: what it reads is expected to be `mine + slope · (reads - theirs)` here, a day within `spread`."""

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


def match(mine: F64, theirs: F64, least: float) -> Match:
    """Of levels of the same days, (neighbours, days) each. Deviations are matched, not fitted: days without weather give slope 1,
    not 0. Two odd days of a week do no harm: of all choices of the others the closest is taken, then the days that are near it,
    where `least` is near in any case (reweighted least trimmed squares: Rousseeuw 1984, doi:10.1080/01621459.1984.10477105)."""
    days = mine.shape[1]
    choices = np.array(
        [np.isin(np.arange(days), kept) for kept in combinations(range(days), days - ODD_DAYS)]
    )
    every = _fit(mine[:, None], theirs[:, None], np.broadcast_to(choices, (len(mine), *choices.shape)), 0.0)
    best = every.spread.argmin(1)
    rough = Match(*(part[np.arange(len(mine)), best] for part in every))
    left = np.abs(mine - expected(rough, theirs))
    near = NEAR * np.maximum(CLOSEST * rough.spread, least)
    return _fit(mine, theirs, left <= near[:, None], FITTED)


def expected(known: Match, theirs: F64) -> F64:
    """What the neighbours, (neighbours, any number), lead to expect."""
    return known.mine[:, None] + known.slope[:, None] * (theirs - known.theirs[:, None])


def _fit(mine: F64, theirs: F64, used: Bools, fitted: float) -> Match:
    """Over the last axis, where `used`; the spread as of so many numbers fewer."""
    count = np.maximum(used.sum(-1), 1)
    mean = (np.where(used, mine, 0).sum(-1) / count, np.where(used, theirs, 0).sum(-1) / count)
    off = (np.where(used, mine - mean[0][..., None], 0), np.where(used, theirs - mean[1][..., None], 0))
    wide = [(one**2).sum(-1) for one in off]
    slope = np.clip(np.sqrt(wide[0] / np.maximum(wide[1], 1e-12)), *SLOPES)
    together = (off[0] * off[1]).sum(-1) ** 2 / np.maximum(wide[0] * wide[1], 1e-12)
    unsure = np.maximum(1 - together, 0) / np.maximum(count - fitted, 1)  # its variance, as a share of it
    slope = slope ** (1 / (1 + unsure / ALIKE**2))
    left = ((off[0] - slope[..., None] * off[1]) ** 2).sum(-1)
    return Match(slope, *mean, np.sqrt(left / np.maximum(count - fitted, 1)))


def median_nearest(values: F64) -> float:
    """The median; of two in the middle the one nearer to 0, so that of three sensors only the one that walks off is told of."""
    ordered = np.sort(values)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return low if abs(low) <= abs(high) else high
