"""Devices that publish by themselves: a power cabinet in plain JSON, a weather sensor in SenML, a recorded series in JSON.

Each payload carries its own time, rounded to the millisecond, so that what was observed when survives a slow network.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence

from firmware_sim.device import Emission, Measure, next_due

_SENML_UNITS = {"temperature": "Cel", "humidity": "%RH", "pressure": "hPa"}
# SenML unit in the payload: (payload per canonical unit, decimals)
_SCALES = {
    "V": (1.0, 1),
    "A": (1.0, 2),
    "kW": (0.001, 3),
    "Wh": (1000.0, 0),
    "%": (1.0, 2),
    "mi/h": (1 / 1.609344, 2),
}
CANONICAL = (1.0, 4)


Clock = Callable[[float], float]
"""The true time in seconds since 1970 -> what the device's clock says."""


class _Publisher:
    """Says something every `period_s` seconds, with the time of its own `clock`."""

    def __init__(self, *, start_s: float, period_s: float, clock: Clock) -> None:
        self._period, self._clock = period_s, clock
        self.due_s = start_s

    def emit(self, now_s: float) -> list[Emission]:
        """The message that is due."""
        self.due_s = next_due(self.due_s, self._period, now_s)
        now_s = round(now_s, 3)
        return [self._message(now_s, round(self._clock(now_s) * 1000))]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """It does not listen."""
        return []

    def _message(self, now_s: float, said_ms: int) -> Emission:
        raise NotImplementedError


class JsonPublisher(_Publisher):
    """`fields`: quantity -> (path with dots, SenML unit in the payload)."""

    def __init__(
        self,
        measure: Measure,
        fields: Mapping[str, tuple[str, str]],
        *,
        start_s: float,
        period_s: float,
        clock: Clock = float,
    ) -> None:
        super().__init__(start_s=start_s, period_s=period_s, clock=clock)
        self._measure, self._fields = measure, fields

    def _message(self, now_s: float, said_ms: int) -> Emission:
        content: dict[str, object] = {"t": said_ms}
        readings = []
        for quantity, (path, unit) in self._fields.items():
            scale, decimals = _SCALES.get(unit, CANONICAL)
            value = round(self._measure(quantity, now_s) * scale, decimals)
            _place(content, path, int(value) if decimals == 0 else value)
            readings.append((quantity, value / scale))
        return Emission(json.dumps(content, separators=(",", ":")).encode(), tuple(readings))


class SenmlPublisher(_Publisher):
    """One SenML pack (RFC 8428) a period."""

    def __init__(
        self,
        measure: Measure,
        sensor: str,
        quantities: Sequence[str],
        *,
        start_s: float,
        period_s: float,
        clock: Clock = float,
    ) -> None:
        super().__init__(start_s=start_s, period_s=period_s, clock=clock)
        self._measure, self._sensor, self._quantities = measure, sensor, quantities

    def _message(self, now_s: float, said_ms: int) -> Emission:
        records: list[dict[str, object]] = []
        readings = []
        for quantity in self._quantities:
            value = round(self._measure(quantity, now_s), 1)
            records.append({"n": quantity, "u": _SENML_UNITS[quantity], "v": value})
            readings.append((quantity, value))
        records[0] = {"bn": f"urn:dev:halong:{self._sensor}:", "bt": said_ms / 1000, **records[0]}
        return Emission(json.dumps(records, separators=(",", ":")).encode(), tuple(readings))


class Recording:
    """A recorded series played as measurements: row after row, one a period, from the beginning again at its end."""

    def __init__(self, series: Mapping[str, Sequence[float]], *, start_s: float, period_s: float) -> None:
        self._series, self._start, self._period = series, start_s, period_s

    def measure(self, quantity: str, at_s: float) -> float:
        """The row whose turn it is."""
        rows = self._series[quantity]
        return rows[math.floor((at_s - self._start) / self._period + 0.5) % len(rows)]


def _place(content: dict[str, object], path: str, value: object) -> None:
    *outer, last = path.split(".")
    for name in outer:
        inner = content.setdefault(name, {})
        assert isinstance(inner, dict)
        content = inner
    content[last] = value
