"""OmniPreSense OPS243-A Doppler radar: text lines over USB or 19200 8N1, a few a second while something moves.

    -35.61                                    speed; positive = inbound, negative = outbound
    212.5,38.22                               magnitude,speed (after OM); time,speed (OT); time,magnitude,speed (both)
    "mps",3.2                                 unit in front (OU)
    {"speed":0.58,"direction":"inbound","time":105,"tick":135}                  after OJ
    {"speed":["5.1","3.0"],"magnitude":[80,20]}                                  several reports (O2..O9), strongest first
    {"DetectedObjectVelocity":13,"unit":"mps","direction":"inbound"}             a detected object (ON)
    {"TimedSpeedCounts":{"direction":"inbound","units":"mps","count":4,"average":11.2}}  counts of an interval (@O)
    {"classifier":"object_outbound","max_speed_mps":13.39,"length_m":9.86,...}   an object that has passed (OC)
    {"Units":"m-per-sec"}                     answer to a setter, mixed into the stream: ignored

There is no checksum: a speed above what the fastest sampling rate can see is refused. Without a unit m/s is taken, the
device's default; option `units` names another. (API note AN-010; what public drivers agree on.)

>>> ops243({}).decode(b'{"speed":0.58,"direction":"inbound","time":105,"tick":135}').measurements[0].value
2.088
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Verdict
from edge.drivers.options import only
from edge.framing import LineFramer

FASTEST_KMH = 311 * 3.6  # 100,000 samples a second
KMH = {"m/s": 3.6, "km/h": 1.0, "mph": 1.609344, "ft/s": 1.09728, "cm/s": 0.036}
UNITS = {
    "m-per-sec": "m/s", "mps": "m/s", "m/s": "m/s",
    "km-per-hr": "km/h", "kmph": "km/h", "kph": "km/h", "km/h": "km/h",
    "mph": "mph", "ft-per-sec": "ft/s", "fps": "ft/s", "ft/s": "ft/s", "cm-per-sec": "cm/s", "cmps": "cm/s", "cm/s": "cm/s",
}  # fmt: skip
STATUS = {"Units": "units", "Version": "firmware", "Product": "product", "Build": "build", "Clock": "clock"}
_SUMMARY_UNITS = {"_mps": ("m/s", 1.0), "_mph": ("mph", 0.44704), "_kmph": ("km/h", 1 / 3.6)}

_COMMANDS: dict[str, dict[str, Any]] = {
    "OJ": {"command": "json-output-on"}, "Oj": {"command": "json-output-off"},
    "UM": {"command": "units", "units": "m/s"}, "UK": {"command": "units", "units": "km/h"},
    "US": {"command": "units", "units": "mph"}, "UF": {"command": "units", "units": "ft/s"},
    "UC": {"command": "units", "units": "cm/s"},
    "OS": {"command": "speed-output-on"}, "Os": {"command": "speed-output-off"},
    "OM": {"command": "magnitude-output-on"}, "Om": {"command": "magnitude-output-off"},
    "OT": {"command": "time-output-on"}, "Ot": {"command": "time-output-off"},
    "OU": {"command": "unit-output-on"}, "Ou": {"command": "unit-output-off"},
    "ON": {"command": "object-detection-on"}, "On": {"command": "object-detection-off"},
    "R+": {"command": "direction-filter", "direction": "inbound"},
    "R-": {"command": "direction-filter", "direction": "outbound"},
    "R|": {"command": "direction-filter", "direction": "both"},
    "PA": {"command": "power-active"}, "PI": {"command": "power-idle"}, "PP": {"command": "power-single-pulse"},
    "A!": {"command": "save"}, "AX": {"command": "factory-reset"}, "P!": {"command": "reset"},
    "??": {"command": "query-all"}, "?V": {"command": "query-version"}, "?P": {"command": "query-product"},
    "@O": {"command": "interval-counts-on"}, "@o": {"command": "interval-counts-off"},
}  # fmt: skip
_LIMITS = {
    "R>": "speed-filter-low",
    "R<": "speed-filter-high",
    "M>": "magnitude-filter-low",
    "M<": "magnitude-filter-high",
    "@|": "interval-period",
    "C=": "clock",
    "S=": "sampling-rate",
    "O=": "reports-per-cycle",
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Ops243:
    """See edge.driver.Driver. `json`, `magnitude`, `time` say what a plain line holds; `units` what it is measured in."""

    protocol = "ops243"
    baud = 19200
    quantities: tuple[str, ...] = ("vehicle_speed", "vehicle_count")
    requests: tuple[bytes, ...] = ()

    def __init__(self, *, units: str = "m/s", magnitude: bool = False, time: bool = False) -> None:
        self._units, self._magnitude, self._time = units, magnitude, time

    def framer(self, request: bytes | None = None) -> Framer:
        """Lines."""
        return LineFramer()

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """One line without its end."""
        try:
            line = frame.decode("ascii").strip()
        except UnicodeDecodeError:
            raise BadFrameError("not a line of ASCII text") from None
        if line.startswith("{"):
            return self._decode_json(line)
        parts = [part.strip() for part in line.split(",")]
        units = self._units
        if parts and parts[0].strip('"') in UNITS:
            units = UNITS[parts.pop(0).strip('"')]
        if not parts or not all(_NUMBER.fullmatch(part) for part in parts):
            if line.isprintable():
                return Decoded(Verdict.IGNORE, None, reason="a banner or an empty line")
            raise BadFrameError("not printable text")
        return self._plain([float(part) for part in parts], units)

    def _plain(self, numbers: list[float], units: str) -> Decoded:
        names = ["time"] * self._time + ["magnitude"] * self._magnitude
        if len(numbers) != len(names) + 1:
            raise BadFrameError(f"{len(numbers)} numbers where {len(names) + 1} are set up")
        fields: dict[str, Any] = dict(zip(names, numbers[:-1], strict=True))
        return _speed(fields | _signed(numbers[-1]), numbers[-1], units)

    def _decode_json(self, line: str) -> Decoded:
        try:
            content = json.loads(line)
        except ValueError:
            raise BadFrameError("broken JSON line") from None
        if not isinstance(content, dict):
            raise BadFrameError("a JSON line must be an object")
        if "speed" in content:
            return self._report(content)
        if "DetectedObjectVelocity" in content:
            speed = _number(content["DetectedObjectVelocity"])
            kept = {key: value for key, value in content.items() if key != "DetectedObjectVelocity"}
            return _speed({"object": "detected", **_signed(speed), **kept}, speed, self._unit(content))
        if "TimedSpeedCounts" in content:
            return self._counts(content["TimedSpeedCounts"])
        if "classifier" in content or "dir" in content:
            return _summary(content)
        return Decoded(Verdict.IGNORE, _status(content), reason="settings reply, not a measurement")

    def _unit(self, content: Mapping[str, Any]) -> str:
        given = content.get("unit", content.get("units"))
        return UNITS.get(str(given), self._units)

    def _report(self, content: dict[str, Any]) -> Decoded:
        fields = {
            key: _numbers(value) if key in ("speed", "magnitude") else value for key, value in content.items()
        }
        strongest = fields["speed"][0] if isinstance(fields["speed"], list) else fields["speed"]
        if isinstance(fields["speed"], float | int) and "direction" not in fields:
            fields |= _signed(strongest)
        return _speed(fields, strongest, self._unit(content))

    def _counts(self, content: Any) -> Decoded:
        if not isinstance(content, dict):
            raise BadFrameError("TimedSpeedCounts must be an object")
        count, average = _number(content.get("count")), _number(content.get("average", 0))
        kmh = round(abs(average) * KMH[self._unit(content)], 6)
        speed = (Measurement("vehicle_speed", kmh),) if count else ()
        return Decoded(
            Verdict.ACCEPT,
            {"object": "interval-counts", **content},
            (Measurement("vehicle_count", count), *speed),
        )


def _signed(speed: float) -> dict[str, Any]:
    return {"speed": abs(speed), "direction": "outbound" if speed < 0 else "inbound", "signed": speed}


def _speed(fields: dict[str, Any], speed: float, units: str) -> Decoded:
    kmh = round(abs(speed) * KMH[units], 6)
    if kmh > FASTEST_KMH:
        raise BadFrameError(f"{kmh} km/h is faster than the radar can see")
    return Decoded(Verdict.ACCEPT, fields, (Measurement("vehicle_speed", kmh),))


def _summary(content: Mapping[str, Any]) -> Decoded:
    """An object that has passed; two sets of keys are known, speeds in m/s or mph."""
    text = str(content.get("classifier", content.get("dir", ""))).lower()
    direction = "outbound" if "out" in text else "inbound" if "in" in text else text
    fields: dict[str, Any] = {"object": "vehicle-pass", "direction": direction}
    for name, key in (("start", "start_time"), ("end", "end_time")):
        if key in content:
            fields[name] = _number(content[key])
    for suffix, (_, to_ms) in _SUMMARY_UNITS.items():
        for bound in ("max", "min"):
            for key in (f"{bound}_speed{suffix}", f"{bound}{suffix}"):
                if key in content:
                    fields[f"{bound}_speed_ms"] = round(_number(content[key]) * to_ms, 6)
    for key, to_m in (("length_m", 1.0), ("length_ft", 0.3048)):
        if key in content:
            fields["length_m"] = round(_number(content[key]) * to_m, 6)
    if "max_speed_ms" not in fields:
        raise BadFrameError("an object summary without a speed")
    counted = _speed(fields, fields["max_speed_ms"], "m/s")
    return counted._replace(measurements=(Measurement("vehicle_count", 1.0), *counted.measurements))


def _status(content: Mapping[str, Any]) -> dict[str, Any]:
    fields = {STATUS.get(key, key[:1].lower() + key[1:]): value for key, value in content.items()}
    if "units" in fields:
        fields["units"] = UNITS.get(str(fields["units"]), fields["units"])
    return fields


def _numbers(value: Any) -> Any:
    if isinstance(value, list):
        if not value:
            raise BadFrameError("an empty list of speeds")
        return [_number(item) for item in value]
    return _number(value)


def _number(value: Any) -> float:
    """A JSON number, or one in quotes."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12:
        return value
    raise BadFrameError(f"{value!r} is not a number")


