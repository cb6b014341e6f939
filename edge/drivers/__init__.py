"""The drivers, one line each. A new sensor is one file here, one line, its vectors and one row in docs/drivers.md.

Other packages add drivers by entry points of the group `halong.drivers`: protocol = "module:function of the options".
"""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points

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

GROUP = "halong.drivers"
Make = Callable[[Mapping[str, object]], Driver]

SHIPPED: dict[str, Make] = {
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


def contributed() -> dict[str, Make]:
    """The drivers of other packages that are installed, loaded when they are first wanted; a shipped name stays what it is."""
    return {point.name: _lazy(point) for point in entry_points(group=GROUP) if point.name not in SHIPPED}


def _lazy(point: EntryPoint) -> Make:
    def make(options: Mapping[str, object]) -> Driver:
        try:
            load: Make = point.load()
        except (ImportError, AttributeError, SyntaxError) as error:
            package = point.dist.name if point.dist is not None else "a package"
            raise ValueError(f"driver {point.name!r} of {package} cannot be loaded: {error}") from error
        return load(options)

    return make


DRIVERS: dict[str, Make] = SHIPPED | contributed()
