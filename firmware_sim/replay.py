"""Recorded series from the package (firmware_sim/series): real values for a simulated device."""

import csv
from collections.abc import Iterable
from importlib.resources import files

from telemetry.quantities import to_canonical

# quantity: (file, SenML unit of the file)
SERIES = {"occupancy": ("occupancy_6005.csv", "%"), "vehicle_speed": ("speed_6005.csv", "mi/h")}


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
