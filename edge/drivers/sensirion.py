"""Sensirion SPS30: particulate matter by laser, SHDLC over 115200 8N1, answers when asked; one new value a second.

    request  7E 00 03 00 FC 7E                     answer  7E 00 03 00 28 40A78320 .. cc 7E
                |  |  |  |                                    |  |  |  |  |           |
                |  |  |  inverted low byte of the sum         |  |  |  |  data        inverted low byte of the sum
                |  |  length of the data                      |  |  |  length of the data
                |  command                                    |  |  state: bit 7 an error is latched, 0 to 6 of this command
                address                                       |  command
                                                              address

Between the flags 7E, 7D, 11 and 13 go as 7D and the byte with bit 5 turned. Read values: ten big-endian numbers (float32, or
uint16 when started so): PM1, PM2.5, PM4, PM10 in ug/m3, numbers up to 0.5, 1, 2.5, 4, 10 um in 1/cm3, typical size in um (nm
as uint16). Every class counts from 0.3 um on. (Datasheet SPS30, SHDLC section.) Measuring is started when the port opens and
again when the sensor says it is idle; the cleaning interval, which it keeps, is never touched.

>>> decoded = sps30({}).decode(bytes.fromhex("7e0003001400050009000c000d001a00250029002a002a0343bf7e"))
>>> decoded.fields["pm25"], decoded.fields["typical_size_nm"]
(9, 835)
"""

import math
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Step, Verdict
from edge.drivers.options import only
from edge.framing import ScanFramer, Size

FLAG, ESCAPE = 0x7E, 0x7D
MAX_FRAME = 2 + 2 * 260  # every byte stuffed
START, STOP, READ, SLEEP, WAKE, CLEAN, AUTO_CLEAN, INFO, VERSION, STATUS, RESET = (
    0x00, 0x01, 0x03, 0x10, 0x11, 0x56, 0x80, 0xD0, 0xD1, 0xD2, 0xD3
)  # fmt: skip
NOT_NOW = 0x43
FIELDS = ("pm1", "pm25", "pm4", "pm10", "nc05", "nc1", "nc25", "nc4", "nc10")
NAMES = {
    START: "start", STOP: "stop", READ: "read", SLEEP: "sleep", WAKE: "wake", CLEAN: "clean-fan",
    AUTO_CLEAN: "auto-clean-interval", INFO: "device-info", VERSION: "version", STATUS: "status", RESET: "reset",
}  # fmt: skip
ERRORS = {
    0x01: "wrong data length",
    0x02: "unknown command",
    0x03: "no access right for this command",
    0x04: "illegal command parameter",
    0x28: "internal function argument out of range",
    NOT_NOW: "command not allowed in this state",
}
_FORMATS = {3: "float32", 5: "uint16"}
_INFO = {0: "product-type", 3: "serial-number"}


def to_sensor(command: int, data: bytes = b"") -> bytes:
    """A stuffed frame to address 0."""
    content = bytes((0, command, len(data))) + data
    content += bytes((~sum(content) & 0xFF,))
    stuffed = b"".join(
        bytes((ESCAPE, byte ^ 0x20)) if byte in (FLAG, ESCAPE, 0x11, 0x13) else bytes((byte,))
        for byte in content
    )
    return bytes((FLAG,)) + stuffed + bytes((FLAG,))


ASK, BEGIN, ROUSE = to_sensor(READ), to_sensor(START, b"\x01\x03"), to_sensor(WAKE)


class Sps30:
    """See edge.driver.Driver."""

    protocol = "sps30"
    baud = 115200
    quantities: tuple[str, ...] = ("pm1", "pm25", "pm4", "pm10")
    requests: tuple[bytes, ...] = (ASK,)
    # asleep it takes the first wake frame for the pulse that switches its interface on; awake or measuring both do nothing
    setup = (Step(ROUSE), Step(ROUSE, 0.02), Step(BEGIN, 0.05), Step(b"", 0.05))

    def framer(self, request: bytes | None = None) -> Framer:
        """Answers; with a request only those to its command."""
        wanted = request[2] if request is not None and len(request) > 4 and request[2] != ESCAPE else None
        return ScanFramer(lambda data: _measure(data, wanted), MAX_FRAME, echo=request or b"", shared=1)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """An answer, or a request to the sensor: their lengths stand in different places."""
        content = unstuff(frame)
        if request is None and _is_request(content):
            with suppress(BadFrameError):
                return self.decode_content(content, to_device=True)
        return self.decode_content(content, to_device=False)

    def decode_content(self, content: bytes, to_device: bool) -> Decoded:
        """The same of an unstuffed frame without its flags and checksum, whose direction is known."""
        if to_device:
            return Decoded(Verdict.ACCEPT, _request(content))
        if len(content) < 4 or content[3] != len(content) - 4:
            raise BadFrameError("the length does not fit")
        command, state, data = content[1], content[2], content[4:]
        if command not in NAMES:
            raise BadFrameError(f"unknown answer {command:02X}")
        if state & 0x7F:
            error = ERRORS.get(state & 0x7F, f"unknown error {state & 0x7F:02X}")
            fields = {
                "reply": NAMES[command],
                "state": state & 0x7F,
                "error": error,
                "device_error": state > 0x7F,
            }
            return Decoded(Verdict.FLAG, fields, reason=error)
        decoded = _values(data) if command == READ else Decoded(Verdict.ACCEPT, _reply(command, data))
        if state and decoded.verdict is not Verdict.IGNORE:
            fields = {**(decoded.fields or {}), "device_error": True}
            return Decoded(Verdict.FLAG, fields, decoded.measurements, "the sensor has latched an error")
        return decoded

    def follow(self, request: bytes, decoded: Decoded) -> tuple[Step, ...]:
        """It is idle, as after a loss of power: start it."""
        idle = request == ASK and (decoded.fields or {}).get("state") == NOT_NOW
        return (Step(BEGIN),) if idle else ()


