"""The simulated city's sensors, an hour of their readings written by the collector's own store into a real InfluxDB, and a
stand-in for Grafana that expands and asks a query as Grafana's InfluxDB data source does.
"""

import asyncio
import base64
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from firmware_sim import city
from grafana.files import DASHBOARDS
from halong import vitals
from ingest.account import Account
from ingest.alarms import annotator
from runtime import limits
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.inventory import GatewayRow, SensorRow
from storage.ledger import Figures, LedgerRow
from storage.points import Point
from storage.store import Columns
from telemetry.alarm import Alarm, AlarmFamily, AlarmState
from telemetry.anomaly import Anomaly, AnomalyKind, Severity, anomaly_id
from telemetry.messages import ClockState, PortCounters, State
from telemetry.quantities import QUANTITIES
from telemetry.reading import Flag, Reading

HOUR_MS = 3_600_000
STEP_MS = 20_000
SILENT_MS = 1_200_000
SILENT, RESET, FLAGGED, LATE = "hon-gai-co2-1", "hon-gai-power-1", "hon-gai-pm-1", "ha-tu-pm-2"
MEANS = {"noise_level": (60.0, 8.0), "wind_direction": (0.0, 25.0), "vehicle_count": (5.0, 0.0)}
ROUND_S = (
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
)


class Row(NamedTuple):
    """One reading as it was written."""

    site: str
    reading: Reading
    late_s: int | None


class Table(NamedTuple):
    """One series of an answer."""

    name: str
    tags: Mapping[str, str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]


class Written(NamedTuple):
    """What the database holds: every reading in [start_ms, end_ms]."""

    rows: Sequence[Row]
    start_ms: int
    end_ms: int
    url: str
    database: str

    def where(
        self, quantity: str = "", site: Sequence[str] | None = None, sensor: Sequence[str] | None = None
    ) -> list[Row]:
        """The rows of a selection; None is all."""
        return [
            row
            for row in self.rows
            if (not quantity or row.reading.quantity == quantity)
            and (site is None or row.site in site)
            and (sensor is None or row.reading.sensor in sensor)
        ]

    def ask(self, query: str) -> list[Table]:
        """As the data source does it: one statement, POST, ms, and a Basic header that InfluxDB without users ignores."""
        assert not re.search(r"\$[\w{]", query)
        parameters = urllib.parse.urlencode({"db": self.database, "epoch": "ms"})
        request = urllib.request.Request(
            f"{self.url}/query?{parameters}", urllib.parse.urlencode({"q": query}).encode()
        )
        request.add_header("Authorization", "Basic " + base64.b64encode(b":").decode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            body: dict[str, Any] = json.load(answer)
        (result,) = body["results"]
        assert "error" not in result, f"{query}\n{result['error']}"
        return [
            Table(one["name"], one.get("tags", {}), one["columns"], one["values"])
            for one in result.get("series", [])
        ]

    def variables(
        self,
        query: str,
        *,
        site: Sequence[str] | None = None,
        sensor: Sequence[str] | None = None,
        others: Mapping[str, Sequence[str] | None] = {},
    ) -> str:
        """What the browser puts in their place; None is All."""
        chosen = {"site": site, "sensor": sensor, "quantity": None, "gateway": None, **others}
        for name, values in chosen.items():
            text = ".+" if values is None else f"({'|'.join(map(escape_regex, values))})"
            query = re.sub(rf"\${name}\b", lambda _, text=text: text, query)
        return query

    def expand(
        self,
        query: str,
        *,
        site: Sequence[str] | None = None,
        sensor: Sequence[str] | None = None,
        others: Mapping[str, Sequence[str] | None] = {},
        interval: str = "1m",
        since: str = "",
    ) -> str:
        """Variables first, in the browser; then the macros in the server's order. None is All; `since` as a panel has it."""
        query = self.variables(query, site=site, sensor=sensor, others=others)
        milliseconds = 1000 * seconds(interval)
        start_ms = self.end_ms - 1000 * seconds(since) if since else self.start_ms
        query = query.replace("$timeFilter", f"time >= {start_ms}ms and time <= {self.end_ms}ms")
        query = query.replace("$interval", interval).replace("$__interval_ms", str(milliseconds))
        return query.replace("$__interval", interval)

    def interval(self, panel: Mapping[str, Any], shortest: str) -> str:
        """The window Grafana chooses: the time range over the points, rounded, but not below the shortest."""
        range_s = seconds(panel["timeFrom"]) if "timeFrom" in panel else (self.end_ms - self.start_ms) / 1000
        exact = range_s / panel.get("maxDataPoints", 1000)
        rounded = min(ROUND_S, key=lambda step: (abs(step - exact), -step))
        lowest = max(map(seconds, (shortest, panel.get("interval", shortest))))
        return f"{max(rounded, lowest)}s" if max(rounded, lowest) < 60 else f"{max(rounded, lowest) // 60}m"


def seconds(duration: str) -> int:
    """Of "10s", "1m", "1h" or "7d"."""
    return {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]] * int(duration[:-1])


