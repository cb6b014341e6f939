"""The devices that can hang on a serial line, by protocol: what each reports, how often, and how it is built. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from firmware_sim.city import STATION
from firmware_sim.device import Device, Measure
from firmware_sim.devices.air_station import AirStation
from firmware_sim.devices.board import QUANTITIES, Board
from firmware_sim.devices.davis import DavisConsole
from firmware_sim.devices.gnss import Gnss
from firmware_sim.devices.ld2451 import Ld2451
from firmware_sim.devices.mhz19 import MhZ19
from firmware_sim.devices.ops243 import Ops243
from firmware_sim.devices.pms5003 import CLIMATE, MASSES, Pms5003
from firmware_sim.devices.sdi12 import VALUES, Sdi12Probe
from firmware_sim.devices.sds011 import Sds011
from firmware_sim.devices.sps30 import MASSES as SPS30_MASSES
from firmware_sim.devices.sps30 import Sps30
from firmware_sim.devices.wavetronix import Wavetronix


class Senses(NamedTuple):
    """What a device is given: what it measures, who passes, what it makes of a speed, when it starts, its period."""

    measure: Measure
    passes: Callable[[int], Sequence[tuple[float, float]]]
    speed: Callable[[float, float], float]
    start_s: float
    period_s: float


class Wired(NamedTuple):
    """A kind of device; `period_s` 0: it speaks when something happens."""

    quantities: tuple[str, ...]
    period_s: float
    build: Callable[[Senses], Device]


def _plantower(model: str) -> Callable[[Senses], Device]:
    return lambda s: Pms5003(s.measure, start_s=s.start_s, period_s=s.period_s, model=model)


def _radar(kind: type[Ops243] | type[Ld2451] | type[Wavetronix]) -> Callable[[Senses], Device]:
    return lambda senses: kind(senses.passes, start_s=senses.start_s, measure=senses.speed)


def _board(objects: bool) -> Callable[[Senses], Device]:
    return lambda s: Board(s.measure, objects=objects, start_s=s.start_s, period_s=s.period_s)


_WEATHER = ("pressure", "temperature", "humidity", "wind_speed", "wind_direction", "solar_radiation", "rain")

WIRED: dict[str, Wired] = {
    "pms5003": Wired(MASSES, 1.0, _plantower("pms5003")),
    "pms7003": Wired(MASSES, 1.0, _plantower("pms5003")),
    "pms5003t": Wired((*MASSES, *CLIMATE), 1.0, _plantower("pms5003t")),
    "pms3003": Wired(MASSES, 1.0, _plantower("pms3003")),
    "sds011": Wired(
        ("pm25", "pm10"), 1.0, lambda s: Sds011(s.measure, start_s=s.start_s, period_s=s.period_s)
    ),
    "sps30": Wired(SPS30_MASSES, 1.0, lambda s: Sps30(s.measure)),
    "mhz19": Wired(("co2", "device_temperature"), 2.0, lambda s: MhZ19(s.measure)),
    "ops243": Wired(("vehicle_speed",), 0.0, _radar(Ops243)),
    "hlk-ld2451": Wired(("vehicle_speed",), 0.0, _radar(Ld2451)),
    "wavetronix-csv": Wired(("vehicle_count", "vehicle_speed"), 0.0, _radar(Wavetronix)),
    "modbus-rtu": Wired(STATION, 2.0, lambda s: AirStation(s.measure)),
    "sdi12": Wired(VALUES, 5.0, lambda s: Sdi12Probe(s.measure)),
    "davis-vantage": Wired(_WEATHER, 2.5, lambda s: DavisConsole(s.measure)),
    "nmea0183": Wired((), 1.0, lambda s: Gnss(start_s=s.start_s)),
    "line-ndjson": Wired(QUANTITIES, 1.0, _board(True)),
    "line-delimited": Wired(QUANTITIES, 1.0, _board(False)),
}
