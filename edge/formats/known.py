"""Formats whose keys have a known meaning: which of a message's values become measurements. Pure."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from edge.driver import BadFrameError
from edge.formats.contract import Options
from edge.payloads import Dated, JsonMapping, number
from telemetry.quantities import QUANTITIES, UnitMismatchError, to_canonical


class Leaf(NamedTuple):
    """One value: its names (the most specific first), the quantity it is taken for by itself, its SenML unit if known."""

    names: tuple[str, ...]
    value: Any
    quantity: str | None = None
    unit: str | None = None
    flags: int = 0


class Chooser:
    """What the configuration names comes before what a format takes by itself, quantity by quantity.

    At most one value of a quantity leaves a message: of several that mean the same, the first.
    Raises ValueError for a path that is no JMESPath.
    """

    def __init__(self, options: Options) -> None:
        self._fields = JsonMapping(options.fields)
        self._names = dict(options.names)
        self._claimed = {*options.fields, *self._names.values()}

    def choose(self, leaves: Iterable[Leaf], content: Any, time_ms: int | None) -> tuple[Dated, ...]:
        """The measurements, dated `time_ms`; raises BadFrameError for a value that is wanted and is no number."""
        found = {dated.quantity: dated for dated in self._fields.find(content, time_ms)}
        for leaf in leaves:
            quantity = self._quantity(leaf)
            if quantity is None or quantity in found or isinstance(leaf.value, bool | list | dict | None):
                continue
            unit = leaf.unit or QUANTITIES[quantity].unit
            try:
                value = to_canonical(quantity, number(leaf.value, leaf.names[0]), unit)
            except UnitMismatchError as error:
                raise BadFrameError(str(error)) from None
            found[quantity] = Dated(quantity, value, time_ms, leaf.flags)
        return tuple(found.values())

    def _quantity(self, leaf: Leaf) -> str | None:
        for name in leaf.names:
            if name in self._names:
                return self._names[name]
        return None if leaf.quantity in self._claimed else leaf.quantity
