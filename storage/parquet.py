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


class Gathering:
    """A Parquet file made of many pieces: they gather in a database file beside it, so memory stays bounded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._gathered = path.with_name(f"{path.name}.gathered")
        self._gathered.unlink(missing_ok=True)
        self._connection = duckdb.connect(
            self._gathered, config={"memory_limit": "512MB", "threads": "2", "temp_directory": ""}
        )
        self._begun = False

    def add(self, columns: Mapping[str, NDArray[np.generic]]) -> None:
        """One more piece; all have the same columns."""
        self._connection.register("piece", dict(columns))
        verb = "INSERT INTO gathered" if self._begun else "CREATE TABLE gathered AS"
        self._connection.execute(f"{verb} SELECT * FROM piece").fetchall()
        self._connection.unregister("piece")
        self._begun = True

    def finish(self) -> None:
        """Write the file (zstd); without a piece there is none."""
        if self._begun:
            target = str(self._path).replace("'", "''")
            self._connection.execute(
                f"COPY gathered TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            ).fetchall()

    def close(self) -> None:
        """Remove what was gathered."""
        self._connection.close()
        self._gathered.unlink(missing_ok=True)
