"""The stores that a contract is held against: DuckDB, a real InfluxDB 1.6, and the server of HALONG_TEST_INFLUX_URL
(http://user:token@host:port/database) when that is set: in databases of its own beside the one named, which it must be
able to make (1.x and 3 Core are).
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from storage.open import open_store
from storage.store import Store

REAL = "HALONG_TEST_INFLUX_URL"
STORES = ["embedded", pytest.param("influx", marks=pytest.mark.influxd)] + [REAL] * (REAL in os.environ)


@pytest.fixture(params=STORES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty store that no other test uses."""
    if request.param == "embedded":
        return f"duckdb:{tmp_path / 'deep' / 'readings.duckdb'}"
    database = request.getfixturevalue("influx_database")
    if request.param == REAL:
        return f"{os.environ[REAL].rstrip('/')}_{database}"
    return f"{request.getfixturevalue('influxd_url')}/{database}"


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Store]:
    store = open_store(address)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    async with opened(address) as one:
        yield one
