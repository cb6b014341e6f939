"""Grafana's provisioning files: the data source and where the dashboards lie. Pure.

Grafana puts environment variables in the place of `$NAME` as it reads them.
https://grafana.com/docs/grafana/latest/administration/provisioning/
"""

import json
from typing import Any

from storage.influx_http import DEFAULT_DATABASE

DATASOURCE_UID = "halong-influx"
DATASOURCE_NAME = "Hạ Long"
FOLDER = "Hạ Long"
SHORTEST_WINDOW = "10s"
MADE = "Made by `python -m grafana`."


def source(url: str, user: str, secret: str, database: str = DEFAULT_DATABASE) -> dict[str, Any]:
    """The data source, as Grafana's HTTP API wants it; its file is made of the same."""
    return {
        "name": DATASOURCE_NAME,
        "uid": DATASOURCE_UID,
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "basicAuth": True,
        "basicAuthUser": user,
        "secureJsonData": {"basicAuthPassword": secret},
        "jsonData": {
            "dbName": database,
            "httpMode": "POST",
            "timeInterval": SHORTEST_WINDOW,
            "maxSeries": 1000,
        },
    }


def file(note: str, key: str, content: list[Any]) -> str:
    """A provisioning file: YAML, whose values are written in its JSON form, which every YAML reader reads."""
    body = json.dumps(content, ensure_ascii=False, indent=2)
    return f"# {MADE} {note}\napiVersion: 1\n{key}: {body}\n"


DATASOURCE = file(
    "InfluxDB 1.x: user and password. 2.x and 3: any user, and the API token as the secret.",
    "datasources",
    [source("$HALONG_INFLUX_URL", "$HALONG_INFLUX_USER", "$HALONG_INFLUX_SECRET") | {"editable": False}],
)

DASHBOARDS = f"""\
# Made by `python -m grafana`. HALONG_GRAFANA_DASHBOARDS is the absolute path of the directory with the JSON files.
apiVersion: 1
providers:
  - name: halong
    type: file
    folder: {FOLDER}
    disableDeletion: false
    allowUiUpdates: false
    updateIntervalSeconds: 30
    options:
      path: $HALONG_GRAFANA_DASHBOARDS
      foldersFromFilesStructure: false
"""
