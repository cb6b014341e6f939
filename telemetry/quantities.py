"""The catalogue of quantities: name, canonical unit, kind, physical range, and what a mean of it is.

Units are SenML unit names (RFC 8428 section 12.1, RFC 8798 for the secondary ones such as `ug/m3`, `hPa`, `km/h`).
`deg` for directions is not in these two documents; it is the UCUM code and is kept because degrees are what every
wind vane reports.

`vehicle_speed_p85` is a percentile of one period's vehicles. Its mean over a window is the mean of the periods' percentiles,
not the percentile of the window's vehicles: that needs each vehicle's speed.
"""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """How values of a quantity combine."""

    GAUGE = "gauge"  # a state: temperature
    LEVEL_DB = "level_db"  # a logarithm of energy: sound level
    DIRECTION = "direction"  # an angle in degrees, 359 is next to 0
    COUNTER = "counter"  # only rises, falls back to 0 at a reset: energy, rain gauge
    COUNT = "count"  # events in the period that ends at observed_at
    RATE = "rate"  # events or amount per unit of time


class Aggregate(StrEnum):
    """Functions over a window of one series; `telemetry.aggregates` is their reference implementation."""

    MEAN = "mean"
    ENERGY_MEAN = "energy_mean"
    VECTOR_MEAN = "vector_mean"
    INCREASE = "increase"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    FIRST = "first"
    LAST = "last"


DEFAULT_AGGREGATE = {
    Kind.GAUGE: Aggregate.MEAN,
    Kind.LEVEL_DB: Aggregate.ENERGY_MEAN,
    Kind.DIRECTION: Aggregate.VECTOR_MEAN,
    Kind.COUNTER: Aggregate.INCREASE,
    Kind.COUNT: Aggregate.SUM,
    Kind.RATE: Aggregate.MEAN,
}


class Quantity(NamedTuple):
    """One observed property. `low` and `high` bound what is physically possible outdoors, in `unit`."""

    name: str
    unit: str
    kind: Kind
    low: float
    high: float
    decimals: int
    title: str
    title_vi: str

    @property
    def aggregate(self) -> Aggregate:
        """What "the mean of it" is."""
        return DEFAULT_AGGREGATE[self.kind]


_G, _D, _C = Kind.GAUGE, Kind.DIRECTION, Kind.COUNTER
_ALL = (
    Quantity("pm1", "ug/m3", _G, 0, 1000, 1, "PM1", "Bụi PM1"),
    Quantity("pm25", "ug/m3", _G, 0, 1000, 1, "PM2.5", "Bụi PM2.5"),
    Quantity("pm4", "ug/m3", _G, 0, 1000, 1, "PM4", "Bụi PM4"),
    Quantity("pm10", "ug/m3", _G, 0, 2000, 1, "PM10", "Bụi PM10"),
    Quantity("co2", "ppm", _G, 250, 10000, 0, "CO₂", "CO₂"),
    Quantity("no2", "ug/m3", _G, 0, 4000, 1, "NO₂", "NO₂"),
    Quantity("so2", "ug/m3", _G, 0, 5000, 1, "SO₂", "SO₂"),
    Quantity("o3", "ug/m3", _G, 0, 2000, 1, "O₃", "O₃"),
    Quantity("co", "ug/m3", _G, 0, 200000, 0, "CO", "CO"),
    Quantity("temperature", "Cel", _G, -40, 80, 1, "Air temperature", "Nhiệt độ không khí"),
    Quantity("device_temperature", "Cel", _G, -40, 125, 1, "Device temperature", "Nhiệt độ thiết bị"),
    Quantity("humidity", "%RH", _G, 0, 100, 1, "Relative humidity", "Độ ẩm tương đối"),
    Quantity("pressure", "hPa", _G, 850, 1100, 1, "Air pressure", "Áp suất không khí"),
    Quantity("noise_level", "dB", Kind.LEVEL_DB, 20, 140, 1, "Sound level (fast)", "Mức âm tức thời"),
    Quantity("noise_laeq", "dB", Kind.LEVEL_DB, 20, 140, 1, "Equivalent sound level", "Mức âm tương đương"),
    Quantity("wind_speed", "m/s", _G, 0, 75, 1, "Wind speed", "Tốc độ gió"),
    Quantity("wind_direction", "deg", _D, 0, 360, 0, "Wind direction", "Hướng gió"),
    Quantity("rain", "mm", _C, 0, 1000000, 1, "Rain, counting up", "Lượng mưa tích lũy"),
    Quantity("illuminance", "lx", _G, 0, 200000, 0, "Illuminance", "Độ rọi"),
    Quantity("solar_radiation", "W/m2", _G, 0, 1800, 0, "Solar radiation", "Bức xạ mặt trời"),
    Quantity("vehicle_count", "count", Kind.COUNT, 0, 100000, 0, "Vehicles", "Số phương tiện"),
    Quantity("vehicle_speed", "km/h", _G, 0, 300, 1, "Vehicle speed", "Tốc độ phương tiện"),
    Quantity("vehicle_speed_p85", "km/h", _G, 0, 300, 1, "85th-percentile speed", "Tốc độ phân vị 85"),
    Quantity("occupancy", "%", _G, 0, 100, 2, "Road occupancy", "Độ chiếm dụng đường"),
    Quantity("voltage", "V", _G, 0, 1000, 1, "Voltage", "Điện áp"),
    Quantity("current", "A", _G, 0, 2000, 2, "Current", "Dòng điện"),
    Quantity("power", "W", _G, -1000000, 1000000, 0, "Power", "Công suất"),
    Quantity("energy", "kWh", _C, 0, 100000000, 2, "Energy, counting up", "Điện năng tích lũy"),
    Quantity("water_level", "m", _G, -20, 100, 2, "Water level", "Mực nước"),
    Quantity("battery", "%EL", _G, 0, 100, 0, "Battery", "Pin"),
)

