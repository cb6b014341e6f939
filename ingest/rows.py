"""Readings of a batch as arrays, for what looks at all of them at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ingest.detectors.glance import HIGH, LOW, NUMBERS
from ingest.detectors.lanes import F64, I64
from telemetry.reading import Reading


class Rows(NamedTuple):
    """Row i is a reading of `series[of[i]]`. `given` are the flags it came with, `arrived_ms` is by the hub's clock."""

    series: Sequence[tuple[str, str]]  # (sensor, quantity), each once
    of: I64
    observed_ms: I64
    value: F64
    given: I64
    arrived_ms: I64

    @classmethod
    def of_readings(cls, readings: Sequence[Reading], arrived_ms: int) -> "Rows":
        """Readings that arrived together."""
        numbers: dict[tuple[str, str], int] = {}
        of = [numbers.setdefault(reading.series, len(numbers)) for reading in readings]
        return cls(
            list(numbers),
            np.array(of, np.int64),
            np.array([reading.observed_at for reading in readings], np.int64),
            np.array([reading.value for reading in readings], np.float64),
            np.array([reading.flags for reading in readings], np.int64),
            np.full(len(readings), arrived_ms, np.int64),
        )

    def quantity(self) -> I64:
        """The number of each row's quantity."""
        numbers: I64 = np.array([NUMBERS[quantity] for _, quantity in self.series], np.int64)[self.of]
        return numbers

    def outside(self) -> F64:
        """How far beyond what is physically possible; at most 0 inside."""
        quantity = self.quantity()
        outside: F64 = np.maximum(LOW[quantity] - self.value, self.value - HIGH[quantity])
        return outside

    def take(self, rows: I64 | slice) -> "Rows":
        """Some of them."""
        return Rows(
            self.series,
            self.of[rows],
            self.observed_ms[rows],
            self.value[rows],
            self.given[rows],
            self.arrived_ms[rows],
        )
