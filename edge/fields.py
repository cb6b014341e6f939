"""Which fields of a device's answer are published: { quantity = { path = ..., unit = "..." } } as configurations say it. Pure.

`path` is a name, a position from 0, or a JMESPath, as the driver wants; `unit` the SenML unit of the field, "" the canonical.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from edge.driver import BadFrameError, Measurement
from telemetry.quantities import QUANTITIES, to_canonical

UNUSABLE = frozenset(("", "nan", "+nan", "-nan", "inf", "+inf", "-inf", "ovf", "-ovf", "null", "none", "na"))
DIGITS = 9
LARGEST = 1e12  # no sensor means more

Path = int | str


class FieldMap(NamedTuple):
    """(quantity, path, unit) of every published field."""

    fields: tuple[tuple[str, Path, str], ...]

    @classmethod
    def parse(cls, given: object, *, position: bool = False) -> "FieldMap":
        """From an option; `position`: only positions will do. Raises ValueError with one line."""
        example = "fields = { temperature = { path = 0, unit = 'Cel' } }"
        if not isinstance(given, Mapping) or not given:
            raise ValueError(f"it needs fields, like {example}")
        found = []
        for quantity, spec in given.items():
            if quantity not in QUANTITIES:
                raise ValueError(f"fields: unknown quantity {quantity!r}")
            if not isinstance(spec, Mapping) or "path" not in spec or spec.keys() - {"path", "unit"}:
                raise ValueError(f"fields.{quantity} must have path and unit, like {example}")
            path, unit = spec["path"], spec.get("unit", "") or QUANTITIES[quantity].unit
            if type(path) is not int and (position or type(path) is not str):
                kinds = "position" if position else "name or position"
                raise ValueError(f"fields.{quantity}: path {path!r} is no {kinds}")
            if isinstance(path, int) and path < 0:
                raise ValueError(f"fields.{quantity}: positions begin at 0")
            to_canonical(quantity, 0.0, str(unit))
            found.append((str(quantity), path, str(unit)))
        return cls(tuple(found))

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is published."""
        return tuple(quantity for quantity, _, _ in self.fields)

    def measurements(self, values: Mapping[Any, Any]) -> tuple[Measurement, ...]:
        """The published ones of these values; absent and unusable ones are left out. Raises BadFrameError for no number."""
        found = []
        for quantity, path, unit in self.fields:
            value = number(values.get(path), quantity)
            if value is not None:
                found.append(Measurement(quantity, round(to_canonical(quantity, value, unit), DIGITS)))
        return tuple(found)


def number(value: object, what: str) -> float | None:
    """A number or a text that holds one; None for what devices say when they have none. Raises BadFrameError."""
    if value is None or (isinstance(value, str) and value.strip().lower() in UNUSABLE):
        return None
    try:
        found = (
            float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
        )
    except (ValueError, OverflowError):
        found = math.nan
    if not abs(found) < LARGEST:
        raise BadFrameError(f"{what} is no number: {value!r:.40}")
    return found
