"""Shelly devices of the second generation and later. Pure.

    PREFIX/events/rpc               {"src":..., "method":"NotifyStatus", "params":{"ts":s, "switch:0":{...}}}
    PREFIX/status/switch:0          the component's whole status, when enabled
    PREFIX/online                   true or false

NotifyStatus holds only the members that changed; NotifyFullStatus all. What cannot be read is null beside errors ["read"].
By itself only component 0 of each kind is taken: a second channel is another thing, named in `names` by
"switch:1.apower" or "temperature:100.tC" (numbers from 100 are add-on probes). (Shelly Gen2 API, MQTT and components.)
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood, member, text
from edge.formats.known import Chooser, Leaf
from edge.payloads import number, parse_object
from telemetry.reading import Flag

SET_CLOCK_S = 1_577_836_800  # 2020: before the device has heard the time it counts from 1970


class _Key(NamedTuple):
    """Of a member: the name shown to people, the quantity, the SenML unit."""

    shown: str
    quantity: str | None = None
    unit: str | None = None


_METER = {
    "apower": _Key("power_w", "power", "W"),
    "voltage": _Key("voltage_v", "voltage", "V"),
    "current": _Key("current_a", "current", "A"),
    "freq": _Key("frequency_hz"),
    "pf": _Key("power_factor"),
    "aenergy.total": _Key("energy_wh", "energy", "Wh"),
    "ret_aenergy.total": _Key("returned_energy_wh"),
    "temperature.tC": _Key("temperature_c", "device_temperature", "Cel"),
    "output": _Key("output"),
}
_PHASES = {
    f"{phase}_{member}": _Key(f"{phase}_{name}")
    for phase in "abc"
    for member, name in (
        ("voltage", "voltage_v"),
        ("current", "current_a"),
        ("act_power", "power_w"),
        ("aprt_power", "apparent_power_va"),
        ("pf", "power_factor"),
        ("freq", "frequency_hz"),
    )
}
_COMPONENTS: dict[str, dict[str, _Key]] = {
    **dict.fromkeys(("switch", "pm1", "cover", "light", "rgbw"), _METER),
    "em": {
        **_PHASES,
        "total_act_power": _Key("power_w", "power", "W"),
        "total_current": _Key("current_a", "current", "A"),
        "total_aprt_power": _Key("apparent_power_va"),
    },
    "em1": {
        **_METER,
        "act_power": _Key("power_w", "power", "W"),
        "aprt_power": _Key("apparent_power_va"),
    },
    "emdata": {"total_act": _Key("energy_wh", "energy", "Wh"), "total_act_ret": _Key("returned_energy_wh")},
    "em1data": {
        "total_act_energy": _Key("energy_wh", "energy", "Wh"),
        "total_act_ret_energy": _Key("returned_energy_wh"),
    },
    "temperature": {"tC": _Key("temperature_c", "temperature", "Cel")},
    "humidity": {"rh": _Key("humidity_pct", "humidity", "%RH")},
    "devicepower": {
        "battery.percent": _Key("battery_pct", "battery", "%EL"),
        "battery.V": _Key("battery_v"),
        "external.present": _Key("external_power"),
    },
    "voltmeter": {"voltage": _Key("voltage_v", "voltage", "V")},
    "illuminance": {"lux": _Key("illuminance_lux", "illuminance", "lx")},
}


class Shelly:
    """One device, or of several the one whose id (`src`) `options.device` names; raises ValueError for a bad JMESPath."""

    def __init__(self, options: Options) -> None:
        self._chooser = Chooser(options)
        self._device = options.device

    def understand(self, arrival: Arrival) -> Understood:
        """See Format."""
        words = arrival.payload.strip()
        if words in (b"true", b"false"):
            return Understood(Verdict.ACCEPT, {"online": words == b"true"})
        content = parse_object(arrival.payload)
        if "method" in content or "result" in content:
            return self._rpc(content)
        levels = arrival.topic.split("/")
        component = levels[-1] if len(levels) > 1 and levels[-2] == "status" else ""
        kind = component.partition(":")[0]
        members = _flat(content)
        decoded: dict[str, Any] = {"component": component or None}
        for name, key in _COMPONENTS.get(kind, _METER).items():
            if name in members:
                decoded[key.shown] = members[name]
        return self._report(decoded, {component: content} if component else {}, content, None)

    def _rpc(self, content: dict[str, Any]) -> Understood:
        source, method = text(content, "src"), text(content, "method")
        params = member(content, "params" if method else "result")
        components = {key: value for key, value in params.items() if key != "ts"}
        decoded = {"device": source or None, "ts": params.get("ts"), "components": components}
        if self._device and source != self._device:
            return Understood(Verdict.IGNORE, decoded, reason="another device")
        if method not in ("NotifyStatus", "NotifyFullStatus", ""):
            return Understood(Verdict.IGNORE, decoded | {"method": method}, reason="not a status")
        ts = params.get("ts")
        seconds = 0.0 if ts is None else number(ts, "ts")
        states = {key: value for key, value in components.items() if isinstance(value, dict)}
        return self._report(decoded, states, params, round(seconds * 1000) if seconds > SET_CLOCK_S else None)

    def _report(
        self, decoded: dict[str, Any], states: Mapping[str, Any], content: Any, at_ms: int | None
    ) -> Understood:
        dated = self._chooser.choose(_leaves(states), content, at_ms)
        if any(_errors(state) for state in (*states.values(), content)):
            return Understood(Verdict.FLAG, decoded, dated, "the device reports errors")
        return Understood(Verdict.ACCEPT, decoded, dated)


def _leaves(states: Mapping[str, Mapping[str, Any]]) -> Iterator[Leaf]:
    for component, state in states.items():
        kind, _, index = component.partition(":")
        keys = _COMPONENTS.get(kind, {})
        flags = int(Flag.DEVICE) if _errors(state) else 0
        for name, value in _flat(state).items():
            key = keys.get(name, _Key(name))
            quantity = key.quantity if index == "0" else None
            yield Leaf((f"{component}.{name}", name), value, quantity, key.unit, flags)


def _flat(state: Mapping[str, Any]) -> dict[str, Any]:
    """Members, those of inner objects as `outer.inner`."""
    found: dict[str, Any] = {}
    for name, value in state.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": content for inner, content in value.items()}
        else:
            found[name] = value
    return found


def _errors(state: Mapping[str, Any]) -> bool:
    errors = state.get("errors")
    if errors is not None and not isinstance(errors, list):
        raise BadFrameError("errors is not a list")
    return bool(errors)
