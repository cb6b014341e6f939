"""Bands and limits the panels draw: to be checked before regulatory use. Pure.

Limits are those of `runtime/limits.toml`, by which the hub raises alarms too; bands those of VN_AQI (Decision 1459/QĐ-TCMT,
12 November 2019).
"""

from datetime import date

from grafana.looks import Steps
from runtime.limits import read
from telemetry.aqi import BANDS, BREAKPOINTS, Pollutant

TO_BE_CHECKED = "limit to be checked · giới hạn cần kiểm tra"
CHECK = "Limits are to be checked against the rule in force. · Giới hạn cần được kiểm tra theo quy chuẩn hiện hành."
GOOD = BANDS[0].colour
NOON, NIGHT = 12, 23  # hours of the city
_SHIPPED = read("")


def limit(quantity: str, hours: int, at_hour: int = NOON) -> float:
    """The newest shipped limit of ordinary places for a mean over so many hours. Raises ValueError where there is not one."""
    (found,) = (
        one.limit
        for one in _SHIPPED
        if one.quantity == quantity and one.hours == hours and one.holds("", date.max, at_hour)
    )
    return found


NOISE = "noise_level"
PM25_DAY, PM10_DAY = limit("pm25", 24), limit("pm10", 24)
NOISE_DAY, NOISE_NIGHT = limit(NOISE, 1), limit(NOISE, 1, NIGHT)
NOISE_STEPS: Steps = ((NOISE_NIGHT, "yellow"), (NOISE_DAY, "red"))
AQI_STEPS: Steps = tuple((float(band.low), band.colour) for band in BANDS[1:])


def bands(pollutant: Pollutant) -> Steps:
    """The concentration (µg/m³) from which each band of VN_AQI but the first is, with its official colour."""
    edges = BREAKPOINTS[pollutant][1 : len(BANDS)]
    return tuple((edge, band.colour) for edge, band in zip(edges, BANDS[1:], strict=True))


PM25_BANDS = bands(Pollutant.PM25)
PM10_BANDS = bands(Pollutant.PM10)


def day_limit(limit: float) -> Steps:
    """Yellow from nine tenths of the limit, red from the limit on."""
    return ((0.9 * limit, "yellow"), (limit, "red"))
