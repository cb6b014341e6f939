"""The hub: packs to judged columns, columns into the store, columns to line protocol."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import numpy as np
from influxdb_client.client.write.point import Point
from influxdb_client.domain.write_precision import WritePrecision

from bench.race import Race
from ingest.judge import Judge
from ingest.rows import Rows
from ingest.telling import Known
from storage.duckfile import DuckFile
from storage.lineprotocol import Encoder
from storage.store import Columns
from telemetry.reading import Reading

ROWS = 5000
SERIES = 200
START_MS = 1_795_395_600_000


def races(directory: Path) -> Iterator[Race]:
    """Judging, DuckDB, line protocol; files go into `directory`."""
    encoder = Encoder()
    yield _judging()
    yield _storing(directory)
    yield Race(
        "columns → line protocol",
        "lines/s",
        ROWS,
        _batches(),
        lambda columns: encoder.encode(columns)[0].body(),
        _points,
        "influxdb-client's Point",
    )


def _batches() -> Callable[[], Columns]:
    """Batches that follow each other in time."""
    return partial(next, map(_columns, itertools.count()))


def _columns(batch: int) -> Columns:
    columns, rng = Columns(), Random(batch)
    for i in range(ROWS):
        at = START_MS + (batch * ROWS + i) * 20
        reading = Reading(f"sensor-{i % SERIES}", "pm25", at, round(rng.gauss(30, 5), 1))
        columns.append("bai-chay", reading, 0, None)
    return columns


def _judging() -> Race:
    judge, known = Judge(), Known("a sensor", "bai-chay", "gw", 1.0)
    series, of = [(f"sensor-{number}", "pm25") for number in range(SERIES)], np.arange(ROWS) % SERIES

    def ours(columns: Columns) -> None:
        observed, given = np.array(columns.observed_at, np.int64), np.zeros(ROWS, np.int64)
        rows = Rows(series, of, observed, np.array(columns.value, np.float64), given, observed)
        judge.judge(rows, lambda _: known, now_ms=int(observed[0]))

    def peer(columns: Columns) -> int:
        values = np.array(columns.value).reshape(-1, SERIES)
        return int(np.count_nonzero(np.abs((values - values.mean(axis=0)) / values.std(axis=0)) > 6))

    name, against = "judge (range, spike, stuck)", "numpy's z-score of the same batch"
    return Race(name, "readings/s", ROWS, _batches(), ours, peer, against)


def _storing(directory: Path) -> Race:
    file = DuckFile(directory / "ours.duckdb", clock=lambda: 0)
    file.open()
    bare = duckdb.connect(str(directory / "bare.duckdb"))
    bare.execute("CREATE TABLE readings (series INTEGER, observed_at BIGINT, value DOUBLE, flags INTEGER)")

    def peer(columns: Columns) -> None:
        arrays = {
            "series": np.arange(ROWS, dtype=np.int32) % SERIES,
            "observed_at": np.array(columns.observed_at, np.int64),
            "value": np.array(columns.value, np.float64),
            "flags": np.zeros(ROWS, np.int32),
        }
        bare.register("batch", arrays)
        bare.execute("INSERT INTO readings SELECT * FROM batch")
        bare.unregister("batch")

    name, against = "columns → DuckDB, each reading once", "bare column appends of DuckDB"
    return Race(name, "rows/s", ROWS, _batches(), file.write, peer, against)


def _points(columns: Columns) -> list[str]:
    make: Any = Point  # it has no types
    return [
        make(columns.quantity[i])
        .tag("sensor", columns.sensor[i])
        .tag("site", columns.site[i])
        .field("value", columns.value[i])
        .field("flags", columns.flags[i])
        .time(columns.observed_at[i], WritePrecision.MS)
        .to_line_protocol()
        for i in range(len(columns))
    ]
