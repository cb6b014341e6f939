"""What the simulated city is like: a seeded, deterministic function of site, quantity and time. Pure.

Time of day, rush hours, slow weather, a daily pollution episode in the industrial places, and noise. Values are in the
canonical units of telemetry.quantities; times in seconds since 1970 UTC.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from telemetry.times import CITY_OFFSET_MS

TIDE_S = 24.84 * 3600  # one high water a day in the bay
METER_NEW_S = 1_600_000_000  # when every energy meter stood at 0
DAY_A, NIGHT_A = 3.0, 11.0  # a cabinet's load, and what the street lights add
_INDUSTRY = {"industry": 18.0, "mining": 22.0, "port": 12.0, "roads": 8.0, "bridge": 8.0, "centre": 6.0}
SPIKES = {
    "pm1": 120.0, "pm25": 180.0, "pm4": 220.0, "pm10": 260.0, "water_level": 4.0, "solar_radiation": 700.0,
    "co2": 1600.0, "temperature": 18.0, "humidity": -40.0,
    "noise_level": 32.0, "wind_speed": 25.0, "vehicle_speed": 90.0, "voltage": 60.0, "occupancy": 60.0, "pressure": 40.0,
}  # fmt: skip


class Pass(NamedTuple):
    """A vehicle that passes a radar: speed in km/h, positive = coming nearer."""

    at_s: float
    speed_kmh: float


class Model:
    """The city of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def value(self, sensor: str, kind: str, quantity: str, at_s: float) -> float:
        """What a healthy sensor at a place of this kind would measure."""
        rng = Random(f"{self._seed}/{sensor}/{quantity}/{int(at_s * 4)}")
        return _clean(quantity, self._typical(kind, quantity, at_s, self._place(sensor)), rng)

    def typical(self, sensor: str, kind: str, quantity: str, at_s: float) -> float:
        """The same without its noise."""
        return self._typical(kind, quantity, at_s, self._place(sensor))

    def values(self, sensor: str, kind: str, quantity: str, times_s: Sequence[float]) -> list[float]:
        """The same at many moments, quickly: another draw of the noise than `value` has."""
        rng = Random(f"{self._seed}/{sensor}/{quantity}/{times_s[0] if times_s else 0}")
        place = self._place(sensor)
        return [_clean(quantity, self._typical(kind, quantity, at_s, place), rng) for at_s in times_s]

    def _place(self, sensor: str) -> float:
        return Random(f"{self._seed}/{sensor}").uniform(-1, 1)

    def passes(self, sensor: str, kind: str, second: int) -> list[Pass]:
        """The vehicles of one whole second."""
        rng = Random(f"{self._seed}/{sensor}/pass/{second}")
        busy = 0.10 + 0.25 * rush(second) + (0.1 if kind in ("bridge", "roads") else 0.0)
        if rng.random() > busy:
            return []
        speed = max(8.0, rng.gauss(42.0 - 14.0 * rush(second), 7.0))
        return [Pass(second + rng.random() * 0.3, speed if rng.random() < 0.5 else -speed)]

    def _typical(self, kind: str, quantity: str, at_s: float, place: float) -> float:
        hour, day = hour_of(at_s), at_s / 86400
        sun = max(0.0, math.sin((hour - 6) / 12 * math.pi))
        warm = math.sin((hour - 9) / 24 * 2 * math.pi)
        weather = math.sin(day * 2 * math.pi / 5.3 + self._seed)
        dust = (
            17 + 3 * place + 14 * rush(at_s) + _INDUSTRY.get(kind, 0.0) * (0.4 + episode(at_s)) + 5 * weather
        )
        night = 1.0 if hour < 6 or hour >= 18 else 0.0
        current = DAY_A + place + NIGHT_A * night
        match quantity:
            case "pm25":
                return dust
            case "pm1":
                return 0.7 * dust
            case "pm4":
                return 1.3 * dust
            case "pm10":
                return 1.7 * dust
            case "co2":
                return 432 + 70 * rush(at_s) + 15 * place
            case "temperature":
                return 25 + 4.5 * warm + 2 * weather + place
            case "device_temperature":
                return 31 + 4 * warm + place
            case "humidity":
                return 78 - 12 * warm - 6 * weather
            case "pressure":
                return 1012 + 4 * weather + place
            case "noise_level":
                return 53 + 13 * rush(at_s) + 4 * place
            case "wind_speed":
                return 2.6 + 1.4 * weather + sun
            case "wind_direction":
                return 120 + 70 * weather + 20 * place
            case "illuminance":
                return 62000 * sun
            case "solar_radiation":
                return 900 * sun
            case "vehicle_speed":
                return 42.0 - 14.0 * rush(at_s)
            case "water_level":
                return 2.1 + 1.6 * math.sin(at_s / TIDE_S * 2 * math.pi) + 0.1 * place
            case "rain":
                return at_s // 1800 % 60000 * 0.1
            case "voltage":
                return 228 + 3 * weather + place - 2 * night
            case "current":
                return current
            case "power":
                return current * 228
            case "energy":
                return 0.228 * (_ampere_hours(at_s, place) - _ampere_hours(METER_NEW_S, place))
        raise ValueError(f"the city has no {quantity!r}")


_NOISE = {
    "pm25": 1.6, "pm1": 1.2, "pm4": 1.8, "pm10": 2.4, "water_level": 0.01, "solar_radiation": 8.0,
    "co2": 4.0, "temperature": 0.12, "device_temperature": 0.2, "humidity": 0.4,
    "pressure": 0.08, "noise_level": 1.8, "wind_speed": 0.35, "wind_direction": 9.0, "illuminance": 250.0,
    "voltage": 0.5, "current": 0.15, "power": 18.0, "vehicle_speed": 7.0,
}  # fmt: skip


def _clean(quantity: str, typical: float, rng: Random) -> float:
    value = typical + rng.gauss(0.0, _NOISE[quantity]) if quantity in _NOISE else typical
    if quantity == "wind_direction":
        return value % 360
    if quantity == "humidity":
        return min(99.0, max(5.0, value))
    return value if quantity in ("temperature", "device_temperature") else max(0.0, value)


def hour_of(at_s: float) -> float:
    """The hour of the day in Hạ Long, 0 to 24."""
    return (at_s + CITY_OFFSET_MS / 1000) / 3600 % 24


def _ampere_hours(at_s: float, place: float) -> float:
    """The integral of a cabinet's current since 1970."""
    hours = (at_s + CITY_OFFSET_MS / 1000) / 3600
    days, hour = divmod(hours, 24)
    return (DAY_A + place) * hours + NIGHT_A * (12 * days + min(hour, 6.0) + max(hour - 18, 0.0))


def rush(at_s: float) -> float:
    """0 at night to 1.25 at half past seven and half past five."""
    hour = hour_of(at_s)
    return (
        math.exp(-(((hour - 7.5) / 1.2) ** 2))
        + math.exp(-(((hour - 17.5) / 1.5) ** 2))
        + 0.25 * (6 < hour < 22)
    )


def episode(at_s: float) -> float:
    """The pollution episode of a still morning, 0 to 1."""
    return math.exp(-(((hour_of(at_s) - 9.5) / 1.8) ** 2))
