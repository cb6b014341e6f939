"""Columns as a Parquet file, by DuckDB."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray


def encode(columns: Mapping[str, NDArray[np.generic]]) -> bytes:
    """A Parquet file (zstd) of columns of the same length; datetime64[ms] is a time in UTC. Blocks for its work."""
    with tempfile.TemporaryDirectory() as directory, duckdb.connect(":memory:") as connection:
        path = Path(directory) / "answer.parquet"
        connection.execute("SET threads = 1")
        connection.register("answer", dict(columns))
        connection.execute(
            f"COPY (SELECT * FROM answer) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
        connection.unregister("answer")
        return path.read_bytes()