QUANTITIES: dict[str, Quantity] = {quantity.name: quantity for quantity in _ALL}

# (given unit, canonical unit) -> (factor, offset): canonical = given * factor + offset
_LINEAR: dict[tuple[str, str], tuple[float, float]] = {
    ("degF", "Cel"): (5 / 9, -160 / 9),
    ("K", "Cel"): (1.0, -273.15),
    ("Pa", "hPa"): (0.01, 0.0),
    ("kPa", "hPa"): (10.0, 0.0),
    ("mmHg", "hPa"): (1.33322387415, 0.0),
    ("inHg", "hPa"): (33.86388666667, 0.0),
    ("m/s", "km/h"): (3.6, 0.0),
    ("mi/h", "km/h"): (1.609344, 0.0),
    ("ft/s", "km/h"): (1.09728, 0.0),
    ("cm/s", "km/h"): (0.036, 0.0),
    ("km/h", "m/s"): (1 / 3.6, 0.0),
    ("mi/h", "m/s"): (0.44704, 0.0),
    ("kn", "m/s"): (1852 / 3600, 0.0),
    ("mg/m3", "ug/m3"): (1000.0, 0.0),
    ("mV", "V"): (0.001, 0.0),
    ("mA", "A"): (0.001, 0.0),
    ("kW", "W"): (1000.0, 0.0),
    ("Wh", "kWh"): (0.001, 0.0),
    ("J", "kWh"): (1 / 3600000, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("mm", "m"): (0.001, 0.0),
    ("m", "mm"): (1000.0, 0.0),
    ("/", "%"): (100.0, 0.0),
    ("/", "%RH"): (100.0, 0.0),
    ("%", "%RH"): (1.0, 0.0),
    ("%", "%EL"): (1.0, 0.0),
    ("rad", "deg"): (57.29577951308232, 0.0),
}

# A gas given in ppb or ppm is converted at 25 °C and 1013.25 hPa, where a mole fills 24.45 litres: ug/m3 = ppb · g/mol / 24.45.
MOLAR_VOLUME = 24.45  # l/mol
MOLAR_MASS = {"no2": 46.0055, "so2": 64.066, "o3": 47.9982, "co": 28.010}  # g/mol
_FRACTIONS = {"ppb": 1.0, "ppm": 1000.0}  # in ppb


class UnknownQuantityError(ValueError):
    """The name is not in the catalogue."""


class UnitMismatchError(ValueError):
    """The unit cannot be converted into the quantity's canonical unit."""


def quantity(name: str) -> Quantity:
    """The catalogue entry of `name`; raises UnknownQuantityError."""
    try:
        return QUANTITIES[name]
    except KeyError:
        raise UnknownQuantityError(f"unknown quantity {name!r}") from None


def to_canonical(name: str, value: float, unit: str) -> float:
    """`value` given in `unit`, in the canonical unit of quantity `name`.

    Raises UnknownQuantityError, or UnitMismatchError when no linear conversion is known.
    """
    canonical = quantity(name).unit
    if unit == canonical:
        return value
    if unit in _FRACTIONS and name in MOLAR_MASS:
        return value * _FRACTIONS[unit] * MOLAR_MASS[name] / MOLAR_VOLUME
    try:
        factor, offset = _LINEAR[unit, canonical]
    except KeyError:
        raise UnitMismatchError(
            f"{name} is kept in {canonical}; {unit!r} cannot be converted into it"
        ) from None
    return value * factor + offset
