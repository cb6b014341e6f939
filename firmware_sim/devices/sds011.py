"""A Nova SDS011: a 10-byte frame a second or when asked, obeys its commands (laser dust sensor control protocol V1.3)."""

import math

from firmware_sim.device import Emission, Measure

COMMAND = 19
WARM_UP_FRAMES = 2
ID = b"\xa1\x60"
ANY = b"\xff\xff"
FIRMWARE = bytes((15, 7, 10))


class Sds011:
    """`period_s` seconds between frames in active mode; the report mode and the working period are only remembered."""

    def __init__(self, measure: Measure, *, start_s: float, period_s: float = 1.0) -> None:
        self._measure, self._period = measure, period_s
        self._query = self._asleep = False
        self._minutes = 0
        self._warm_up = WARM_UP_FRAMES
        self._input = bytearray()
        self.due_s = start_s

    def emit(self, now_s: float) -> list[Emission]:
        """The next frame of the stream."""
        quiet = self._query or self._asleep
        self.due_s = math.inf if quiet else max(self.due_s + self._period, now_s)
        return [] if quiet else [self._data(now_s)]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Commands of 19 bytes to this sensor or to any; anything else is skipped byte by byte."""
        self._input += data
        answers: list[Emission] = []
        while len(self._input) >= COMMAND:
            command = bytes(self._input[:COMMAND])
            if command[:2] != b"\xaa\xb4" or command[18] != 0xAB or command[17] != sum(command[2:17]) & 0xFF:
                del self._input[:1]
                continue
            del self._input[:COMMAND]
            if command[15:17] in (ID, ANY):
                answers += self._obey(command[2], command[3], command[4], now_s)
        return answers

    def _obey(self, about: int, setting: int, value: int, now_s: float) -> list[Emission]:
        if self._asleep and not (about == 6 and setting and value):
            return []  # asleep it hears nothing but the call to wake
        match about:
            case 4:
                return [self._data(now_s)]
            case 7:
                return [_framed(0xC5, b"\x07" + FIRMWARE)]
            case 2 if setting:
                self._query = value == 1
            case 6 if setting:
                if self._asleep and value:
                    self._warm_up = WARM_UP_FRAMES
                self._asleep = value == 0
            case 8 if setting:
                self._minutes = value
            case 2 | 6 | 8:
                value = {2: int(self._query), 6: int(not self._asleep), 8: self._minutes}[about]
            case _:
                return []
        self.due_s = math.inf if self._query or self._asleep else now_s + self._period
        return [_framed(0xC5, bytes((about, setting, value, 0)))]

    def _data(self, now_s: float) -> Emission:
        if self._warm_up:
            self._warm_up -= 1
            return _framed(0xC0, bytes(4))
        tenths = [max(1, min(9999, round(self._measure(name, now_s) * 10))) for name in ("pm25", "pm10")]
        content = b"".join(value.to_bytes(2, "little") for value in tenths)
        readings = (("pm25", tenths[0] / 10), ("pm10", tenths[1] / 10))
        return _framed(0xC0, content)._replace(readings=readings)


def _framed(kind: int, content: bytes) -> Emission:
    body = content + ID
    return Emission(bytes((0xAA, kind)) + body + bytes((sum(body) & 0xFF, 0xAB)))
