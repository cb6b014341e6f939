"""Grafana over a real run: `halong up` fills a real InfluxDB, then every panel, variable, mark and alert is asked of it."""

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_sim import city
from grafana import alerts
from grafana.annotations import ANOMALIES
from grafana.files import DASHBOARDS
from grafana.provision import SHORTEST_WINDOW
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.store import Columns
from telemetry.reading import Reading
from tests.e2e.test_city import free_port
from tests.grafana.conftest import Table, Written, seconds, shown

# That there be an anomaly, and flagged readings.
FAULTS = ["--fault", "silence@15+30", "--fault", "range@50+10"]


def numbers(tables: list[Table]) -> int:
    return sum(isinstance(cell, float | int) for table in tables for row in table.values for cell in row[1:])


async def hours_of_dust(url: str, now_ms: int) -> None:
    """What a sensor said in the three hours before: an index of the air needs two of them."""
    (sensor, *_) = [
        (gateway.site.id, device.sensor)
        for gateway in city.plan(4).gateways
        for device in gateway.devices
        if "pm25" in device.quantities
    ]
    columns = Columns()
    for minute in range(5, 180):
        columns.append(sensor[0], Reading(sensor[1], "pm25", now_ms - minute * 60_000, 30.0), 0, None)
    store = InfluxStore(InfluxUrl.parse(url))
    await store.open()
    await store.write(columns)
    await store.close()


@pytest.mark.influxd
@pytest.mark.mosquitto
@pytest.mark.timeout(240)
def test_every_query_answers_after_a_run_of_the_city(
    tmp_path: Path, influxd_url: str, influx_database: str
) -> None:
    start_ms = time.time_ns() // 1_000_000
    asyncio.run(hours_of_dust(f"{influxd_url}/{influx_database}", start_ms))
    options = ["--gateways", "4", "--for", "75s", "--store", "influx", *FAULTS]
    address = ["--influx-url", f"{influxd_url}/{influx_database}", "--port", str(free_port())]
    command = [sys.executable, "-m", "halong", "up", "--data", str(tmp_path / "data"), *options, *address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    end_ms = time.time_ns() // 1_000_000
    empty = set()
    for dashboard in (json.loads(one.text()) for one in DASHBOARDS):
        opens_ms = end_ms - 1000 * seconds(dashboard["time"]["from"].removeprefix("now-"))
        city = Written((), opens_ms, end_ms, influxd_url, influx_database)
        for panel in shown(dashboard):
            interval, since = city.interval(panel, SHORTEST_WINDOW), panel.get("timeFrom", "")
            tables = city.ask(city.expand(panel["targets"][0]["query"], interval=interval, since=since))
            if not numbers(tables):
                empty.add(panel["title"].partition(" ·")[0])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                assert city.ask(city.expand(variable["query"])), variable["query"]
        for marks in dashboard["annotations"]["list"]:
            drawn = city.ask(city.expand(marks["target"]["query"]))
            assert drawn or marks["name"] != ANOMALIES  # alarms open later than this run ends
    assert empty == set()
    for rule in alerts.RULES:
        for query in filter(None, (rule.query, rule.against)):
            assert numbers(city.ask(re.sub(r"\$timeFilter", f"time > {start_ms}ms", query))), rule.uid
