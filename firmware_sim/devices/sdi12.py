"""A water level probe that speaks SDI-12 1.4 behind an adapter: level in m and temperature in Cel, ready after a while."""

import math

from firmware_sim.device import Emission, Measure

READY_S = 1
VALUES = ("water_level", "temperature")
_DECIMALS = {"water_level": 3, "temperature": 2}
IDENTITY = "14HALONG  LEVEL1100000001"


class Sdi12Probe:
    """Sensor `address`. `early_s` seconds after M it says that it is ready."""

    def __init__(self, measure: Measure, *, address: str = "0", early_s: float = 0.6) -> None:
        self._measure, self._address, self._early_s = measure, address, early_s
        self._input = ""
        self._asked_s, self._checked = math.nan, False
        self.due_s = math.inf

    def emit(self, now_s: float) -> list[Emission]:
        """The service request: the values are there."""
        self.due_s = math.inf
        return [self._line("")]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Commands end with `!`; those to other sensors are not answered."""
        self._input += data.decode("ascii", "replace")
        *commands, self._input = self._input.split("!")
        answers: list[Emission] = []
        for command in commands:
            word = command.strip("\r\n")
            if word == "?":
                answers.append(self._line(""))
            elif word[:1] == self._address:
                answers += self._obey(word[1:], now_s)
        return answers

    def _obey(self, word: str, now_s: float) -> list[Emission]:
        match word:
            case "":
                return [self._line("")]
            case "I":
                return [self._line(IDENTITY)]
            case "M" | "MC":
                self._asked_s, self._checked = now_s, word == "MC"
                self.due_s = now_s + self._early_s
                return [self._line(f"{READY_S:03}{len(VALUES)}")]
            case "C" | "CC":
                self._asked_s, self._checked = now_s, word == "CC"
                return [self._line(f"{READY_S:03}{len(VALUES):02}")]
            case "D0":
                self.due_s = math.inf  # a question ends the measurement, ready or not
                if not now_s >= self._asked_s + self._early_s:
                    return [self._line("")]
                return [self._values(now_s, self._checked)]
            case "R0" | "RC0":
                return [self._values(now_s, word == "RC0")]
        return []

    def _values(self, now_s: float, checked: bool) -> Emission:
        values = [round(self._measure(name, now_s), _DECIMALS[name]) for name in VALUES]
        text = self._address + "".join(
            f"{value:+.{_DECIMALS[name]}f}" for name, value in zip(VALUES, values, strict=True)
        )
        text += _crc(text) if checked else ""
        return Emission(text.encode() + b"\r\n", tuple(zip(VALUES, values, strict=True)))

    def _line(self, rest: str) -> Emission:
        return Emission(f"{self._address}{rest}\r\n".encode())


def _crc(text: str) -> str:
    """CRC-16, polynomial A001, start 0, in three characters of six bits."""
    value = 0
    for byte in text.encode():
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return "".join(chr(0x40 | value >> shift & 0x3F) for shift in (12, 6, 0))
