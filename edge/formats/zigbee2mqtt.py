"""Zigbee2MQTT: one flat JSON object a device below its base topic. Pure.

    zigbee2mqtt/FRIENDLY NAME                  {"temperature":23.5,"humidity":46.08,"battery":91,"voltage":2985,"linkquality":10}
    zigbee2mqtt/FRIENDLY NAME/availability     {"state":"online"}, or plain online
    zigbee2mqtt/bridge/..., .../set, .../get   not data

A friendly name may hold / and blanks. `voltage` is in mV for a battery and in V for a mains device; a battery's voltage is
no voltage of the street and is not published by itself. `last_seen` (ISO text or ms), where it is enabled, dates the values.
A value is null until the device has reported it first. (Zigbee2MQTT documentation, MQTT topics and exposes.)
"""

from typing import Any, NamedTuple

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.known import Chooser, Leaf
from edge.payloads import number, parse_object, time_ms

BATTERY_ABOVE = 1000.0  # no mains voltage; as mV less than any battery that can still speak


class _Key(NamedTuple):
    """The name shown to people, the quantity, the SenML unit."""

    shown: str
    quantity: str | None
    unit: str


_KEYS = {
    "temperature": _Key("temperature", "temperature", "Cel"),
    "device_temperature": _Key("device_temperature", "device_temperature", "Cel"),
    "humidity": _Key("humidity", "humidity", "%RH"),
    "pressure": _Key("pressure_hpa", "pressure", "hPa"),
    "battery": _Key("battery_pct", "battery", "%EL"),
    "illuminance": _Key("illuminance_lux", "illuminance", "lx"),
    "illuminance_lux": _Key("illuminance_lux", "illuminance", "lx"),
    "power": _Key("power_w", "power", "W"),
    "current": _Key("current_a", "current", "A"),
    "energy": _Key("energy_kwh", "energy", "kWh"),
    "co2": _Key("co2_ppm", "co2", "ppm"),
    "pm25": _Key("pm25", "pm25", "ug/m3"),
    "pm10": _Key("pm10", "pm10", "ug/m3"),
}
_BATTERY = _Key("battery_v", None, "mV")
_MAINS = _Key("voltage_v", "voltage", "V")
_ILLUMINANCE = "illuminance"  # a raw number beside illuminance_lux in older releases, in lux by itself since


class Zigbee2Mqtt:
    """One device; raises ValueError for a bad JMESPath."""

    def __init__(self, options: Options) -> None:
        self._chooser = Chooser(options)

    def understand(self, arrival: Arrival) -> Understood:
        """See Format."""
        levels = arrival.topic.split("/")
        if (len(levels) > 2 and levels[-1] in ("set", "get")) or levels[1:2] == ["bridge"]:
            return Understood(Verdict.IGNORE, None, reason="not a device's state")
        words = arrival.payload.strip()
        if words in (b"online", b"offline"):
            return Understood(Verdict.ACCEPT, {"available": words == b"online"})
        content = parse_object(arrival.payload)
        only_state = content.keys() == {"state"} and content["state"] in ("online", "offline")
        if levels[-1] == "availability" or only_state:
            return Understood(Verdict.ACCEPT, {"available": _available(content.get("state"))})
        last_seen = content.get("last_seen")
        decoded, leaves = {}, []
        for name, value in content.items():
            key = self._key(name, value, content)
            if key is None:
                decoded[name] = value
                leaves.append(Leaf((name,), value))
                continue
            decoded[key.shown] = (
                number(value, name) / 1000 if key is _BATTERY and value is not None else value
            )
            leaves.append(Leaf((name,), value, key.quantity, key.unit))
        at_ms = None if last_seen is None else time_ms(last_seen)
        return Understood(Verdict.ACCEPT, decoded, self._chooser.choose(leaves, content, at_ms))

    @staticmethod
    def _key(name: str, value: Any, content: dict[str, Any]) -> _Key | None:
        if name == _ILLUMINANCE and "illuminance_lux" in content:
            return None
        if name != "voltage":
            return _KEYS.get(name)
        if {"power", "current", "energy"} & content.keys():
            return _MAINS
        high = isinstance(value, int | float) and value >= BATTERY_ABOVE
        return _BATTERY if "battery" in content or high else _MAINS


def _available(state: Any) -> bool:
    if state not in ("online", "offline"):
        raise BadFrameError(f"availability {str(state)[:40]!r} is neither online nor offline")
    return bool(state == "online")
