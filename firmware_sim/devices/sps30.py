"""A Sensirion SPS30 on its UART: SHDLC frames, idle until it is told to measure, one new value a second (datasheet SPS30)."""

import math
import struct

from firmware_sim.device import Emission, Measure

FLAG, ESCAPE = 0x7E, 0x7D
STUFFED = (0x7E, 0x7D, 0x11, 0x13)
WRONG_LENGTH, UNKNOWN, ILLEGAL, NOT_NOW = 0x01, 0x02, 0x04, 0x43
CLEANING_S = 604800
SERIAL = b"8A3F1C20B7D45E69\0"
MASSES = ("pm1", "pm25", "pm4", "pm10")
_COUNTS = (4.4, 5.1, 5.2, 5.3, 5.3)  # particles in 1/cm3 per ug/m3 of PM1, up to 0.5, 1, 2.5, 4, 10 um
_TYPICAL_UM = 0.6


class Sps30:
    """Starts `asleep` or idle; the first value after a start is all zero."""

    due_s = math.inf

    def __init__(self, measure: Measure, *, asleep: bool = False) -> None:
        self._measure = measure
        self._asleep, self._pulsed = asleep, False
        self._format = ""
        self._began_s = self._last_second = 0.0
        self._input = bytearray()

    def emit(self, now_s: float) -> list[Emission]:
        """Nothing: it speaks when it is asked."""
        return []

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Frames between two flags; those with a wrong checksum or for another address are not answered."""
        self._input += data
        if self._asleep and not self._pulsed and data:
            self._pulsed = True  # the first bytes only switch the interface on
            self._input.clear()
            return []
        answers: list[Emission] = []
        while (start := self._input.find(FLAG)) >= 0 and (end := self._input.find(FLAG, start + 1)) >= 0:
            if end == start + 1:
                del self._input[:end]
                continue
            content = _unstuffed(bytes(self._input[start + 1 : end]))
            del self._input[: end + 1]
            if len(content) >= 4 and sum(content) & 0xFF == 0xFF and content[0] == 0:
                answers += self._obey(content[1], content[2], content[3:-1], now_s)
        return answers

    def _obey(self, command: int, length: int, data: bytes, now_s: float) -> list[Emission]:
        if self._asleep and command != 0x11:
            return []
        if length != len(data):
            return [_answer(command, WRONG_LENGTH)]
        measuring = bool(self._format)
        match command:
            case 0x00:
                if measuring:
                    return [_answer(command, NOT_NOW)]
                if data not in (b"\x01\x03", b"\x01\x05"):
                    return [_answer(command, ILLEGAL)]
                self._format = ">10f" if data[1] == 3 else ">10H"
                self._began_s, self._last_second = now_s, math.floor(now_s) - 1
            case 0x01:
                self._format = ""
            case 0x03:
                return [self._values(now_s) if measuring else _answer(command, NOT_NOW)]
            case 0x10 if not measuring:
                self._asleep, self._pulsed = True, False
            case 0x11 if self._asleep:
                self._asleep = False
            case 0x56 if measuring:
                pass
            case 0x80 if data == b"\0":
                return [_answer(command, 0, CLEANING_S.to_bytes(4, "big"))]
            case 0xD0 if data == b"\x03":
                return [_answer(command, 0, SERIAL)]
            case 0xD1:
                return [_answer(command, 0, bytes((2, 2, 0, 7, 0, 2, 0)))]
            case 0xD2 if len(data) == 1:
                return [_answer(command, 0, bytes(5))]
            case 0xD3:
                self._format = ""
            case 0x10 | 0x11 | 0x56:
                return [_answer(command, NOT_NOW)]
            case 0x80 | 0xD0 | 0xD2:
                return [_answer(command, ILLEGAL)]
            case _:
                return [_answer(command, UNKNOWN)]
        return [_answer(command, 0)]

    def _values(self, now_s: float) -> Emission:
        second = math.floor(now_s)
        if second == self._last_second:
            return _answer(0x03, 0)
        self._last_second = second
        if now_s - self._began_s < 1:
            return _answer(0x03, 0, struct.pack(self._format, *[0] * 10))
        masses = [max(0.5, min(1000.0, self._measure(name, now_s))) for name in MASSES]
        values = [*masses, *(masses[0] * k for k in _COUNTS), _TYPICAL_UM]
        if self._format == ">10H":
            values = [*(round(value) for value in values[:-1]), round(_TYPICAL_UM * 1000)]
            values = [max(1, int(value)) for value in values]
        data = struct.pack(self._format, *values)
        sent = struct.unpack(self._format, data)
        return _answer(0x03, 0, data)._replace(readings=tuple(zip(MASSES, map(float, sent[:4]), strict=True)))


def _answer(command: int, state: int, data: bytes = b"") -> Emission:
    content = bytes((0, command, state, len(data))) + data
    content += bytes((~sum(content) & 0xFF,))
    stuffed = bytearray()
    for byte in content:
        stuffed += bytes((ESCAPE, byte ^ 0x20)) if byte in STUFFED else bytes((byte,))
    return Emission(bytes((FLAG,)) + bytes(stuffed) + bytes((FLAG,)))


def _unstuffed(content: bytes) -> bytes:
    """A byte that should have been stuffed is taken as it is, as real sensors do."""
    parts, escaped = bytearray(), False
    for byte in content:
        if byte == ESCAPE and not escaped:
            escaped = True
            continue
        parts.append(byte ^ 0x20 if escaped else byte)
        escaped = False
    return bytes(parts)
