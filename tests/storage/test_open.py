"""Addresses of stores, and the one line a wrong one gives."""

import pytest

from storage.embedded import EmbeddedStore
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.open import open_store


async def test_the_scheme_says_which_store() -> None:
    assert isinstance(open_store("duckdb:data/readings.duckdb"), EmbeddedStore)
    assert isinstance(open_store("http://127.0.0.1:8086"), InfluxStore)
    assert isinstance(open_store("https://me:secret@db.example/city"), InfluxStore)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://host", InfluxUrl("http://host:8086", "", "halong")),
        ("https://host:1/", InfluxUrl("https://host:1", "", "halong")),
        ("http://me:p%40ss@host:9/city-1", InfluxUrl("http://host:9", "me:p@ss", "city-1")),
        ("http://:token@host/x", InfluxUrl("http://host:8086", ":token", "x")),
        ("http://[::1]:7/x", InfluxUrl("http://[::1]:7", "", "x")),
    ],
)
def test_influx_addresses(url: str, wanted: InfluxUrl) -> None:
    assert InfluxUrl.parse(url) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "duckdb:",
        "readings.duckdb",
        "influx://host",
        "http://",
        "http://u:hush@host:port",
        "http://h/a/b",
        "http://h/-x",
    ],
)
def test_a_wrong_address_is_one_line_without_the_secret(url: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|database") as caught:
        open_store(url)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)
