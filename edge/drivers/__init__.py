"""The drivers, one line each. A new sensor is one file here, one line, its vectors and one row in docs/drivers.md."""

from collections.abc import Callable, Mapping

from edge.driver import Driver
from edge.drivers.modbus import modbus_rtu
from edge.drivers.omnipresense import ops243
from edge.drivers.plantower import pms3003, pms5003, pms5003t
from edge.drivers.winsen import mhz19

DRIVERS: dict[str, Callable[[Mapping[str, object]], Driver]] = {
    "pms5003": pms5003,
    "pms5003t": pms5003t,
    "pms3003": pms3003,
    "mhz19": mhz19,
    "ops243": ops243,
    "modbus-rtu": modbus_rtu,
}
