"""Grafana over a real run: `halong up` fills a real InfluxDB, then every panel, variable, mark and alert is asked of it."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grafana import alerts, vital_queries
from grafana.files import DASHBOARDS
from grafana.provision import SHORTEST_WINDOW
from tests.e2e.test_city import free_port
from tests.grafana.conftest import Table, Written, seconds

# Of a healthy minute these may have nothing to show, and say so where that matters.
QUIET = {"Flagged readings"}


def numbers(tables: list[Table]) -> int:
    return sum(isinstance(cell, float | int) for table in tables for row in table.values for cell in row[1:])


@pytest.mark.influxd
@pytest.mark.mosquitto
@pytest.mark.timeout(240)
def test_every_query_answers_after_a_run_of_the_city(
    tmp_path: Path, influxd_url: str, influx_database: str
) -> None:
    start_ms = time.time_ns() // 1_000_000
    options = ["--gateways", "4", "--for", "75s", "--store", "influx", "--fault", "silence@15+30"]
    address = ["--influx-url", f"{influxd_url}/{influx_database}", "--port", str(free_port())]
    command = [sys.executable, "-m", "halong", "up", "--data", str(tmp_path / "data"), *options, *address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    end_ms = time.time_ns() // 1_000_000
    empty = set()
    for dashboard in (json.loads(one.text()) for one in DASHBOARDS):
        opens_ms = end_ms - 1000 * seconds(dashboard["time"]["from"].removeprefix("now-"))
        city = Written((), opens_ms, end_ms, influxd_url, influx_database)
        for panel in (one for one in dashboard["panels"] if one["type"] != "row"):
            interval, since = city.interval(panel, SHORTEST_WINDOW), panel.get("timeFrom", "")
            tables = city.ask(city.expand(panel["targets"][0]["query"], interval=interval, since=since))
            if not numbers(tables):
                empty.add(panel["title"].partition(" ·")[0])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                assert city.ask(city.expand(variable["query"])), variable["query"]
    assert empty <= QUIET
    (marks,) = city.ask(city.expand(vital_queries.anomalies()))
    assert marks.values
    for rule in alerts.RULES:
        assert numbers(city.ask(re.sub(r"\$timeFilter", f"time > {start_ms}ms", rule.query))), rule.uid
