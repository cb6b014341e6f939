"""Readings out of a store or a running hub, into CSV or Parquet, in bounded pieces."""

import asyncio
import csv
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy as np

from halong.client import PAGE, Client
from storage.parquet import Gathering
from storage.store import Columns, Store
from telemetry.names import did_you_mean
from telemetry.quantities import QUANTITIES
from telemetry.reading import Reading
from telemetry.times import rfc3339

HEAD = ("time", "sensor", "site", "quantity", "unit", "value", "flags", "late_s")


class ExtractError(Exception):
    """What the user can mend, in one line."""


class Wanted(NamedTuple):
    """[start_ms, end_ms), of these sensors and quantities; empty = all."""

    start_ms: int
    end_ms: int
    sensors: Collection[str] = ()
    quantities: Collection[str] = ()


class Target(Protocol):
    """A file in the making."""

    def add(self, columns: Columns) -> None:
        """Write the rows."""
        ...

    def finish(self) -> None:
        """All rows are there."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


async def from_store(store: Store, wanted: Wanted) -> AsyncIterator[Columns]:
    """The wanted rows of an open store, by time."""
    async for columns in store.rows(wanted.start_ms, wanted.end_ms):
        if not wanted.sensors and not wanted.quantities:
            yield columns
            continue
        kept = Columns()
        for index, reading in enumerate(columns.readings()):
            if (not wanted.sensors or reading.sensor in wanted.sensors) and (
                not wanted.quantities or reading.quantity in wanted.quantities
            ):
                kept.append(columns.site[index], reading, columns.flags[index], columns.late_s[index])
        if len(kept):
            yield kept


def check_sensors(wanted: Iterable[str], known: Collection[str]) -> None:
    """Raises ExtractError for the first that is not among those known."""
    for sensor in sorted(wanted):
        if sensor not in known:
            raise ExtractError(f"no sensor {sensor!r}, {did_you_mean(sensor, known)}")


async def from_hub(hub: Client, wanted: Wanted) -> AsyncIterator[Columns]:
    """The wanted rows over a hub's API, series by series; without `late_s`, which the API does not tell.

    Raises ExtractError, ApiError, UnreachableError.
    """
    sensors = await asyncio.to_thread(hub.sensors)
    check_sensors(wanted.sensors, {sensor.id for sensor in sensors})
    for sensor in sensors:
        if wanted.sensors and sensor.id not in wanted.sensors:
            continue
        for quantity in sensor.quantities:
            if wanted.quantities and quantity.name not in wanted.quantities:
                continue
            found = hub.readings(sensor.id, quantity.name, start=wanted.start_ms, end=wanted.end_ms)
            while page := await asyncio.to_thread(list, islice(found, PAGE)):
                columns = Columns()
                for item in page:
                    reading = Reading(sensor.id, quantity.name, item.t, item.value)
                    columns.append(sensor.site, reading, item.flags, None)
                yield columns


class CsvFile:
    """`HEAD` and a line for each row; time in UTC."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(HEAD)

    def add(self, columns: Columns) -> None:
        """See Target."""
        self._writer.writerows(
            (
                rfc3339(at),
                sensor,
                site,
                quantity,
                _unit(quantity),
                value,
                flags or 0,
                "" if late_s is None else late_s,
            )
            for sensor, site, quantity, at, value, flags, late_s in zip(*cells(columns), strict=True)
        )

    def finish(self) -> None:
        """See Target."""

    def close(self) -> None:
        """See Target."""
        self._file.close()


class ParquetFile:
    """The same columns with their types; `late_s` is -1 where the reading was not late."""

    def __init__(self, path: Path) -> None:
        self._gathering = Gathering(path)

    def add(self, columns: Columns) -> None:
        """See Target."""
        self._gathering.add(
            {
                "time": np.array(columns.observed_at, "datetime64[ms]"),
                "sensor": np.array(columns.sensor, object),
                "site": np.array(columns.site, object),
                "quantity": np.array(columns.quantity, object),
                "unit": np.array([_unit(name) for name in columns.quantity], object),
                "value": np.array(columns.value, np.float64),
                "flags": np.array([flags or 0 for flags in columns.flags], np.int32),
                "late_s": np.array([-1 if late_s is None else late_s for late_s in columns.late_s], np.int32),
            }
        )

    def finish(self) -> None:
        """See Target."""
        self._gathering.finish()

    def close(self) -> None:
        """See Target."""
        self._gathering.close()


class Output:
    """`path` (.csv or .parquet), there whole or not at all. Raises ExtractError for another ending."""

    def __init__(self, path: Path) -> None:
        kinds: dict[str, Callable[[Path], Target]] = {".csv": CsvFile, ".parquet": ParquetFile}
        if path.suffix not in kinds:
            raise ExtractError(f"--out must end in .csv or .parquet, not {path.name!r}")
        self._path, self._kind = path, kinds[path.suffix]
        self._part = path.with_name(f"{path.name}.part")

    def __enter__(self) -> Target:
        self._target = self._kind(self._part)
        return self._target

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._target.finish()
        self._target.close()
        if kind is None and self._part.exists():
            self._part.replace(self._path)
        self._part.unlink(missing_ok=True)


def cells(columns: Columns) -> Sequence[Sequence[Any]]:
    """The columns in the order of their definition."""
    return (
        columns.sensor,
        columns.site,
        columns.quantity,
        columns.observed_at,
        columns.value,
        columns.flags,
        columns.late_s,
    )


def _unit(quantity: str) -> str:
    known = QUANTITIES.get(quantity)
    return known.unit if known is not None else ""
