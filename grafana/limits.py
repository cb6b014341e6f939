"""Bands and limits the panels draw, from memory of the documents named here: to be checked before regulatory use. Pure.

VN_AQI: Decision 1459/QĐ-TCMT, 12 November 2019. Ambient air: QCVN 05:2023/BTNMT. Noise: QCVN 26:2010/BTNMT.
"""

from grafana.looks import Steps
from telemetry.aqi import BANDS, BREAKPOINTS, Pollutant

TO_BE_CHECKED = "limit to be checked · giới hạn cần kiểm tra"
CHECK = "Limits are to be checked against the rule in force. · Giới hạn cần được kiểm tra theo quy chuẩn hiện hành."
GOOD = BANDS[0].colour
PM25_DAY, PM10_DAY = 45.0, 100.0  # µg/m³ over 24 h; PM2.5 from 2026-01-01, 50 until then
NOISE_DAY, NOISE_NIGHT = 70.0, 55.0  # dBA, ordinary areas, 6-21 h and 21-6 h
NOISE_SPECIAL_DAY, NOISE_SPECIAL_NIGHT = 55.0, 45.0  # schools, hospitals …
NOISE_STEPS: Steps = ((NOISE_NIGHT, "yellow"), (NOISE_DAY, "red"))


def bands(pollutant: Pollutant) -> Steps:
    """The concentration (µg/m³) from which each band of VN_AQI but the first is, with its official colour."""
    edges = BREAKPOINTS[pollutant][1 : len(BANDS)]
    return tuple((edge, band.colour) for edge, band in zip(edges, BANDS[1:], strict=True))


PM25_BANDS = bands(Pollutant.PM25)
PM10_BANDS = bands(Pollutant.PM10)


def day_limit(limit: float) -> Steps:
    """Yellow from nine tenths of the limit, red from the limit on."""
    return ((0.9 * limit, "yellow"), (limit, "red"))
