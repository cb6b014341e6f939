"""The vital signs: what they say of gateways, sensors, hours and anomalies; and a real hub that writes them into InfluxDB."""

import asyncio
import json
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path
from random import Random
from time import time_ns
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from edge.settings import MetricsSettings
from halong import vitals
from halong.hub import ApiSettings, BrokerSettings, HubConfig, StoreSettings, check, run
from halong.installation import free_port
from halong.vitals_air import indices
from runtime.brokerurl import BrokerUrl
from runtime.config import ConfigError
from runtime.limits import Limit
from runtime.mqtt import Connection, keep_connected
from storage.influx import InfluxStore
from storage.influx_http import InfluxUrl
from storage.inventory import GatewayRow, SensorRow
from storage.ledger import Figures, LedgerRow
from storage.store import Columns
from telemetry import topics
from telemetry.anomaly import Anomaly, AnomalyKind, Severity
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, ClockState, PortCounters, State
from telemetry.packs import encode_pack
from telemetry.reading import Reading
from telemetry.topics import PackName
from tests.peers import living

NOW = 1_700_000_000_000
PATIENCE_S = 30.0
SITE = Site("hon-gai", "Hòn Gai", 20.95, 107.085, "centre")
STATE = State(
    "gw-1",
    True,
    (1, 1),
    NOW,
    accepted=100,
    backlog=3,
    oldest_ms=NOW - 4000,
    last_ack_ms=NOW - 500,
    ports=(
        PortCounters("rs485", False, 10, 2, 8, problem="unplugged"),
        PortCounters("uart", True, 5, 0, 5),
    ),
    clock=ClockState("ntp", ahead_ms=12),
)


NOISE = ("noise_level",)


def row(
    name: str, site: str = "s", quantities: tuple[str, ...] = ("pm25",), period_s: float = 1.0
) -> SensorRow:
    return SensorRow(
        id=name,
        name="",
        protocol="x",
        quantities=quantities,
        period_s=period_s,
        site=site,
        gateway="g",
        since_ms=0,
    )


def test_a_gateway_tells_its_backlog_ports_and_clock() -> None:
    *ports, gateway = vitals.of_gateway(GatewayRow("gw-1", "hon-gai", (1, 1), STATE, NOW - 2000), 5, 1, NOW)
    assert gateway.tags == {"gateway": "gw-1", "site": "hon-gai"}
    assert {name: gateway.fields[name] for name in ("online", "heard_s", "sensors", "silent")} == {
        "online": 1,
        "heard_s": 2.0,
        "sensors": 5,
        "silent": 1,
    }
    assert (gateway.fields["backlog"], gateway.fields["oldest_s"], gateway.fields["ack_s"]) == (3, 4.0, 0.5)
    assert (gateway.fields["ports_down"], gateway.fields["clock"], gateway.fields["ahead_s"]) == (1, 1, 0.012)
    assert [(port.tags["port"], port.fields["up"], port.fields["problem"]) for port in ports] == [
        ("rs485", 0, "unplugged"),
        ("uart", 1, None),
    ]


@pytest.mark.parametrize(
    ("state", "seen_ms"),
    [(STATE, NOW - 20_001), (State("gw-1", False, (1, 1)), NOW), (None, None)],
    ids=["heard long ago", "its will", "never heard"],
)
def test_a_gateway_that_is_not_heard_is_not_online(state: State | None, seen_ms: int | None) -> None:
    *_, gateway = vitals.of_gateway(GatewayRow("gw-1", "", None, state, seen_ms), 0, 0, NOW)
    assert (gateway.fields["online"], gateway.tags["site"]) == (0, vitals.NOWHERE)
    assert ("backlog" in gateway.fields) == (state is STATE)


def test_sensors_tell_their_silence() -> None:
    one, two = vitals.of_sensors(
        [row("a", period_s=2.0), row("b", period_s=0.0)], {"a": NOW - 3000}, {"b"}, NOW
    )
    assert (one.fields["silent"], one.fields["age_s"], one.fields["period_s"]) == (0, 3.0, 2.0)
    assert (two.fields["silent"], two.fields["age_s"], two.fields["period_s"]) == (1, None, None)


def test_an_hour_is_told_at_its_start_and_nothing_is_good_where_nothing_was_expected() -> None:
    hours = [
        LedgerRow("a", "s", "g", 0, Figures(expected=10, stored=12, invalid=1, good=10, pending=2)),
        LedgerRow("b", "s", "g", 3_600_000, Figures(expected=None, stored=7)),
    ]
    first, second = vitals.of_ledger(hours)
    assert (first.at_ms, first.fields["good"], first.fields["pending"]) == (0, 10, 2)
    assert (second.at_ms, second.fields["good"], second.fields["stored"]) == (3_600_000, None, 7)


