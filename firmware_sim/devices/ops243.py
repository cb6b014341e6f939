"""An OmniPreSense OPS243-A radar: a line per report while a vehicle passes, a few reports a vehicle (API note AN-010)."""

import json
from collections.abc import Callable, Sequence

from firmware_sim.device import Emission

REPORT_EVERY_S = 0.2
REPORTS = 4
# setter's second letter: (name in its answer, km/h per unit)
_UNITS = {
    "M": ("m-per-sec", 3.6),
    "K": ("km-per-hr", 1.0),
    "S": ("mph", 1.609344),
    "F": ("ft-per-sec", 1.09728),
    "C": ("cm-per-sec", 0.036),
}


class Ops243:
    """`passes(second)` gives the vehicles of a second as (at_s, km/h, positive = inbound); `measure(at_s, km/h)` is what
    the radar makes of each speed, with the same sign.
    """

    def __init__(
        self,
        passes: Callable[[int], Sequence[tuple[float, float]]],
        *,
        start_s: float,
        measure: Callable[[float, float], float] = lambda at_s, kmh: kmh,
    ) -> None:
        self._passes, self._measure = passes, measure
        self._json, self._paused = True, False
        self._unit, self._kmh = "m-per-sec", 3.6
        self._second = int(start_s)
        self._due: list[tuple[float, float]] = []
        self._input = bytearray()
        self.due_s = start_s

    def emit(self, now_s: float) -> list[Emission]:
        """The reports that are due."""
        while self._second <= now_s:
            for at_s, kmh in self._passes(self._second):
                self._due += [(at_s + i * REPORT_EVERY_S, kmh * (1 - 0.03 * i)) for i in range(REPORTS)]
            self._second += 1
        self._due.sort()
        ready = [report for report in self._due if report[0] <= now_s]
        self._due = self._due[len(ready) :]
        self.due_s = min(self._second, self._due[0][0] if self._due else self._second)
        return [] if self._paused else [self._report(self._measure(at_s, kmh)) for at_s, kmh in ready]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """Two-character commands, with or without a line end; a line end also ends the number after `R>` and its like."""
        answers: list[Emission] = []
        for byte in data:
            self._input.append(byte)
            if byte in b"\r\n":
                self._input.clear()
            elif len(self._input) == 2:
                answers += self._obey(self._input.decode("ascii", "replace"))
                self._input.clear()
        return answers

    def _obey(self, command: str) -> list[Emission]:
        match command:
            case "OJ" | "Oj":
                self._json = command == "OJ"
            case "PI" | "PA":
                self._paused = command == "PI"
            case "UM" | "UK" | "US" | "UF" | "UC":
                self._unit, self._kmh = _UNITS[command[1]]
                return [_line({"Units": self._unit})]
            case "U?":
                return [_line({"Units": self._unit})]
            case "?V":
                return [_line({"Version": "1.3.1"})]
            case "??":
                return [_line({"Product": "OPS243"}), _line({"Version": "1.3.1"})]
        return []

    def _report(self, kmh: float) -> Emission:
        signed = round(kmh / self._kmh, 2)
        readings = (("vehicle_speed", round(abs(signed) * self._kmh, 6)),)
        if not self._json:
            return Emission(f"{signed:.2f}\r\n".encode(), readings)
        direction = "inbound" if signed >= 0 else "outbound"
        report = {"speed": abs(signed), "direction": direction, "magnitude": round(80 + abs(signed), 1)}
        return Emission(_line(report).data, readings)


def _line(content: dict[str, object]) -> Emission:
    return Emission(json.dumps(content, separators=(",", ":")).encode() + b"\r\n")
