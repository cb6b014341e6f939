"""A Wavetronix SmartSensor behind a Click 512: a text line for each vehicle, eight columns."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from firmware_sim.device import Emission

MPH = 1.609344


class Wavetronix:
    """`passes(second)` gives the vehicles of a second as (at_s, km/h, positive = first lane); `measure(at_s, km/h)`
    is what the sensor makes of each speed, with the same sign.
    """

    def __init__(
        self,
        passes: Callable[[int], Sequence[tuple[float, float]]],
        *,
        start_s: float,
        measure: Callable[[float, float], float] = lambda at_s, kmh: kmh,
    ) -> None:
        self._passes, self._measure = passes, measure
        self._second = int(start_s)
        self._due: list[tuple[float, float]] = []
        self.due_s = start_s

    def emit(self, now_s: float) -> list[Emission]:
        """The vehicles that have passed."""
        while self._second <= now_s:
            self._due += self._passes(self._second)
            self._second += 1
        self._due.sort()
        ready = [one for one in self._due if one[0] <= now_s]
        self._due = self._due[len(ready) :]
        self.due_s = min(self._second, self._due[0][0] if self._due else self._second)
        return [self._line(at_s, kmh) for at_s, kmh in ready]

    def receive(self, data: bytes, now_s: float) -> list[Emission]:
        """It does not listen."""
        return []

    def _line(self, at_s: float, kmh: float) -> Emission:
        mph = round(abs(self._measure(at_s, kmh)) / MPH, 1)
        length_ft = 14.0 + abs(kmh) % 3
        inside_ms = min(99_999_999, round(length_ft / max(1.0, mph * 1.466667) * 1000))
        at = datetime.fromtimestamp(at_s, UTC)
        columns = (
            at.strftime("%Y:%m:%d"),
            f"{at:%H:%M:%S}.{at.microsecond // 1000:03}",
            f"{int(kmh < 0):02}",
            f"{mph:06.1f}",
            f"{length_ft:06.1f}",
            f"{inside_ms:08}",
            f"{45.0 + 12 * (kmh < 0):06.1f}",
            "01",
        )
        readings = (("vehicle_count", 1.0), ("vehicle_speed", round(mph * MPH, 6)))
        return Emission(",".join(columns).encode() + b"\r\n", readings)