def escape_regex(text: str) -> str:
    """What Grafana escapes in a value of a variable: not the hyphen."""
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", lambda found: "\\" + found[0], text)


def shown(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every panel with a query of a dashboard; one that asks several stands there once for each."""
    return [
        panel | {"targets": [target]}
        for panel in dashboard["panels"]
        if panel["type"] != "row"
        for target in panel["targets"]
    ]


def panels() -> list[dict[str, Any]]:
    """Every panel with a query of every dashboard, as Grafana reads it."""
    return [panel for dashboard in DASHBOARDS for panel in shown(json.loads(dashboard.text()))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`panel`: every panel; `readings_panel`: those that ask for readings, `vitals_panel`: the others."""
    for name in {"panel", "readings_panel", "vitals_panel"} & set(metafunc.fixturenames):
        wanted = [
            panel for panel in panels() if name == "panel" or of_readings(panel) == (name == "readings_panel")
        ]
        metafunc.parametrize(name, wanted, ids=[panel["title"].partition(" ·")[0] for panel in wanted])


def of_readings(panel: Mapping[str, Any]) -> bool:
    """Whether the panel asks for readings, not for what the hub tells of itself."""
    names = re.findall(r'FROM "(\w+)"', panel["targets"][0]["query"])
    return all(name in QUANTITIES for name in names)


def hour_of_the_city(end_ms: int) -> Iterator[Row]:
    """A reading of each quantity every 20 s. One sensor falls silent, one counter restarts, some are flagged, some late."""
    rng = Random(1)
    devices = [
        (gateway.site.id, device.sensor, device.quantities)
        for gateway in city.plan(1).gateways
        for device in gateway.devices
    ]
    for site, sensor, quantities in [*devices, ("hon-gai", "hon-gai-gate-1", ("vehicle_count",))]:
        phase = rng.randrange(STEP_MS)
        for number in range(HOUR_MS // STEP_MS):
            at = end_ms - HOUR_MS + phase + number * STEP_MS
            if sensor == SILENT and at > end_ms - SILENT_MS:
                continue
            for quantity in quantities:
                mean, spread = MEANS.get(quantity, (50.0, 10.0))
                value = rng.gauss(mean, spread)
                if quantity == "wind_direction":
                    value %= 360
                if quantity == "energy":
                    value = 1000 + number * 0.25 - (1010 if sensor == RESET and number > 100 else 0)
                flags = int(Flag.SPIKE) if sensor == FLAGGED and number % 40 == 7 else 0
                late_s = 61 + number if sensor == LATE and number % 30 == 11 else None
                yield Row(site, Reading(sensor, quantity, at, value, flags), late_s)


def hour_of_vitals(end_ms: int) -> Iterator[Point]:
    """What a hub would tell of the city's gateways, sensors, hours and itself, every 15 s, by the hub's own functions."""
    plan, account = city.plan(1).gateways, Account()
    sensors = [
        SensorRow(
            id=device.sensor,
            name=device.name,
            protocol=device.protocol,
            quantities=device.quantities,
            period_s=device.period_s,
            site=gateway.site.id,
            gateway=gateway.id,
            since_ms=0,
        )
        for gateway in plan
        for device in gateway.devices
    ]
    for number, at_ms in enumerate(range(end_ms - HOUR_MS, end_ms + 1, 15_000)):
        for gateway in plan:
            ports = (PortCounters("serial", True, 10 * number, number, 10 * number),)
            clock = ClockState("ntp", ahead_ms=3)
            state = State(
                gateway.id, True, (1, 1), at_ms, ports=ports, clock=clock, backlog=2, oldest_ms=at_ms - 900
            )
            row = GatewayRow(gateway.id, gateway.site.id, (1, 1), state, at_ms - 500)
            yield from vitals.of_gateway(row, 5, 0, at_ms)
        account.readings_stored += 100
        account.latencies.add(80 + number % 7)
        ready = {"broker": True, "store": True, "clock": True}
        yield vitals.of_ingest(account.as_mapping(), ready, 1, at_ms)
        heard = {one.id: at_ms - 1000 for one in sensors}
        yield from vitals.of_sensors(sensors, heard, {SILENT}, at_ms)
        yield from vitals.of_limits(limits.read(""), sensors, at_ms)
        for gateway in plan:
            for field in ("now", "hour"):
                index = {"vn_aqi": 40 + number % 90, "main": "pm25"}
                yield from vitals.of_air(gateway.site.id, field, index, at_ms)
    hour_ms = end_ms - end_ms % HOUR_MS
    for start_ms in (hour_ms - HOUR_MS, hour_ms):
        figures = Figures(expected=100, read=99, accepted=99, stored=98, late=1, pending=1)
        yield from vitals.of_ledger(
            LedgerRow(one.id, one.site, one.gateway, start_ms, figures) for one in sensors
        )
    yield annotator.point(
        Alarm(
            "a", "city/hon-gai", AlarmFamily.CITY, AnomalyKind.SPIKE, Severity.WARNING, AlarmState.OPEN, "hon-gai", (SILENT,),
            "co2", end_ms - 120_000, None, 4.0, 9.0, 1.0, 0.0, 2.0, "An alarm.", "Một cảnh báo.", (), end_ms - 110_000,
        )
    )  # fmt: skip
    for quantity, ended in (("co2", None), ("pm25", end_ms - 60_000)):
        kind = AnomalyKind.SPIKE
        identity = anomaly_id(SILENT, quantity, kind, end_ms - 120_000)
        yield from vitals.of_anomalies(
            [
                Anomaly(
                    identity, SILENT, quantity, "hon-gai", kind, Severity.WARNING, end_ms - 120_000, ended,
                    4.0, 9.0, 1.0, 0.0, 2.0, "A spike.", "Một gai.",
                )
            ]
        )  # fmt: skip


def write(url: str, rows: Sequence[Row], end_ms: int, points: Iterable[Point] = ()) -> Written:
    """The rows in a database of their own."""
    database = f"halong_{uuid4().hex[:12]}"
    columns = Columns()
    for row in rows:
        columns.append(row.site, row.reading, row.reading.flags, row.late_s)

    async def store() -> None:
        influx = InfluxStore(InfluxUrl.parse(f"{url}/{database}"))
        await influx.open()
        try:
            assert (await influx.write(columns)).rejected == ()
            await influx.write_points(points)
        finally:
            await influx.close()

    asyncio.run(store())
    return Written(rows, end_ms - HOUR_MS, end_ms, url, database)


@pytest.fixture(scope="session")
def written(influxd_url: str) -> Written:
    """The last hour of the city."""
    end_ms = time.time_ns() // 1_000_000
    return write(influxd_url, list(hour_of_the_city(end_ms)), end_ms, hour_of_vitals(end_ms))


@pytest.fixture(scope="session")
def healthy(influxd_url: str) -> Written:
    """Some readings, none of them late or flagged."""
    end_ms = time.time_ns() // 1_000_000
    rows = [
        Row("hon-gai", Reading("pm-1", "pm25", end_ms - number * 1000, 9.0), None) for number in range(30)
    ]
    return write(influxd_url, rows, end_ms)


@pytest.fixture
def column() -> Callable[[Table, str], list[Any]]:
    """The values of a column of an answer."""
    return lambda table, name: [row[table.columns.index(name)] for row in table.values]
