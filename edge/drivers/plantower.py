"""Plantower PMS5003 / PMS7003, PMS5003T and PMS3003: particulate matter by laser, 9600 8N1, streaming once a second or so.

Measurement frame, words big-endian (manual PMS5003 V2.3, appendix I):

    42 4D LLLL aaaa bbbb cccc dddd eeee ffff n1n1 n2n2 n3n3 n4n4 n5n5 n6n6 vv ee ssss
    |     |    |              |              |                             |  |  sum of all bytes before it
    |     |    |              |              |                             |  error code, 0 = none
    |     |    |              |              |                             version
    |     |    |              |              particles above 0.3 0.5 1.0 2.5 5.0 10 um in 0.1 L
    |     |    |              PM1 PM2.5 PM10 in ug/m3, corrected for outdoor air: these are published
    |     |    PM1 PM2.5 PM10 in ug/m3, factory calibration (CF=1)
    |     length of what follows: 28; PMS3003: 20 with six reserved bytes instead of the counts
    start

PMS5003T has temperature (0.1 Cel, signed) and humidity (0.1 %RH) in place of the last two counts.

Option `mode`: "active" reads the stream; "passive" switches it off and asks, "sleep" wakes the sensor for each round, asks
once `settle_s` seconds of fan have passed and lays it down again. The sensor forgets all of it without power. Commands are
`42 4D command high low sum sum`.

>>> decoded = pms5003({}).decode(bytes.fromhex("424d001c00000008000800000008000800d20046002d001e00000000970002c5"))
>>> decoded.fields["pm25_atm"], decoded.fields["n03"]
(8, 210)
"""

import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Step, Verdict
from edge.drivers.options import choice, number, only
from edge.framing import ScanFramer, Size

HEADER = b"\x42\x4d"
COMMAND_SIZE = 7
ACK_LENGTH = 4
MASSES = ("pm1_cf1", "pm25_cf1", "pm10_cf1", "pm1_atm", "pm25_atm", "pm10_atm")
COUNTS = ("n03", "n05", "n10", "n25", "n50", "n100")

_COMMANDS = {
    (0xE1, 0): "passive-mode",
    (0xE1, 1): "active-mode",
    (0xE2, 0): "read-passive",
    (0xE4, 0): "sleep",
    (0xE4, 1): "wake",
}
PASSIVE, ACTIVE, READ, SLEEP, WAKE = (
    bytes.fromhex(f"424d{command}")
    for command in ("e100000170", "e100010171", "e200000171", "e400000173", "e400010174")
)
REQUESTS = {"active": (), "passive": (READ,), "sleep": (WAKE,)}
SETUP = {
    "active": (Step(ACTIVE), Step(WAKE, 0.1)),  # it may have been left in another mode
    "passive": (Step(PASSIVE), Step(b"", 0.2)),
    "sleep": (
        Step(SLEEP),
        Step(b"", 2.5),
    ),  # whatever it was doing, it wakes from here; it is deaf for two seconds
}
SETTLE_S = 30.0


class Model(NamedTuple):
    """What sets the members of the family apart. `length` is the frame's own length field."""

    protocol: str
    length: int
    quantities: tuple[str, ...]
    content: Callable[[bytes], dict[str, Any]]


