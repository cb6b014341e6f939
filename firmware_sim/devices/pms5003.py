"""A Plantower PMS5003, PMS5003T or PMS3003: a frame a second, warm-up frames of zeros, obeys its five commands.

32 bytes (manual V2.3); the T has temperature and humidity in place of two counts, the PMS3003 24 bytes and no counts.
"""

import math
import struct
from itertools import accumulate

from firmware_sim.device import Emission, Measure, next_due

WARM_UP_FRAMES = 2
MASSES = ("pm1", "pm25", "pm10")
CLIMATE = ("temperature", "humidity")


class Pms5003:
    """`period_s` seconds between frames in active mode; `model` is one of the three, in small letters."""

    def __init__(
        self, measure: Measure, *, start_s: float, period_s: float = 1.0, model: str = "pms5003"
    ) -> None:
        self._measure, self._period, self._model = measure, period_s, model
        self._asleep = self._passive = False
        self._warm_up = WARM_UP_FRAMES
        self._input = bytearray()
        self.due_s = start_s

    def emit(self, now_s: float) -> list[Emission]:
        """The next frame of the stream."""
        if self._asleep or self._passive:
            self.due_s = math.inf
            return []
        self.due_s = next_due(self.due_s, self._period, now_s)
        return [self._frame(now_s)]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Commands of seven bytes; anything else is skipped byte by byte."""
        self._input += data
        answers: list[Emission] = []
        while len(self._input) >= 7:
            command = bytes(self._input[:7])
            if command[:2] == b"BM" and sum(command[:5]) == int.from_bytes(command[5:], "big"):
                del self._input[:7]
                answers += self._obey(command[2], command[4], now_s)
            else:
                del self._input[:1]
        return answers

    def _obey(self, command: int, value: int, now_s: float) -> list[Emission]:
        if self._asleep and (command, value) != (0xE4, 1):
            return []
        match command, value:
            case 0xE1, (0 | 1):
                self._passive = value == 0
                self.due_s = math.inf if self._passive else now_s + self._period
            case 0xE2, 0 if self._passive:
                return [self._frame(now_s)]
            case 0xE4, 0:
                self._asleep, self.due_s = True, math.inf
            case 0xE4, 1:
                self._asleep, self._passive, self._warm_up = False, False, WARM_UP_FRAMES
                self.due_s = now_s + self._period
                return []
            case _:
                return []
        return [Emission(_sealed(bytes((0x42, 0x4D, 0, 4, command, value))))]

    def _frame(self, now_s: float) -> Emission:
        head = b"BM\x00\x14" if self._model == "pms3003" else b"BM\x00\x1c"
        if self._warm_up:
            self._warm_up -= 1
            return Emission(_sealed(head + bytes(head[3] - 2)))
        measured = (max(0, min(999, round(self._measure(q, now_s)))) for q in MASSES)
        masses = list(accumulate(measured, max))  # each size class holds the smaller ones
        factory = [round(mass * (1.0 if mass < 30 else 1.25)) for mass in masses]
        counts = [max(1, round(masses[1] * k)) for k in (26.0, 8.0, 5.0, 3.0, 1.0, 0.3)]
        body = head + struct.pack(">6H", *factory, *masses)
        readings = list(zip(MASSES, map(float, masses), strict=True))
        match self._model:
            case "pms3003":
                body += bytes((0, 0, 0, 0, 0x51, 0))
            case "pms5003t":
                tenths = [round(self._measure(q, now_s) * 10) for q in CLIMATE]
                body += struct.pack(">4HhH", *counts[:4], *tenths) + bytes((0x9A, 0))
                readings += [(q, value / 10) for q, value in zip(CLIMATE, tenths, strict=True)]
            case _:
                body += struct.pack(">6H", *counts) + bytes((0x97, 0))
        return Emission(_sealed(body), tuple(readings))


def _sealed(body: bytes) -> bytes:
    return body + (sum(body) & 0xFFFF).to_bytes(2, "big")
