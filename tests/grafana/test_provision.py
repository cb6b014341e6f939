"""The provisioning files as YAML, and the names they must share with the rest."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # comes with amqtt

from grafana import provision
from storage.influx_http import DEFAULT_DATABASE

DOCUMENT = Path(__file__).parents[2] / "docs/grafana.md"


def read(text: str, key: str) -> dict[str, Any]:
    """The one entry of a provisioning file."""
    whole = yaml.safe_load(text)
    assert whole.keys() == {"apiVersion", key}
    assert whole["apiVersion"] == 1
    (entry,) = whole[key]
    assert isinstance(entry, dict)
    return entry


def test_the_data_source_speaks_influxql_with_basic_authentication() -> None:
    source = read(provision.DATASOURCE, "datasources")
    assert (source["type"], source["access"], source["uid"]) == (
        "influxdb",
        "proxy",
        provision.DATASOURCE_UID,
    )
    assert source["jsonData"]["dbName"] == DEFAULT_DATABASE
    assert source["jsonData"]["httpMode"] == "POST"
    assert source["jsonData"]["timeInterval"] == provision.SHORTEST_WINDOW
    assert "version" not in source["jsonData"]  # absent is InfluxQL
    assert "database" not in source
    assert source["basicAuth"] is True
    assert source["basicAuthUser"] == "$HALONG_INFLUX_USER"
    assert source["secureJsonData"] == {"basicAuthPassword": "$HALONG_INFLUX_SECRET"}
    assert source["url"] == "$HALONG_INFLUX_URL"


def test_the_provider_reads_the_dashboards_and_keeps_them() -> None:
    provider = read(provision.DASHBOARDS, "providers")
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "$HALONG_GRAFANA_DASHBOARDS"
    assert provider["allowUiUpdates"] is False


@pytest.mark.parametrize("text", [provision.DATASOURCE, provision.DASHBOARDS])
def test_every_variable_of_the_environment_is_documented(text: str) -> None:
    names = re.findall(r"\$(\w+)", text)
    assert names
    document = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"`{name}`" in document for name in names)
    assert text.count("$") == len(names)
