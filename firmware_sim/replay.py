"""Recorded series: real values for a simulated device, from the package (firmware_sim/series) or from a user's CSV files."""

import csv
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from telemetry.quantities import quantity as known
from telemetry.quantities import to_canonical

# quantity: (file, SenML unit of the file)
SERIES = {"occupancy": ("occupancy_6005.csv", "%"), "vehicle_speed": ("speed_6005.csv", "mi/h")}


def read(sources: Sequence[str]) -> dict[str, list[float]]:
    """Values in canonical units by quantity, of `FILE:QUANTITY[:UNIT]`; without any the packaged ones.

    Raises ValueError with one line, OSError.
    """
    if not sources:
        return {quantity: load(quantity) for quantity in SERIES}
    found = {}
    for source in sources:
        path, quantity, unit = _taken_apart(source)
        values = parse(Path(path).read_text(encoding="utf-8-sig").splitlines())
        if not values:
            raise ValueError(f"{path} has no rows to replay")
        found[quantity] = [to_canonical(quantity, value, unit) for value in values]
    return found


def _taken_apart(source: str) -> tuple[str, str, str]:
    path, *rest = source.split(":")
    if not path or len(rest) not in (1, 2):
        raise ValueError(f"a series must look like FILE:QUANTITY or FILE:QUANTITY:UNIT, not {source!r}")
    return path, rest[0], rest[1] if len(rest) == 2 else known(rest[0]).unit


def load(quantity: str) -> list[float]:
    """The recorded values of a quantity, in its canonical unit."""
    name, unit = SERIES[quantity]
    text = (files("firmware_sim") / "series" / name).read_text(encoding="utf-8")
    return [to_canonical(quantity, value, unit) for value in parse(text.splitlines())]


def parse(lines: Iterable[str]) -> list[float]:
    """The column `value` of CSV lines with a header; raises ValueError."""
    try:
        return [float(row["value"]) for row in csv.DictReader(lines)]
    except (KeyError, TypeError):
        raise ValueError("a recorded series is CSV with a header and a column `value`") from None
