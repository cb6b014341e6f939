"""What a scan finds on a port. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from edge.driver import Decoded
from telemetry.quantities import QUANTITIES

Options = Mapping[str, Any]


class Found(NamedTuple):
    """One device. `baud` and `line` are those it was heard at; `unit` and `map` for Modbus; `values` are the names or positions
    of numbers that do not say what they are; `period_s` 0: it speaks when something happens."""

    protocol: str
    baud: int
    line: str
    period_s: float
    options: Options = MappingProxyType({})
    unit: int = 0
    map: str = ""
    values: tuple[int | str, ...] = ()
    sample: str = ""
    note: str = ""

    @property
    def works(self) -> bool:
        """Whether this is enough for a configuration that gives readings."""
        return not self.values or bool(self.options.get("fields"))


def sample_of(decoded: Decoded) -> str:
    """What was measured, in a few words; else the fields themselves."""
    if decoded.measurements:
        return ", ".join(
            f"{one.quantity} {one.value:g} {QUANTITIES[one.quantity].unit}"
            for one in decoded.measurements[:6]
        )
    shown = list((decoded.fields or {}).items())[:4]
    return ", ".join(f"{name} {value}" for name, value in shown)