def unstuff(frame: bytes) -> bytes:
    """The content of a frame between its flags, without the checksum, which must fit; raises BadFrameError."""
    if len(frame) < 5 or frame[0] != FLAG or frame[-1] != FLAG:
        raise BadFrameError("a frame stands between two 7E")
    content, escaped = bytearray(), False
    for byte in frame[1:-1]:
        if byte == FLAG or (escaped and byte == ESCAPE):
            raise BadFrameError("a bare 7E or 7D 7D inside a frame")
        if byte == ESCAPE:
            escaped = True
            continue
        content.append(byte ^ 0x20 if escaped else byte)
        escaped = False
    if escaped or len(content) < 4:
        raise BadFrameError("the frame is cut")
    if sum(content) & 0xFF != 0xFF:
        raise BadFrameError(f"checksum is {content[-1]:02X}, should be {~sum(content[:-1]) & 0xFF:02X}")
    return bytes(content[:-1])


def _measure(data: bytes, wanted: int | None) -> int:
    if data[0] != FLAG:
        return Size.JUNK
    end = data.find(FLAG, 1)
    if end < 0:
        return Size.MORE
    if end == 1:  # the end of one frame and the start of the next
        return Size.JUNK
    try:
        content = unstuff(data[: end + 1])
    except BadFrameError:
        return Size.BAD
    if len(content) < 4 or content[3] != len(content) - 4 or content[1] not in NAMES:
        return Size.BAD
    return Size.JUNK if wanted is not None and content[1] != wanted else end + 1


def _is_request(content: bytes) -> bool:
    """Whether it reads as a request. `00 80 01 00` also reads as "wrong data length": nobody answers so to a right one."""
    return len(content) >= 3 and content[2] == len(content) - 3


def _request(content: bytes) -> dict[str, Any]:
    if len(content) < 3 or content[2] != len(content) - 3:
        raise BadFrameError("the length does not fit")
    command, data = content[1], content[3:]
    if command not in NAMES:
        raise BadFrameError(f"unknown command {command:02X}")
    fields: dict[str, Any] = {"command": NAMES[command]}
    match command:
        case 0x00 if len(data) == 2 and data[0] == 1 and data[1] in _FORMATS:
            fields["format"] = _FORMATS[data[1]]
        case 0x80 if len(data) == 5:
            fields["seconds"] = int.from_bytes(data[1:], "big")
        case 0xD0 if len(data) == 1 and data[0] in _INFO:
            fields["what"] = _INFO[data[0]]
        case 0xD2 if len(data) == 1:
            fields["clear"] = bool(data[0])
        case 0x80 if data == b"\0":
            pass
        case _ if data:
            raise BadFrameError(f"data {data.hex()} does not fit the command {NAMES[command]}")
    return fields


def _reply(command: int, data: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {"reply": NAMES[command]}
    match command:
        case 0x80 if len(data) == 4:
            fields["seconds"] = int.from_bytes(data, "big")
        case 0xD0 if data:
            fields["text"] = data.rstrip(b"\0").decode("ascii", "replace")
        case 0xD1 if len(data) == 7:
            fields |= {
                "firmware": f"{data[0]}.{data[1]}",
                "hardware": data[3],
                "shdlc": f"{data[5]}.{data[6]}",
            }
        case 0xD2 if len(data) == 5:
            bits = int.from_bytes(data[:4], "big")
            fields |= {"register": bits, "fan_speed_warning": bool(bits >> 21 & 1)}
            fields |= {"laser_error": bool(bits >> 5 & 1), "fan_error": bool(bits >> 4 & 1)}
        case _ if data:
            raise BadFrameError(f"{len(data)} bytes of data do not fit the answer {NAMES[command]}")
    return fields


def _values(data: bytes) -> Decoded:
    if not data:
        return Decoded(
            Verdict.IGNORE, {"reply": "read", "data": None}, reason="no new measurement since the last read"
        )
    if len(data) not in (20, 40):
        raise BadFrameError(f"{len(data)} bytes of values; 40 as float, 20 as integer")
    values: tuple[float, ...] = struct.unpack(">10f" if len(data) == 40 else ">10H", data)
    if not all(math.isfinite(value) and value >= 0 for value in values):
        raise BadFrameError("a value that is no number")
    size = "typical_size_um" if len(data) == 40 else "typical_size_nm"
    fields = dict(zip((*FIELDS, size), values, strict=True))
    if not any(values):
        return Decoded(Verdict.IGNORE, fields, reason="every value is zero: warming up")
    return Decoded(
        Verdict.ACCEPT, fields, tuple(Measurement(name, float(fields[name])) for name in Sps30.quantities)
    )


def sps30(options: Mapping[str, object]) -> Driver:
    """The driver; it has no options."""
    only("sps30", options)
    return Sps30()
