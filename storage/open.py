"""A store from its address."""

import time
from pathlib import Path

from storage.embedded import EmbeddedStore
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.store import Store


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def open_store(url: str) -> Store:
    """`duckdb:PATH` or `http(s)://[user:secret@]host[:8086][/database]`, not yet opened. Raises ValueError, one line."""
    scheme, _, rest = url.partition(":")
    match scheme:
        case "duckdb" if rest:
            return EmbeddedStore(Path(rest), clock=_now_ms)
        case "http" | "https":
            return InfluxStore(InfluxUrl.parse(url), clock=_now_ms)
        case _:
            raise ValueError("a store must look like duckdb:FILE or http://host:8086/database")
