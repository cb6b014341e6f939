"""State of many series side by side: one lane a series, one row a quantity that is remembered. Bounded per series.

Rows are float32. What a batch of lanes remembers is read as views when the lanes are neighbours (a slice), else gathered.
"""

import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[Any]  # float32; numpy's stubs widen what a float is added to
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
Where = slice | I64
Block = tuple[tuple[int, ...], Any]  # shape and dtype of what is kept per series

FIRST_LANES = 64


class Lanes:
    """`rows` are single numbers; `tables` maps a name to (shape, dtype) of a block per series. All begin as 0."""

    def __init__(self, rows: Iterable[str], tables: Mapping[str, Block]) -> None:
        self.names = tuple(rows)
        self._index = {name: number for number, name in enumerate(self.names)}
        self._values = np.zeros((len(self.names), 0), np.float32)
        self.tables: dict[str, NDArray[Any]] = {
            name: np.zeros((0, *shape), dtype) for name, (shape, dtype) in tables.items()
        }
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, count: int = 1) -> int:
        """Room for `count` more series; the number of the first."""
        first, self._count = self._count, self._count + count
        if self._count > self._values.shape[1]:
            room = max(FIRST_LANES, self._count, 3 * self._values.shape[1] // 2)
            self._values = _grown(self._values, room, axis=1)
            self.tables = {name: _grown(table, room, axis=0) for name, table in self.tables.items()}
        return first

    def clear(self, lane: int) -> None:
        """Forget one series, so that its lane can be another's."""
        self._values[:, lane] = 0
        for table in self.tables.values():
            table[lane] = 0

    def read(self, where: Where) -> dict[str, F32]:
        """Every row of these lanes. With a slice they are views: not to be written to."""
        block = self._values[:, where]
        return dict(zip(self.names, block, strict=True))

    def block(self, first: str, last: str) -> F32:
        """The rows from one to another of every lane, as a view that can be written to."""
        return self._values[self._index[first] : self._index[last] + 1]

    def write(self, where: Where, values: Mapping[str, F32]) -> None:
        """Put new values into rows."""
        for name, row in values.items():
            self._values[self._index[name], where] = row

    def bytes_per_series(self) -> int:
        """What one series costs."""
        room = max(1, self._values.shape[1])
        held = self._values.nbytes + sum(table.nbytes for table in self.tables.values())
        return held // room

    def make(self) -> int:
        """A number that stands for the layout: a dump of another layout cannot be loaded."""
        tables = [(name, table.shape[1:], str(table.dtype)) for name, table in sorted(self.tables.items())]
        return zlib.crc32(repr((self.names, tables)).encode())

    def dumped_bytes(self) -> int:
        """How many bytes `dump` gives."""
        return 4 * len(self.names) + sum(_block_bytes(table) for table in self.tables.values())

    def dump(self, lane: int) -> bytes:
        """One series as bytes, for a snapshot."""
        parts = [self._values[:, lane].tobytes()]
        parts += [self.tables[name][lane].tobytes() for name in sorted(self.tables)]
        return b"".join(parts)

    def load(self, lane: int, dumped: bytes) -> None:
        """Take back what `dump` gave. Raises ValueError when it is of another make."""
        sizes = [4 * len(self.names), *(_block_bytes(self.tables[name]) for name in sorted(self.tables))]
        if len(dumped) != sum(sizes):
            raise ValueError(f"a series' state has {sum(sizes)} bytes, not {len(dumped)}")
        self._values[:, lane] = np.frombuffer(dumped[: sizes[0]], np.float32)
        begin = sizes[0]
        for name, size in zip(sorted(self.tables), sizes[1:], strict=True):
            table = self.tables[name]
            table[lane] = np.frombuffer(dumped[begin : begin + size], table.dtype).reshape(table.shape[1:])
            begin += size


def _block_bytes(table: NDArray[Any]) -> int:
    return table.dtype.itemsize * math.prod(table.shape[1:])


def _grown(array: NDArray[Any], room: int, axis: int) -> NDArray[Any]:
    shape = list(array.shape)
    shape[axis] = room
    larger = np.zeros(shape, array.dtype)
    larger[tuple(slice(0, length) for length in array.shape)] = array
    return larger
