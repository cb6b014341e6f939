"""The drivers, one line each. A new sensor is one file here, one line, its vectors and one row in docs/drivers.md."""

from collections.abc import Callable, Mapping

from edge.driver import Driver
from edge.drivers.davis import davis_vantage
from edge.drivers.hilink import hlk_ld2451
from edge.drivers.modbus import modbus_rtu
from edge.drivers.nmea import nmea0183
from edge.drivers.nova import sds011
from edge.drivers.omnipresense import ops243
from edge.drivers.plantower import pms3003, pms5003, pms5003t, pms7003
from edge.drivers.sdi import sdi12
from edge.drivers.sensirion import sps30
from edge.drivers.textlines import line_delimited, line_ndjson
from edge.drivers.wavetronix import wavetronix_csv
from edge.drivers.winsen import mhz19

DRIVERS: dict[str, Callable[[Mapping[str, object]], Driver]] = {
    "pms5003": pms5003,
    "pms7003": pms7003,
    "pms5003t": pms5003t,
    "pms3003": pms3003,
    "sds011": sds011,
    "sps30": sps30,
    "mhz19": mhz19,
    "ops243": ops243,
    "hlk-ld2451": hlk_ld2451,
    "wavetronix-csv": wavetronix_csv,
    "modbus-rtu": modbus_rtu,
    "sdi12": sdi12,
    "davis-vantage": davis_vantage,
    "nmea0183": nmea0183,
    "line-ndjson": line_ndjson,
    "line-delimited": line_delimited,
}