def test_an_anomaly_is_the_same_point_when_it_is_over() -> None:
    def anomaly(end_ms: int | None) -> Anomaly:
        return Anomaly(
            "id",
            "pm-1",
            "pm25",
            "s",
            AnomalyKind.SPIKE,
            Severity.WARNING,
            NOW,
            end_ms,
            2,
            9.0,
            1.0,
            0.0,
            2.0,
            "t",
            "v",
        )

    opened, closed = vitals.of_anomalies([anomaly(None), anomaly(NOW + 5)])
    assert (opened.measurement, opened.tags, opened.at_ms) == (closed.measurement, closed.tags, closed.at_ms)
    assert (opened.fields["open"], opened.fields["end_ms"]) == (1, None)
    assert (closed.fields["open"], closed.fields["end_ms"]) == (0, NOW + 5)


def test_a_limit_is_that_of_the_city_s_hour_and_the_first_that_fits() -> None:
    def limits(text: str) -> dict[str, Any]:
        at_ms = int(datetime.fromisoformat(text).timestamp() * 1000)
        rules = [
            Limit("school", "noise_level", 1, 45.0, from_hour=21, to_hour=6, sites=("school",)),
            Limit("night", "noise_level", 1, 55.0, from_hour=21, to_hour=6),
            Limit("day", "noise_level", 1, 70.0, from_hour=6, to_hour=21),
        ]
        points = vitals.of_limits(
            rules, [row("a", "s", NOISE), row("b", "school", NOISE), row("c", "", NOISE)], at_ms
        )
        return {one.tags["site"]: one.fields["limit"] for one in points}

    assert limits("2026-11-24T20:59+07:00") == {"s": 70.0, "school": 70.0}
    assert limits("2026-11-24T21:00+07:00") == {"s": 55.0, "school": 45.0}
    assert limits("2026-11-25T05:59+07:00") == {"s": 55.0, "school": 45.0}


@pytest.mark.influxd
async def test_the_air_of_a_site_is_that_of_the_api(influxd_url: str, influx_database: str) -> None:
    store = InfluxStore(InfluxUrl.parse(f"{influxd_url}/{influx_database}"))
    await store.open()
    now_ms = NOW // 3_600_000 * 3_600_000 + 30 * 60_000
    columns = Columns()
    for minute in range(1, 180):
        columns.append("hon-gai", Reading("pm-1", "pm25", now_ms - minute * 60_000, 50.0), 0, None)
    await store.write(columns)
    rows = [
        row("pm-1", "hon-gai"),
        row("t-1", "hon-gai", ("temperature",)),
        row("pm-2", "ha-tu"),  # has said nothing
    ]
    points = await indices(store, rows, 3, now_ms)
    await store.close()
    hour_ms = now_ms // 3_600_000 * 3_600_000
    told = [(one.tags["site"], one.at_ms, {**one.fields}) for one in points]
    wanted = [("hon-gai", now_ms, {"now": 100, "now_main": "pm25"})]
    # The third hour back has only one with dust among its newest three.
    wanted += [("hon-gai", hour_ms - back * 3_600_000, {"hour": 100, "hour_main": "pm25"}) for back in (2, 1)]
    assert told == wanted


@pytest.mark.parametrize("seconds", [0.5, 601, -1])
def test_how_often_has_bounds(seconds: float) -> None:
    with pytest.raises(ConfigError, match="vitals_s"):
        check(HubConfig(store=StoreSettings("http://127.0.0.1:8086/halong", vitals_s=seconds)))


def ask(url: str, database: str, query: str) -> list[dict[str, Any]]:
    body = urllib.parse.urlencode({"db": database, "q": query, "epoch": "ms"}).encode()
    with urllib.request.urlopen(f"{url}/query", body, timeout=10) as answer:
        (result,) = json.load(answer)["results"]
    assert "error" not in result or "database not found" in result["error"]
    return list(result.get("series", []))


