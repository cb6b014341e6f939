"""VN_AQI, Vietnam's air quality index: Decision 1459/QĐ-TCMT of 12 November 2019. Pure.

Concentrations are in µg/m³ (CO too), an absent one is None. Every index is a whole number, halves rounded up.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

NOWCAST_HOURS = 12
NOWCAST_NEWEST, NOWCAST_NEEDED = 3, 2  # so many of the newest hours must be present
LEAST_WEIGHT = 0.5
DAY_HOURS, DAY_COMPLETE = 24, 18  # 75 %
EIGHT, EIGHT_COMPLETE = 8, 6
HIGHEST = 500


class Pollutant(StrEnum):
    """What has an index of its own; ozone has two."""

    PM25 = "pm25"
    PM10 = "pm10"
    O3_1H = "o3_1h"
    O3_8H = "o3_8h"
    NO2 = "no2"
    SO2 = "so2"
    CO = "co"


class Band(NamedTuple):
    """A band of the index, with its official Vietnamese name and colour."""

    low: int
    high: int
    name: str
    name_vi: str
    colour: str


BANDS = (
    Band(0, 50, "Good", "Tốt", "#00e400"),
    Band(51, 100, "Moderate", "Trung bình", "#ffff00"),
    Band(101, 150, "Poor", "Kém", "#ff7e00"),
    Band(151, 200, "Bad", "Xấu", "#ff0000"),
    Band(201, 300, "Very bad", "Rất xấu", "#8f3f97"),
    Band(301, 500, "Hazardous", "Nguy hại", "#7e0023"),
)
_STEPS = (0, 50, 100, 150, 200, 300, 400, 500)
BREAKPOINTS: Mapping[Pollutant, tuple[float, ...]] = {
    Pollutant.O3_1H: (0, 160, 200, 300, 400, 800, 1000, 1200),
    Pollutant.O3_8H: (0, 100, 120, 170, 210, 400),
    Pollutant.CO: (0, 10_000, 30_000, 45_000, 60_000, 90_000, 120_000, 150_000),
    Pollutant.SO2: (0, 125, 350, 550, 800, 1600, 2100, 2630),
    Pollutant.NO2: (0, 100, 200, 700, 1200, 2350, 3100, 3850),
    Pollutant.PM10: (0, 50, 150, 250, 350, 420, 500, 600),
    Pollutant.PM25: (0, 25, 50, 80, 150, 250, 350, 500),
}


class Index(NamedTuple):
    """An index and what it is made of. `value` and `main` (its pollutant) are None when the rules give none.

    `parts` has each pollutant's own index, `nowcast` the weighted means of dust (only an hourly index has them).
    """

    value: int | None
    main: Pollutant | None
    parts: Mapping[Pollutant, int]
    nowcast: Mapping[Pollutant, float]


class Day(NamedTuple):
    """What a daily index is computed from: the 24 h means of dust, else the largest mean of the day."""

    means: Mapping[Pollutant, float]
    hours: int  # of the day with dust in them

    @property
    def complete(self) -> bool:
        """Whether it stands on three quarters of the day."""
        return self.hours >= DAY_COMPLETE


def rounded(number: float) -> int:
    """The nearest whole number, halves up (Python's round() takes halves to the even one)."""
    return math.floor(number + 0.5)


def band(value: int) -> Band:
    """The band of an index from 0 to 500."""
    return next(band for band in BANDS if value <= band.high)


def index(pollutant: Pollutant, concentration: float) -> int | None:
    """AQI_x of one pollutant, 500 above the last breakpoint; None for 8 h ozone above 400 µg/m³.

    Raises ValueError for a concentration below 0.
    """
    if not 0 <= concentration < math.inf:
        raise ValueError(f"{pollutant} of {concentration} µg/m³ is no concentration")
    points = BREAKPOINTS[pollutant]
    for number in range(len(points) - 1):
        if concentration <= points[number + 1]:
            low, high = _STEPS[number], _STEPS[number + 1]
            slope = (high - low) / (points[number + 1] - points[number])
            return rounded(slope * (concentration - points[number]) + low)
    return None if pollutant is Pollutant.O3_8H else HIGHEST


def nowcast(means: Sequence[float | None]) -> float | None:
    """The weighted mean of up to 12 hourly means, the newest first; None unless two of the newest three are there."""
    hours = means[:NOWCAST_HOURS]
    present = [mean for mean in hours if mean is not None]
    if sum(mean is not None for mean in hours[:NOWCAST_NEWEST]) < NOWCAST_NEEDED:
        return None
    weight = max(min(present) / max(present), LEAST_WEIGHT) if max(present) > 0 else 1.0
    weighted = [(weight**age, mean) for age, mean in enumerate(hours) if mean is not None]
    return math.fsum(w * mean for w, mean in weighted) / math.fsum(w for w, _ in weighted)


def hourly(
    *,
    pm25: Sequence[float | None] = (),
    pm10: Sequence[float | None] = (),
    gases: Mapping[Pollutant, float | None] | None = None,
) -> Index:
    """The index of an hour: dust from NowCast over hourly means (the newest first), gases from the hour's mean.

    It exists only when PM2.5 or PM10 has one.
    """
    casts = {Pollutant.PM25: nowcast(pm25), Pollutant.PM10: nowcast(pm10)}
    known = {pollutant: mean for pollutant, mean in casts.items() if mean is not None}
    means = {**known, **{gas: mean for gas, mean in (gases or {}).items() if mean is not None}}
    return _largest({p: i for p, mean in means.items() if (i := index(p, mean)) is not None}, known)


def daily(means: Mapping[Pollutant, float]) -> Index:
    """The index of a day from its means (`day_means`). Ozone counts by the larger of its two.

    It exists only when PM2.5 or PM10 has one.
    """
    return _largest({p: i for p, mean in means.items() if (i := index(p, mean)) is not None}, {})


def _largest(parts: Mapping[Pollutant, int], casts: Mapping[Pollutant, float]) -> Index:
    if not {Pollutant.PM25, Pollutant.PM10} & parts.keys():
        return Index(None, None, parts, casts)
    main = max(parts, key=lambda pollutant: parts[pollutant])
    return Index(parts[main], main, parts, casts)


def day_means(hours: Mapping[str, Sequence[float | None]]) -> Day:
    """A day's means from the 24 hourly means of each quantity, in time order.

    The 8 h means of ozone lie inside the day and stand on at least six of their hours.
    """
    means: dict[Pollutant, float] = {}
    for dust in (Pollutant.PM25, Pollutant.PM10):
        if present := _present(hours.get(dust, ())):
            means[dust] = math.fsum(present) / len(present)
    for gas in (Pollutant.NO2, Pollutant.SO2, Pollutant.CO):
        if present := _present(hours.get(gas, ())):
            means[gas] = max(present)
    ozone = hours.get("o3", ())
    if present := _present(ozone):
        means[Pollutant.O3_1H] = max(present)
    eights = [_present(ozone[first : first + EIGHT]) for first in range(len(ozone) - EIGHT + 1)]
    if long := [math.fsum(eight) / len(eight) for eight in eights if len(eight) >= EIGHT_COMPLETE]:
        means[Pollutant.O3_8H] = max(long)
    counts = [len(_present(hours.get(dust, ()))) for dust in (Pollutant.PM25, Pollutant.PM10)]
    return Day(means, max(counts))


def _present(means: Sequence[float | None]) -> list[float]:
    return [mean for mean in means if mean is not None]
