"""What is done to a raw value on reading: a factor and an offset, or a correction for humidity. Pure.

The store keeps what the sensor said; a correction is a dated fact about the sensor, and taking it away gives the raw
values back. Humidity in %RH, concentrations in µg/m³.
"""

from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from telemetry.reading import Reading

NEAR_MS = 600_000  # a humidity this far from the reading still speaks for it
WET = 95.0  # above this the growth factor runs away: corrected as at this humidity


class Form(StrEnum):
    """The shape of a correction."""

    LINEAR = "linear"
    EPA = "epa"
    KOHLER = "kappa-kohler"


class Correction(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Raw to corrected value.

    linear         value · factor + offset
    epa            0.524 · value - 0.0862 · RH + 5.75, at least 0: PM2.5 of a Plantower PMS5003 (CF=1), found against
                   reference monitors across the United States (Barkjohn, Gantt, Clements 2021, doi:10.5194/amt-14-4617-2021)
    kappa-kohler   value / C, C = 1 + (kappa / 1.65) / (1 / a - 1), a = RH / 100: water that particles of hygroscopicity
                   kappa and a dry density of 1.65 g/cm³ take up (Crilley et al. 2018, doi:10.5194/amt-11-709-2018)

    `humidity` names the sensor whose humidity counts; "" is the sensor itself. A reading without a humidity within ten
    minutes cannot be corrected.
    """

    form: Form = Form.LINEAR
    factor: float = 1.0
    offset: float = 0.0
    kappa: float = 0.4
    humidity: str = ""

    @property
    def linear(self) -> bool:
        """Whether it needs nothing but the value."""
        return self.form is Form.LINEAR

    def apply(self, value: float, humidity: float | None = None) -> float | None:
        """The corrected value; None when it needs a humidity that is not there.

        >>> round(Correction(Form.EPA).apply(40.0, 70.0), 3)
        20.676
        >>> round(Correction(Form.KOHLER, kappa=0.4).apply(40.0, 80.0), 3)
        20.308
        """
        if self.form is Form.LINEAR:
            return value * self.factor + self.offset
        if humidity is None:
            return None
        if self.form is Form.EPA:
            return max(0.0, 0.524 * value - 0.0862 * humidity + 5.75)
        activity = min(max(humidity, 0.0), WET) / 100
        return value / (1 + self.kappa / 1.65 * activity / (1 - activity))


def nearest(readings: Sequence[Reading], times: Sequence[int], at_ms: int) -> float | None:
    """The value observed nearest to `at_ms`, of `readings` at `times` (ascending); None beyond NEAR_MS."""
    index = bisect_left(times, at_ms)
    around = [i for i in (index - 1, index) if 0 <= i < len(times) and abs(times[i] - at_ms) <= NEAR_MS]
    return readings[min(around, key=lambda i: abs(times[i] - at_ms))].value if around else None
