"""What a quantity is about: the families an operator thinks in. Pure."""

from enum import StrEnum


class Family(StrEnum):
    """What is measured, in one word."""

    AIR = "air"
    WEATHER = "weather"
    NOISE = "noise"
    TRAFFIC = "traffic"
    POWER = "power"
    WATER = "water"
    DEVICE = "device"


_MEMBERS = {
    Family.AIR: "pm1 pm25 pm4 pm10 co2 no2 so2 o3 co",
    Family.WEATHER: "temperature humidity pressure wind_speed wind_direction rain illuminance solar_radiation",
    Family.NOISE: "noise_level noise_laeq",
    Family.TRAFFIC: "vehicle_count vehicle_speed vehicle_speed_p85 occupancy",
    Family.POWER: "voltage current power energy",
    Family.WATER: "water_level",
}
_FAMILY = {name: family for family, names in _MEMBERS.items() for name in names.split()}


def family(quantity: str) -> Family:
    """The family of a quantity; what says nothing of the city is of the device."""
    return _FAMILY.get(quantity, Family.DEVICE)
