"""Tasmota telemetry: `tele/NAME/SENSOR` and `tele/NAME/STATE` in JSON, `tele/NAME/LWT` as plain text. Pure.

    {"Time":"2026-03-07T12:54:34","BME280":{"Temperature":20.7,"Humidity":24.4,"Pressure":1013.4},"TempUnit":"C"}

`Time` is local and usually has no zone: without the option `zone` the arrival dates the values. A device whose clock is not
set yet says 1970-01-01 or 2020-01-01. Several sensors of a kind have a suffix, `DS18B20-1` or `AHT1X-0x38`; what cannot be
read is null. An estimated CO₂ (`eCO2`) is no measurement of CO₂ and a pressure reduced to sea level no pressure here: `names`
can say otherwise. The chip's own sensor (`ESP32`) is the device's temperature. (Tasmota documentation, MQTT and sensors.)
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood, member, text
from edge.formats.known import Chooser, Leaf
from edge.payloads import parse_object

_UNITS = ("TempUnit", "PressureUnit", "SpeedUnit")
_TEMPERATURE = {"C": "Cel", "F": "degF", "K": "K"}
_PRESSURE = {"hPa": "hPa", "mmHg": "mmHg", "inHg": "inHg"}
_KEYS: dict[str, tuple[str, str]] = {  # key: (quantity, SenML unit); temperature and pressure by what the message says
    "Humidity": ("humidity", "%RH"), "Illuminance": ("illuminance", "lx"), "CarbonDioxide": ("co2", "ppm"),
    "PM1": ("pm1", "ug/m3"), "PM2.5": ("pm25", "ug/m3"), "PM4": ("pm4", "ug/m3"), "PM10": ("pm10", "ug/m3"),
}  # fmt: skip
_ENERGY: dict[str, tuple[str, str]] = {
    "Total": ("energy", "kWh"), "Power": ("power", "W"), "Voltage": ("voltage", "V"), "Current": ("current", "A"),
}  # fmt: skip
_STATE_SIGNS = {"Uptime", "UptimeSec", "LoadAvg", "Wifi"}


class Tasmota:
    """One device; raises ValueError for a zone that is not known or a bad JMESPath."""

    def __init__(self, options: Options) -> None:
        self._chooser = Chooser(options)
        self._zone = _zone(options.zone) if options.zone else None

    def understand(self, arrival: Arrival) -> Understood:
        """See Format."""
        words = arrival.payload.strip()
        if words in (b"Online", b"Offline"):
            return Understood(Verdict.ACCEPT, {"online": words == b"Online"})
        content = parse_object(arrival.payload)
        content = member(content, "StatusSNS") or content  # the answer to the command Status 8
        local = text(content, "Time")
        time = _instant(local) if local else None
        decoded: dict[str, Any] = {"time_local": local or None}
        rest = {key: value for key, value in content.items() if key not in ("Time", *_UNITS)}
        kind = arrival.topic.rpartition("/")[2]
        if kind == "STATE" or (kind != "SENSOR" and _STATE_SIGNS & content.keys()):
            return Understood(Verdict.ACCEPT, decoded | {"state": rest})
        decoded["sensors"] = {key: value for key, value in rest.items() if isinstance(value, dict)}
        for key, name in zip(_UNITS, ("temp_unit", "pressure_unit", "speed_unit"), strict=True):
            if key in content:
                decoded[name] = content[key]
        if others := {key: value for key, value in rest.items() if not isinstance(value, dict)}:
            decoded["others"] = others
        units = {
            "Temperature": _TEMPERATURE.get(text(content, "TempUnit") or "C"),
            "Pressure": _PRESSURE.get(text(content, "PressureUnit") or "hPa"),
        }
        dated = self._chooser.choose(_leaves(decoded["sensors"], units), content, self._time_ms(time))
        return Understood(Verdict.ACCEPT, decoded, dated)

    def _time_ms(self, time: datetime | None) -> int | None:
        if time is None or time.year <= 1970 or (time.year, time.month, time.day) == (2020, 1, 1):
            return None
        if time.tzinfo is None and self._zone is None:
            return None
        dated = time if time.tzinfo is not None else time.replace(tzinfo=self._zone)
        return round(dated.timestamp() * 1000)


def _leaves(sensors: Mapping[str, Mapping[str, Any]], units: Mapping[str, str | None]) -> Iterator[Leaf]:
    for sensor, values in sensors.items():
        for key, value in values.items():
            quantity, unit = (_ENERGY if sensor.startswith("ENERGY") else _KEYS).get(key, (None, None))
            if key in units:
                unit = units[key]
                named = "device_temperature" if sensor.startswith("ESP32") else key.lower()
                quantity = named if unit is not None else None
            yield Leaf((f"{sensor}.{key}", key), value, quantity, unit)


def _instant(local: str) -> datetime:
    try:
        return datetime.fromisoformat(local)
    except ValueError:
        raise BadFrameError(f"Time {local[:40]!r} is no time") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}, like Asia/Ho_Chi_Minh") from None
