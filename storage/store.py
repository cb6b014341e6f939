"""The store protocol: readings only. Two implementations, one contract suite (`tests/contracts/test_store.py`)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

from telemetry.quantities import Aggregate
from telemetry.reading import Reading


class StoreUnavailableError(Exception):
    """The store cannot take or give data now; nothing is wrong with the data. Try again after `retry_after_s`."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreBusyError(StoreUnavailableError):
    """Another process holds the store's file: ask that process instead of trying again."""


class StoreMisconfiguredError(StoreUnavailableError):
    """Somebody has to change something first: the user or token, its rights, the database. The data waits."""


@dataclass(slots=True)
class Columns:
    """Readings to write, column by column; all lists have the same length.

    `flags` is None where the old flags must stay (a redelivered reading), `late_s` whole seconds between observation
    and arrival, None up to 60 s.
    """

    sensor: list[str] = field(default_factory=list)
    site: list[str] = field(default_factory=list)
    quantity: list[str] = field(default_factory=list)
    observed_at: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    flags: list[int | None] = field(default_factory=list)
    late_s: list[int | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sensor)

    def append(self, site: str, reading: Reading, flags: int | None, late_s: int | None) -> None:
        """Add one reading; `flags` replaces the reading's own."""
        self.sensor.append(reading.sensor)
        self.site.append(site)
        self.quantity.append(reading.quantity)
        self.observed_at.append(reading.observed_at)
        self.value.append(reading.value)
        self.flags.append(flags)
        self.late_s.append(late_s)

    def readings(self) -> list[Reading]:
        """Each row as a reading; absent flags are 0."""
        rows = zip(self.sensor, self.quantity, self.observed_at, self.value, self.flags, strict=True)
        return [
            Reading(sensor, quantity, at, value, flags or 0) for sensor, quantity, at, value, flags in rows
        ]


@dataclass(frozen=True, slots=True)
class Rejected:
    """One reading the store refuses for ever: its index in the Columns, and the store's own words."""

    index: int
    reason: str


class Outcome(NamedTuple):
    """What a write did: stored + duplicate + len(rejected) = readings given. InfluxDB overwrites, so it counts no duplicate."""

    stored: int
    duplicate: int
    rejected: tuple[Rejected, ...] = ()


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """One window [start_ms, start_ms + window) of one sensor's quantity; `count` readings stand behind `value`."""

    sensor: str
    start_ms: int
    value: float
    count: int


class Series(NamedTuple):
    """A series the store holds."""

    sensor: str
    site: str
    quantity: str


class Store(Protocol):
    """Times are integer ms since 1970 UTC, ranges [start_ms, end_ms). Each call may raise StoreUnavailableError."""

    async def open(self) -> None:
        """Open or connect, creating what is absent."""
        ...

    async def close(self) -> None:
        """Finish writing and let go. Harmless when not open."""
        ...

    async def ping(self) -> None:
        """Return when the store can take a write now."""
        ...

    async def write(self, columns: Columns) -> Outcome:
        """Write all or (StoreUnavailableError) possibly any part: repeating a write is harmless. Durable on return."""
        ...

    async def series(self) -> list[Series]:
        """Every series that has a reading, ordered."""
        ...

    async def latest(self, since_ms: int) -> list[Reading]:
        """The newest reading by observed_at of each series with one at or after `since_ms`."""
        ...

    async def readings(
        self, sensor: str, quantity: str, start_ms: int, end_ms: int, *, limit: int, descending: bool = False
    ) -> list[Reading]:
        """Up to `limit` readings of one series in time order (newest first when `descending`)."""
        ...

    async def aggregate(
        self,
        sensors: Sequence[str],
        quantity: str,
        start_ms: int,
        end_ms: int,
        *,
        window_ms: int,
        function: Aggregate,
        offset_ms: int = 0,
    ) -> list[Bucket]:
        """Windows that hold readings, ordered by sensor and time; aligned to multiples of `window_ms` + `offset_ms`.

        Equals `telemetry.aggregates.aggregate` on each window's readings (INCREASE looks inside the window only).
        """
        ...

    async def count(self, start_ms: int, end_ms: int) -> dict[tuple[str, str], int]:
        """Stored rows of each (sensor, quantity), as they stand: a doubled reading counts twice."""
        ...

    async def count_windows(
        self, start_ms: int, end_ms: int, *, window_ms: int
    ) -> dict[tuple[str, int], int]:
        """Stored rows of each (sensor, start of window), all quantities together; windows are multiples of `window_ms`."""
        ...

    def rows(self, start_ms: int, end_ms: int) -> AsyncIterator[Columns]:
        """Every stored row with all there is to it, as `write` takes it, in bounded lists by time: to move it elsewhere."""
        ...

    def scan(self, start_ms: int, end_ms: int) -> AsyncIterator[list[Reading]]:
        """Every stored row as it stands, in bounded lists, any order: for verification and export."""
        ...
