"""Parquet that another reader understands."""

from pathlib import Path

import duckdb
import numpy as np

from storage.parquet import encode


def test_columns_come_back(tmp_path: Path) -> None:
    columns = {
        "sensor": np.array(["bai-chay-1", "Hạ Long"], dtype=object),
        "time": np.array([0, 1_795_395_600_123], "datetime64[ms]"),
        "value": np.array([1.5, -0.25]),
        "flags": np.array([0, 8], np.int32),
    }
    path = tmp_path / "x.parquet"
    path.write_bytes(encode(columns))
    with duckdb.connect(":memory:") as connection:
        found = connection.execute(f"SELECT sensor, epoch_ms(time), value, flags FROM '{path}'").fetchall()
    assert found == [("bai-chay-1", 0, 1.5, 0), ("Hạ Long", 1_795_395_600_123, -0.25, 8)]


def test_no_rows_are_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(encode({"sensor": np.array([], dtype=object), "value": np.array([], np.float64)}))
    with duckdb.connect(":memory:") as connection:
        assert connection.execute(f"SELECT count(*) FROM '{path}'").fetchall() == [(0,)]
