"""A small board that prints its values as lines: a JSON object, or fields between commas; after a reset a word of greeting."""

import json

from firmware_sim.device import Emission, Measure

GREETING = b"climate board ready\r\n"
# quantity: (name in an object, decimals)
_FIELDS = {"temperature": ("t", 2), "humidity": ("rh", 2), "pressure": ("p", 1)}
QUANTITIES = tuple(_FIELDS)


class Board:
    """`objects`: JSON lines, else delimited ones; every `period_s` seconds."""

    def __init__(self, measure: Measure, *, objects: bool, start_s: float, period_s: float = 1.0) -> None:
        self._measure, self._objects, self._period = measure, objects, period_s
        self._greeted = False
        self.due_s = start_s

    def emit(self, now_s: float) -> list[Emission]:
        """The next line."""
        self.due_s = max(self.due_s + self._period, now_s)
        if not self._greeted:
            self._greeted = True
            return [Emission(GREETING)]
        values = {q: round(self._measure(q, now_s), decimals) for q, (_, decimals) in _FIELDS.items()}
        if self._objects:
            line = json.dumps({_FIELDS[q][0]: value for q, value in values.items()}, separators=(",", ":"))
        else:
            line = ",".join(f"{value:.{_FIELDS[q][1]}f}" for q, value in values.items())
        return [Emission(line.encode() + b"\r\n", tuple(values.items()))]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """It does not listen."""
        return []
