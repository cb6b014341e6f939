"""The hub's configuration: what is right passes, what is wrong is one line, the secret stays out of the file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halong.hub import HubConfig, StoreSettings, check, store_url
from runtime.config import ConfigError, parse
from storage.influx_http import InfluxUrl


def configured(text: str) -> HubConfig:
    return parse(text, HubConfig, "hub.toml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        'data = "x"\n[broker]\nurl = "mqtt://u@10.0.0.1:1884"\nroot = "city/v1"\n[api]\nhost = "0.0.0.0"\nport = 80\n',
        '[store]\nurl = "duckdb:readings.duckdb"\n',
        '[store]\nurl = "http://10.0.0.2:8086/halong"\n',
        '[store]\nurl = "https://influx"\n',
    ],
)
def test_good_ones(text: str) -> None:
    check(configured(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[broker]\nurl = "broker:1883"', "mqtt://host:1883"),
        ('[store]\nurl = "http://u:geheim@host/x"', "store.url holds a secret"),
        ('[broker]\nurl = "mqtt://u:geheim@host"', "broker 'mqtt://host': an address holds no password"),
        ('[broker]\nurl = "mqtt://host"\nca = "ca.crt"', "ca and certificate are for mqtts://"),
        ('[broker]\nurl = "mqtts://host"\ncertificate = "a.crt"', "certificate_key go together"),
        ('[broker]\nurl = "mqtts://host"\npassword_file = "p"', "a password needs a name"),
        ("[api]\nport = 65536", "api.port must be 0 to 65535, not 65536"),
        ("[api]\nport = -1", "api.port"),
        ('[store]\nurl = "sqlite:x"', "store.url: a store must look like duckdb:FILE"),
        ('[store]\nurl = "duckdb:"', "store.url"),
        ('[store]\nurl = "http://"', "store.url: the InfluxDB address must look like"),
        ('[store]\nurl = "http://host:port/x"', "store.url"),
        ('[store]\nurl = "http://host/a b"', "database 'a b'"),
    ],
)
def test_others_are_one_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(configured(text))
    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_store_lies_below_the_data_directory() -> None:
    assert store_url(HubConfig(), Path("/data"), {}) == "duckdb:/data/store.duckdb"
    assert (
        store_url(HubConfig(), Path("/data"), {"HALONG_STORE_SECRET": "u:p"}) == "duckdb:/data/store.duckdb"
    )
    absolute = HubConfig(store=StoreSettings("duckdb:/elsewhere/s.duckdb"))
    assert store_url(absolute, Path("/data"), {}) == "duckdb:/elsewhere/s.duckdb"


SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(user=SECRETS.filter(lambda text: ":" not in text), password=SECRETS)
def test_any_secret_of_the_environment_reaches_the_server_as_it_is(user: str, password: str) -> None:
    config = HubConfig(store=StoreSettings("http://10.0.0.2:8086/halong"))
    url = InfluxUrl.parse(store_url(config, Path("data"), {"HALONG_STORE_SECRET": f"{user}:{password}"}))
    assert url == InfluxUrl("http://10.0.0.2:8086", f"{user}:{password}", "halong")


def test_the_environment_wins_over_the_file_and_without_it_the_file_stands() -> None:
    config = HubConfig(store=StoreSettings("http://old:older@10.0.0.2:8086/halong"))
    assert (
        store_url(config, Path(), {"HALONG_STORE_SECRET": "new:newer"})
        == "http://new:newer@10.0.0.2:8086/halong"
    )
    for nothing in ({}, {"HALONG_STORE_SECRET": ""}):
        assert store_url(config, Path(), nothing) == "http://old:older@10.0.0.2:8086/halong"
