"""The US air quality index, to stand beside VN_AQI: 40 CFR part 58 appendix G as of May 2024. Pure.

Concentrations come in µg/m³; gases are converted at 25 °C and 1013.25 hPa and truncated as the rule asks. CO is left out:
it wants an 8 h mean. Dust of an hour is NowCast (the same weights as VN_AQI's).
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from telemetry.aqi import HIGHEST, Pollutant, rounded
from telemetry.quantities import MOLAR_MASS, MOLAR_VOLUME


class _Table(NamedTuple):
    """Upper ends of the bands in steps of `step`; a band begins one step above the end before it."""

    step: float
    ends: tuple[float, ...]
    indices: tuple[int, ...] = (0, 50, 100, 150, 200, 300, 500)
    gas: str = ""


_TABLES: Mapping[Pollutant, _Table] = {
    Pollutant.PM25: _Table(0.1, (9.0, 35.4, 55.4, 125.4, 225.4, 325.4)),
    Pollutant.PM10: _Table(1, (54, 154, 254, 354, 424, 604)),
    Pollutant.O3_8H: _Table(1, (54, 70, 85, 105, 200), (0, 50, 100, 150, 200, 300), "o3"),  # ppb
    Pollutant.O3_1H: _Table(1, (124, 164, 204, 404, 604), (100, 100, 150, 200, 300, 500), "o3"),
    Pollutant.NO2: _Table(1, (53, 100, 360, 649, 1249, 2049), gas="no2"),
    Pollutant.SO2: _Table(
        1, (35, 75, 185, 304), (0, 50, 100, 150, 200), "so2"
    ),  # 1 h means say no more than 200
}
_O3_1H_FROM = 125  # ppb; below it only the 8 h mean counts


def index(pollutant: Pollutant, concentration: float) -> int | None:
    """The index of one pollutant, 500 above its last band; None where the rule has none."""
    table = _TABLES.get(pollutant)
    if table is None:
        return None
    amount = concentration * MOLAR_VOLUME / MOLAR_MASS[table.gas] if table.gas else concentration
    amount = math.floor(amount / table.step + 1e-9) * table.step
    if pollutant is Pollutant.O3_1H and amount < _O3_1H_FROM:
        return None
    low = 0.0
    for number, end in enumerate(table.ends):
        if amount <= end + table.step / 2:
            first, last = table.indices[number], table.indices[number + 1]
            first += number > 0
            return rounded((last - first) / (end - low) * (amount - low) + first)
        low = end + table.step
    return {Pollutant.O3_8H: None, Pollutant.SO2: 200}.get(pollutant, HIGHEST)


def largest(means: Mapping[Pollutant, float]) -> int | None:
    """The index of an hour (dust by NowCast) or a day; None when no pollutant has one."""
    return max((i for p, mean in means.items() if (i := index(p, mean)) is not None), default=None)
