"""A Davis Vantage Pro2 console: asleep until it is woken, then packets on demand (serial communication reference 2.6)."""

import math
import struct

from firmware_sim.device import Emission, Measure

AWAKE_S = 120.0
PACKET_EVERY_S = 2.0
CLICK_MM = 0.254
LONGEST = 32
FIRMWARE_DATE = b"Apr 24 2002"  # the first whose packets have this layout


class DavisConsole:
    """The first line feed wakes it and is answered; a packet that is due later comes by `emit`."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._awake_until_s = -math.inf
        self._input = bytearray()
        self._queue: list[int] = []
        self.due_s = math.inf

    def emit(self, now_s: float) -> list[Emission]:
        """The next packet of a LOOP."""
        kind = self._queue.pop(0)
        self.due_s = now_s + PACKET_EVERY_S if self._queue else math.inf
        return [self._packet(kind, now_s)]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Lines; any byte stops a running LOOP."""
        self._queue, self.due_s = [], math.inf
        self._input += data
        answers: list[Emission] = []
        while (end := self._input.find(b"\n")) >= 0:
            line = self._input[:end].decode("ascii", "replace").strip("\r")
            del self._input[: end + 1]
            if now_s <= self._awake_until_s:
                answers += self._obey(line, now_s)
            elif not line:
                answers.append(Emission(b"\n\r"))
            self._awake_until_s = now_s + AWAKE_S
        del self._input[:-LONGEST]
        return answers

    def _obey(self, line: str, now_s: float) -> list[Emission]:
        word, *rest = line.split(" ")
        numbers = [int(part) for part in rest if part.isdigit()]
        match word, numbers:
            case "", []:
                return [Emission(b"\n\r")]
            case "TEST", []:
                return [Emission(b"\n\rTEST\n\r")]
            case "VER", []:
                return [Emission(b"\n\rOK\n\r" + FIRMWARE_DATE + b"\n\r")]
            case "LOOP", [count]:
                self._queue = [0] * count
            case "LPS", [2, count]:
                self._queue = [1] * count
            case _:
                return [Emission(b"\x21")]
        return [Emission(b"\x06"), *self.emit(now_s)]

    def _packet(self, kind: int, now_s: float) -> Emission:
        inch = round(self._measure("pressure", now_s) / 33.86388666667 * 1000)
        fahrenheit = round((self._measure("temperature", now_s) * 9 / 5 + 32) * 10)
        humidity = round(self._measure("humidity", now_s))
        mph = min(254, round(self._measure("wind_speed", now_s) / 0.44704))
        direction = round(self._measure("wind_direction", now_s)) % 360 or 360
        solar = min(1800, round(self._measure("solar_radiation", now_s)))
        clicks = round(self._measure("rain", now_s) / CLICK_MM) % 10000
        frame = bytearray(b"\xff" * 95)
        frame[0:9] = struct.pack("<3sbBHH", b"LOO", 0, kind, 0x7FFF if kind else 512, inch)
        frame[9:18] = struct.pack("<hBhBBH", 770, 55, fahrenheit, mph, 0xFF if kind else mph, direction)
        if kind:
            frame[18:22] = struct.pack("<HH", mph * 10, mph * 10)
            frame[30:32] = struct.pack("<h", 70)
            frame[35:41] = struct.pack("<hhh", 90, 80, 0x7FFF)
        frame[33] = humidity
        frame[41:48] = struct.pack("<HBHH", 0, 12, solar, 0)
        frame[50:56] = struct.pack("<HHH", clicks, clicks, clicks)
        if not kind:
            frame[70:86] = bytes(16)  # no alarm
            frame[86:95] = struct.pack("<BHBBHH", 0, 785, 8, 45, 530, 1815)
        body = bytes(frame) + b"\n\r"
        readings = (
            ("pressure", inch / 1000 * 33.86388666667),
            ("temperature", (fahrenheit / 10 - 32) * 5 / 9),
            ("humidity", float(humidity)),
            ("wind_speed", mph * 0.44704),
            ("wind_direction", float(direction % 360)),
            ("solar_radiation", float(solar)),
            ("rain", clicks * CLICK_MM),
        )
        return Emission(
            body + _crc(body).to_bytes(2, "big"), tuple((name, round(value, 6)) for name, value in readings)
        )


def _crc(data: bytes) -> int:
    """CRC-CCITT, polynomial 1021, start 0."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value