def decode_command(text: str) -> dict[str, Any]:
    """What a command to the radar means; raises BadFrameError."""
    word = text.strip("\r\n")
    if word in _COMMANDS:
        return dict(_COMMANDS[word])
    if word[:2] in _LIMITS:
        try:
            value = float(word[2:])
        except ValueError:
            raise BadFrameError(f"command {word!r} wants a number") from None
        return {"command": _LIMITS[word[:2]], "value": int(value) if value.is_integer() else value}
    if len(word) == 2 and word[0] == "O" and word[1].isdigit():
        return {"command": "reports-per-cycle", "value": int(word[1])}
    if len(word) == 2 and word[0] == "F" and word[1].isdigit():
        return {"command": "decimals", "value": int(word[1])}
    if word.endswith("?") or word.startswith("?"):
        return {"command": "query", "what": word.strip("?")}
    raise BadFrameError(f"unknown command {word!r}")


def is_command(text: str) -> bool:
    """Whether the text reads as a command rather than as a line from the radar."""
    try:
        decode_command(text)
    except BadFrameError:
        return False
    return True


OPTIONS = ("units", "magnitude", "time", "json")


def ops243(options: Mapping[str, object]) -> Driver:
    """The driver with its options `units`, `magnitude`, `time`, `json` (told apart by itself); raises ValueError."""
    only("ops243", options, OPTIONS)
    units = UNITS.get(str(options.get("units", "m/s")))
    if units is None:
        raise ValueError(f"ops243 units must be one of {', '.join(KMH)}, not {options['units']!r}")
    return Ops243(units=units, magnitude=bool(options.get("magnitude")), time=bool(options.get("time")))
