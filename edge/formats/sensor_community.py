"""sensor.community (Luftdaten) pushes: an HTTP POST a sensor, or one for all of them. Pure.

    POST /v1/push-sensor-data/     X-Sensor: esp8266-1234567     X-Pin: 1
    {"software_version":"NRZ-2020-133","sensordatavalues":[{"value_type":"P1","value":"14.20"},{"value_type":"P2","value":"8.10"}]}

The firmware's "own API" sends all at once, with the sensor in front of each key (`SDS_P1`, `BME280_temperature`) and the
node's number as `esp8266id`. P0 is PM1, P1 is PM10, P2 is PM2.5, P4 is PM4. Pressure is in Pa, values are text, "nan" where
a sensor gave none. 1999.9 in P1 or P2 is a fault of an SDS011. (sensor.community API, airrohr firmware.)
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.known import Chooser, Leaf
from edge.payloads import number, parse_object
from telemetry.reading import Flag

FAULT = 1999.9
MAX_VALUES = 256
MAX_PIN = 9999
NODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}-[A-Za-z0-9:]{1,64}")


class _Key(NamedTuple):
    """The name shown to people, the quantity, the SenML unit."""

    shown: str
    quantity: str | None = None
    unit: str | None = None


_KEYS = {
    "P0": _Key("pm1", "pm1", "ug/m3"),
    "P1": _Key("pm10", "pm10", "ug/m3"),
    "P2": _Key("pm25", "pm25", "ug/m3"),
    "P4": _Key("pm4", "pm4", "ug/m3"),
    "temperature": _Key("temperature_c", "temperature", "Cel"),
    "humidity": _Key("humidity_pct", "humidity", "%RH"),
    "pressure": _Key("pressure_pa", "pressure", "Pa"),
    "noise_LAeq": _Key("noise_laeq", "noise_laeq", "dB"),
    "noise_LA_min": _Key("noise_la_min"),
    "noise_LA_max": _Key("noise_la_max"),
    "co2_ppm": _Key("co2_ppm", "co2", "ppm"),
    "signal": _Key("signal_dbm"),
}
_TEXTS = {"GPS_date", "GPS_time", "GPS_timestamp"}


class SensorCommunity:
    """A node's pushes; whose they are stands in `decoded["node"]` and, for one sensor of it, `decoded["pin"]`."""

    def __init__(self, options: Options) -> None:
        self._chooser = Chooser(options)

    def understand(self, arrival: Arrival) -> Understood:
        """See Format."""
        headers = {name.lower(): value for name, value in arrival.headers.items()}
        content = parse_object(arrival.payload)
        decoded: dict[str, Any] = {"node": _node(content, headers)}
        if "x-pin" in headers:
            decoded["pin"] = _pin(headers["x-pin"])
        if "software_version" in content:
            decoded["software_version"] = content["software_version"]
        values = list(_values(content))
        for leaf in values:
            key = _KEYS.get(leaf.names[-1])
            decoded.setdefault(key.shown if key else leaf.names[0], leaf.value)
        dated = self._chooser.choose(values, content, None)
        if any(leaf.flags for leaf in values):
            return Understood(Verdict.FLAG, decoded, dated, f"{FAULT} is a fault of the sensor")
        return Understood(Verdict.ACCEPT, decoded, dated)


def _node(content: dict[str, Any], headers: dict[str, str]) -> str:
    given = headers.get("x-sensor") or headers.get("sensor")
    if given is None:
        number_ = content.get("esp8266id", content.get("id"))
        if not isinstance(number_, str | int) or isinstance(number_, bool):
            raise BadFrameError("neither a header X-Sensor nor esp8266id")
        given = f"esp8266-{number_}"
    if not NODE.fullmatch(given):
        raise BadFrameError(f"{given[:40]!r} is no name of a node")
    return given


def _pin(given: str) -> int:
    if not given.isascii() or not given.isdigit() or len(given) > len(str(MAX_PIN)):
        raise BadFrameError("X-Pin is not a number")
    return int(given)


def _values(content: dict[str, Any]) -> Iterator[Leaf]:
    pairs = content.get("sensordatavalues")
    if not isinstance(pairs, list) or len(pairs) > MAX_VALUES:
        raise BadFrameError("no list sensordatavalues")
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("value_type"), str):
            raise BadFrameError("a value without its value_type")
        name = pair["value_type"]
        bare = _bare(name)
        value = _value(bare, pair.get("value"), name)
        key = _KEYS.get(bare, _Key(bare))
        doubtful = value == FAULT and bare in ("P1", "P2")
        yield Leaf((name, bare), value, key.quantity, key.unit, int(Flag.DEVICE) if doubtful else 0)


def _bare(name: str) -> str:
    """The key without the sensor in front: SDS_P1 is P1, DNMS_noise_LA_min is noise_LA_min."""
    if name in _KEYS:
        return name
    after = name.partition("_")[2]
    return after if after in _KEYS else name


def _value(bare: str, given: Any, name: str) -> Any:
    if isinstance(given, str):
        given = given.strip()
        if given.lower() in ("", "nan", "null"):
            return None
        if bare == "signal":
            given = given.removesuffix("dBm").strip()
        if name in _TEXTS or (bare not in _KEYS and not _is_number(given)):
            return given
    elif given is None or isinstance(given, bool | list | dict):
        return None
    found = number(given, name)
    return int(found) if found.is_integer() and isinstance(given, str) and "." not in given else found


def _is_number(text: str) -> bool:
    try:
        number(text, "")
    except BadFrameError:
        return False
    return True
