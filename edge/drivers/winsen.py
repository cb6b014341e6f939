"""Winsen MH-Z19B / MH-Z19C: CO2 by infrared, 9600 8N1, answers when asked.

    request  FF 01 86 00 00 00 00 00 79      answer  FF 86 HH LL TT SS UU UU cc
             |  |  |              |                  |  |  |     |  |  |     (256 - sum of bytes 1..7) mod 256
             |  |  command        checksum           |  |  |     |  |  15000 while an MH-Z19 boots, else 0
             |  sensor number                        |  |  |     |  status
             start                                   |  |  |     board temperature + 40 Cel; 0 = not supplied
                                                     |  |  CO2 in ppm, big-endian
                                                     start, command

Bytes 4 to 7 are not in the manual (MH-Z19B V1.6); their meaning is what drivers agree on.

>>> mhz19({}).decode(bytes.fromhex("ff86027c42000000ba")).measurements[0]
Measurement(quantity='co2', value=636.0, flags=0)
"""

from collections.abc import Mapping
from typing import Any

from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Verdict
from edge.drivers.options import only
from edge.framing import ScanFramer, Size
from telemetry.reading import Flag

SIZE = 9
READ_CO2 = bytes.fromhex("ff0186000000000079")
BOOTING = 15000

_NAMES = {
    0x84: "read-raw-light",
    0x85: "read-co2-unclamped",
    0x7D: "read-abc",
    0x86: "read-co2",
    0x79: "abc",
    0x87: "zero-calibrate",
    0x88: "span-calibrate",
    0x8D: "reset",
    0x99: "set-range",
    0x9B: "read-range",
    0xA0: "read-version",
}


def checksum(frame: bytes) -> int:
    """The last byte: two's complement of the sum of bytes 1 to 7. The outer modulo matters when the sum is 0."""
    return (256 - sum(frame[1:8]) % 256) % 256


class MhZ19:
    """See edge.driver.Driver."""

    protocol = "mhz19"
    baud = 9600
    quantities: tuple[str, ...] = ("co2", "device_temperature")
    requests: tuple[bytes, ...] = (READ_CO2,)

    def framer(self, request: bytes | None = None) -> Framer:
        """Answers; with a request only answers to its command, because an ABC answer may come first."""
        wanted = request[2] if request is not None and len(request) == SIZE else None
        return ScanFramer(lambda data: _measure(data, wanted), SIZE, echo=request or b"")

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """An answer, or a command to the sensor (its second byte is the sensor number 1)."""
        if len(frame) != SIZE or frame[0] != 0xFF:
            raise BadFrameError("an MH-Z19 frame is nine bytes and begins with FF")
        if frame[8] != checksum(frame):
            raise BadFrameError(f"checksum is {frame[8]:02X}, should be {checksum(frame):02X}")
        if frame[1] == 0x01:
            return Decoded(Verdict.ACCEPT, _command(frame))
        if frame[1] == 0x86:
            return _co2(frame)
        if frame[1] not in _NAMES:
            raise BadFrameError(f"unknown answer {frame[1]:02X}")
        return Decoded(Verdict.ACCEPT, _reply(frame))


def _measure(data: bytes, wanted: int | None) -> int:
    if data[0] != 0xFF:
        return Size.JUNK
    if len(data) > 1 and (data[1] not in _NAMES or (wanted is not None and data[1] != wanted)):
        return Size.JUNK
    if len(data) < SIZE:
        return Size.MORE
    return SIZE if data[8] == checksum(data[:SIZE]) else Size.BAD


def _co2(frame: bytes) -> Decoded:
    ppm, unsettled = frame[2] << 8 | frame[3], frame[6] << 8 | frame[7]
    fields = {"co2_ppm": ppm, "temperature_c": frame[4] - 40, "status": frame[5], "u": unsettled}
    board = (Measurement("device_temperature", float(frame[4] - 40)),) if frame[4] else ()
    if unsettled == BOOTING or ppm == 0:
        why = "boot placeholder" if unsettled == BOOTING else "0 ppm is never real"
        return Decoded(Verdict.FLAG, fields, (Measurement("co2", float(ppm), Flag.DEVICE), *board), why)
    return Decoded(Verdict.ACCEPT, fields, (Measurement("co2", float(ppm)), *board))


def _command(frame: bytes) -> dict[str, Any]:
    if frame[2] not in _NAMES:
        raise BadFrameError(f"unknown command {frame[2]:02X}")
    fields: dict[str, Any] = {"command": _NAMES[frame[2]]}
    match frame[2]:
        case 0x79:
            fields["on"] = frame[3] == 0xA0
        case 0x88:
            fields["ppm"] = frame[3] << 8 | frame[4]
        case 0x99:
            fields["ppm"] = int.from_bytes(frame[4:8], "big")
    return fields


def _reply(frame: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {"reply": _NAMES[frame[1]]}
    match frame[1]:
        case 0x79 | 0x99 | 0x87 | 0x88 | 0x8D:
            fields["ack"] = True
        case 0x84:
            fields["raw"] = frame[2] << 8 | frame[3]
        case 0x85:
            fields["co2_ppm"] = frame[4] << 8 | frame[5]
        case 0x7D:
            fields["on"] = bool(frame[7])
        case 0x9B:
            fields["ppm"] = frame[4] << 8 | frame[5]
        case 0xA0:
            fields["version"] = frame[2:6].decode("ascii", "replace")
    return fields


def mhz19(options: Mapping[str, object]) -> Driver:
    """The driver; it has no options."""
    only("mhz19", options)
    return MhZ19()