class Plantower:
    """One sensor of the family; see edge.driver.Driver."""

    baud = 9600

    def __init__(self, model: Model, mode: str = "active", settle_s: float = SETTLE_S) -> None:
        self._model, self._settle_s = model, settle_s
        self.requests: tuple[bytes, ...] = REQUESTS[mode]
        self.setup = SETUP[mode]
        self.timeout_s = 3.0 if mode == "sleep" else 0.5  # awake it speaks by itself, every 2.3 s
        self.protocol = model.protocol
        self.quantities = model.quantities

    def framer(self, request: bytes | None = None) -> Framer:
        """Measurement frames and the 8-byte answers to commands; with a request only what answers it."""
        return ScanFramer(
            lambda data: self._measure(data, request), self._model.length + 4, echo=request or b""
        )

    def follow(self, request: bytes, decoded: Decoded) -> tuple[Step, ...]:
        """Awake: stop the stream when the fan has cleared the chamber, ask, sleep."""
        return (Step(PASSIVE, self._settle_s), Step(READ, 0.1), Step(SLEEP)) if request == WAKE else ()

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """A measurement frame, an answer, or a command to the sensor (7 bytes)."""
        if len(frame) == COMMAND_SIZE:
            return Decoded(Verdict.ACCEPT, {"command": _command(frame)})
        size = self._measure(frame)
        if size <= 0 or size != len(frame):
            raise BadFrameError(_why(frame, size))
        if len(frame) == ACK_LENGTH + 4:
            return Decoded(Verdict.ACCEPT, {"ack": _name(frame[4], frame[5])})
        if request == WAKE:
            return Decoded(Verdict.IGNORE, None, reason="the fan has just started")
        if not any(frame[4:-2]):
            return Decoded(Verdict.IGNORE, None, reason="warm-up: every data byte is zero")
        fields = self._model.content(frame)
        if fields["pm10_atm"] > 0 and fields.get("n03") == 0:
            return Decoded(
                Verdict.IGNORE, fields, reason="inconsistent: mass without particles, as after a mode change"
            )
        return _measured(fields, self.quantities)

    def _measure(self, data: bytes, request: bytes | None = None) -> int:
        if not HEADER.startswith(data[:2]):
            return Size.JUNK
        if len(data) < 4:
            return Size.MORE
        length = data[2] << 8 | data[3]
        if length not in (self._model.length, ACK_LENGTH):
            return Size.BAD
        if len(data) < length + 4:
            return Size.MORE
        if sum(data[: length + 2]) != data[length + 2] << 8 | data[length + 3]:
            return Size.BAD
        acknowledged = data[4:6] if length == ACK_LENGTH else b""
        wanted = request is None or acknowledged == (request[2:5:2] if request in (PASSIVE, SLEEP) else b"")
        return length + 4 if wanted else Size.JUNK


def _measured(fields: dict[str, Any], quantities: tuple[str, ...]) -> Decoded:
    source = {"temperature": "temperature_c", "humidity": "humidity_pct"}
    measurements = tuple(Measurement(q, float(fields[source.get(q, f"{q}_atm")])) for q in quantities)
    if fields.get("error"):
        return Decoded(Verdict.FLAG, fields, measurements, f"the sensor reports error {fields['error']}")
    return Decoded(Verdict.ACCEPT, fields, measurements)


def _command(frame: bytes) -> str:
    """The name of `42 4D command high low sum sum`."""
    if frame[:2] != HEADER:
        raise BadFrameError("a command begins with 42 4D")
    if sum(frame[:5]) != frame[5] << 8 | frame[6]:
        raise BadFrameError("checksum of the command is wrong")
    return _name(frame[2], frame[4])


def _name(command: int, data: int) -> str:
    try:
        return _COMMANDS[command, data]
    except KeyError:
        raise BadFrameError(f"unknown command {command:02X} {data:02X}") from None


def _why(frame: bytes, size: int) -> str:
    if size == Size.JUNK:
        return "does not begin with 42 4D"
    if size == Size.MORE:
        return f"too short: {len(frame)} bytes"
    if size > 0:
        return f"{len(frame) - size} bytes too many"
    return "length or checksum is wrong"


def _masses(frame: bytes) -> dict[str, Any]:
    return dict(zip(MASSES, struct.unpack_from(">6H", frame, 4), strict=True))


def _pms5003(frame: bytes) -> dict[str, Any]:
    counts = zip(COUNTS, struct.unpack_from(">6H", frame, 16), strict=True)
    return _masses(frame) | dict(counts) | {"version": frame[28], "error": frame[29]}


def _pms5003t(frame: bytes) -> dict[str, Any]:
    *counts, temperature, humidity = struct.unpack_from(">4HhH", frame, 16)
    climate = {"temperature_c": temperature / 10, "humidity_pct": humidity / 10}
    return (
        _masses(frame)
        | dict(zip(COUNTS[:4], counts, strict=True))
        | climate
        | {"version": frame[28], "error": frame[29]}
    )


_PM = ("pm1", "pm25", "pm10")
PMS5003 = Model("pms5003", 28, _PM, _pms5003)
PMS5003T = Model("pms5003t", 28, (*_PM, "temperature", "humidity"), _pms5003t)
PMS3003 = Model("pms3003", 20, _PM, _masses)


PMS7003 = PMS5003._replace(protocol="pms7003")


def _build(model: Model, options: Mapping[str, object]) -> Driver:
    only(model.protocol, options, ("mode", "settle_s"))
    mode = choice(options, "mode", ("active", "passive", "sleep"))
    return Plantower(model, mode, number(options, "settle_s", SETTLE_S, low=0, high=300))


pms5003 = partial(_build, PMS5003)
pms7003 = partial(_build, PMS7003)
pms5003t = partial(_build, PMS5003T)
pms3003 = partial(_build, PMS3003)