@pytest.mark.influxd
@pytest.mark.mosquitto
async def test_a_hub_writes_them_beside_the_readings(
    tmp_path: Path, mosquitto_url: str, influxd_url: str, influx_database: str
) -> None:
    root = f"test-{uuid4().hex}"
    config = HubConfig(
        data=str(tmp_path),
        broker=BrokerSettings(mosquitto_url, root),
        store=StoreSettings(f"{influxd_url}/{influx_database}", vitals_s=1.0),
        api=ApiSettings("127.0.0.1", 8080),
    )
    now_ms = time_ns() // 1_000_000
    sensor = Sensor(id="pm-1", name="Bụi", protocol="pms5003", quantities=("pm25",), period_s=1.0)

    async def gateway(connection: Connection) -> None:
        birth = Birth("gw-1", SITE, (sensor,), (1, 1), now_ms)
        await connection.publish(topics.birth(root, "gw-1"), msgspec.json.encode(birth), retain=True)
        state = msgspec.structs.replace(STATE, time_ms=now_ms)
        await connection.publish(topics.state(root, "gw-1"), msgspec.json.encode(state), retain=True)
        reading = Reading("pm-1", "pm25", now_ms, 2000.0)  # out of range: an anomaly
        pack = topics.up(root, "hon-gai", PackName("gw-1", "abcd", 0))
        await connection.publish(pack, encode_pack("hon-gai", [reading]))

    def found(query: str) -> list[dict[str, Any]]:
        return ask(influxd_url, influx_database, query)

    async def until(measurement: str) -> dict[str, Any]:
        while not (series := await asyncio.to_thread(found, f'SELECT * FROM "{measurement}" GROUP BY *')):
            await asyncio.sleep(0.1)
        return series[0]

    async with living(lambda stop: run(config, stop=stop, part="ingest")):
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(found, 'SELECT * FROM "ingest" WHERE "broker_ready" = 1'):
                await asyncio.sleep(0.1)
            broker = BrokerUrl.parse(mosquitto_url)
            await keep_connected(broker, f"gw-{uuid4().hex[:8]}", gateway, rng=Random(1))
            told = {
                name: await until(name)
                for name in ("gateway", "port", "ingest", "sensor", "ledger", "anomaly", "limit")
            }
            while not await asyncio.to_thread(found, 'SELECT * FROM "ingest" WHERE "readings_stored" = 1'):
                await asyncio.sleep(0.1)
    assert told["gateway"]["tags"] == {"gateway": "gw-1", "site": "hon-gai"}
    assert told["port"]["tags"] == {"gateway": "gw-1", "port": "rs485", "site": "hon-gai"}
    assert told["sensor"]["tags"] == told["ledger"]["tags"] == {"sensor": "pm-1", "site": "hon-gai"}
    assert told["anomaly"]["tags"] == {
        "kind": "range",
        "quantity": "pm25",
        "sensor": "pm-1",
        "site": "hon-gai",
    }
    assert told["limit"]["tags"] == {"hours": "24", "quantity": "pm25", "site": "hon-gai"}
    hour = dict(zip(told["ledger"]["columns"], told["ledger"]["values"][-1], strict=True))
    assert (hour["time"] % 3_600_000, hour["stored"]) == (0, 1)
    assert {"broker_ready", "store_ready", "readings_stored", "open_anomalies"} <= set(
        told["ingest"]["columns"]
    )


async def test_ingest_alone_tells_prometheus_at_its_own_address(tmp_path: Path) -> None:
    port = free_port()
    config = HubConfig(
        data=str(tmp_path),
        broker=BrokerSettings("mqtt://127.0.0.1:1", "test"),
        store=StoreSettings("http://127.0.0.1:1/halong", vitals_s=0),
        metrics=MetricsSettings(port=port),
    )
    stop = asyncio.Event()
    hub = asyncio.create_task(run(config, stop=stop, part="ingest"))

    def look() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                text = await asyncio.to_thread(look)
                break
            except OSError:
                await asyncio.sleep(0.1)
        stop.set()
        await hub
    assert "halong_readings_stored_total 0.0" in text
    assert 'halong_ready{part="broker"} 0.0' in text
    assert "halong_stream_listeners" not in text  # it has no stream


@pytest.mark.mosquitto
async def test_a_database_that_is_away_stops_nothing(tmp_path: Path, mosquitto_url: str) -> None:
    config = HubConfig(
        data=str(tmp_path),
        broker=BrokerSettings(mosquitto_url, f"test-{uuid4().hex}"),
        store=StoreSettings("http://127.0.0.1:1/halong", vitals_s=1.0),
    )
    stop = asyncio.Event()
    hub = asyncio.create_task(run(config, stop=stop, part="ingest"))
    await asyncio.sleep(1.5)  # a round was given up, and the next
    assert not hub.done()
    stop.set()
    async with asyncio.timeout(PATIENCE_S):
        await hub
