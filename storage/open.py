"""A store from its address."""

import time
from pathlib import Path
from urllib.parse import quote, urlsplit

from storage.embedded import EmbeddedStore
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.store import Store


def with_secret(url: str, secret: str) -> str:
    """An InfluxDB's address with "user:password" or "user:token" in it; one that has its own, or no secret: as it is."""
    parts = urlsplit(url)
    if not secret or "@" in parts.netloc:
        return url
    user, _, password = secret.partition(":")
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}").geturl()


def open_store(url: str) -> Store:
    """`duckdb:PATH` or `http(s)://[user:secret@]host[:8086][/database]`, not yet opened. Raises ValueError, one line."""
    scheme, _, rest = url.partition(":")
    match scheme:
        case "duckdb" if rest:
            return EmbeddedStore(Path(rest), clock=lambda: time.time_ns() // 1_000_000)
        case "http" | "https":
            return InfluxStore(InfluxUrl.parse(url))
        case _:
            raise ValueError("a store must look like duckdb:FILE or http://user:secret@host:8086/database")
