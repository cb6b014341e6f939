"""Device, agent, broker, hub over TLS with certificates; and what a stolen identity of a neighbour does to the store."""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import time_ns
from typing import Any

import msgspec

from edge.publishers import FieldPath, MqttSource
from edge.settings import BrokerSettings as EdgeBroker
from edge.settings import ClockSettings, EdgeConfig, JournalSettings, Trust
from halong.hub import ApiSettings, BrokerSettings, HubConfig
from halong.hub import run as run_hub
from halong.installation import free_port
from runtime.mqtt import BrokerUrl, Connection, keep_connected
from telemetry import topics
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.packs import encode_pack
from telemetry.reading import Reading
from telemetry.topics import PackName
from tests.peers import agent, living
from tests.secured import Secured

PATIENCE_S = 30.0


async def test_a_city_over_tls_and_a_thief_in_it(tmp_path: Path, mosquitto_url: str) -> None:
    city = Secured(tmp_path, free_port())
    owner, thief, own = city.issue("gw-a"), city.issue("gw-b"), city.access("hub")
    site, api = Site("bai-chay", "Bãi Cháy", 20.95, 107.04), ApiSettings("127.0.0.1", free_port())
    hub = HubConfig(
        data=str(tmp_path / "data"),
        broker=BrokerSettings(city.url, city.root, **msgspec.structs.asdict(own)),
        api=api,
    )
    street = f"street-{city.root}"
    gateway = EdgeConfig(
        gateway="gw-a",
        site=site,
        broker=EdgeBroker(url=city.url, root=city.root, **msgspec.structs.asdict(owner)),
        journal=JournalSettings(path=str(tmp_path / "journal.db"), max_mb=16),
        clock=ClockSettings(trust=Trust.SYSTEM),
        mqtt=(
            MqttSource(topic=street, sensor="co2-1", url=mosquitto_url, fields={"co2": FieldPath(path="v")}),
        ),
    )

    def fetch(path: str) -> Any:
        with urllib.request.urlopen(f"{api.url.rstrip('/')}{path}", timeout=5) as answer:
            return json.load(answer)

    async def until(path: str, good: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    found = await asyncio.to_thread(fetch, path)
                    if good(found):
                        return found
                except OSError:
                    pass
                await asyncio.sleep(0.1)

    async def device(connection: Connection) -> None:
        for number in range(600):
            await connection.publish(street, json.dumps({"v": 400 + number}).encode())
            await asyncio.sleep(0.1)

    async def steal(connection: Connection) -> None:
        now = time_ns() // 1_000_000
        claimed = (Sensor("co2-1", "mine", "x", ("co2",), 1.0),)
        birth = Birth("gw-b", site, claimed, (1, 1), now)
        false = encode_pack("bai-chay", [Reading("co2-1", "co2", now - n, 9999.0) for n in range(20)])
        await connection.publish(topics.birth(city.root, "gw-a"), msgspec.json.encode(birth), retain=True)
        await connection.publish(topics.birth(city.root, "gw-b"), msgspec.json.encode(birth), retain=True)
        for gateway in ("gw-a", "gw-b"):  # the first is the broker's to refuse, the second ingest's
            topic = topics.up(city.root, "bai-chay", PackName(gateway, "abcd", 0))
            await connection.publish(topic, false)

    with city.running():
        async with (
            living(lambda stop: run_hub(hub, stop=stop)),
            agent(gateway),
        ):
            speaking = asyncio.create_task(
                keep_connected(BrokerUrl.parse(mosquitto_url), f"d-{city.root}", device, rng=Random(2))
            )
            await until("/v1/latest", lambda found: found["items"])
            async with asyncio.timeout(PATIENCE_S):
                await keep_connected(thief.address(city.url), "halong-gw-b", steal, rng=Random(3))
            aside = await until("/v1/quarantine", lambda found: found["total"] >= 20)
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            sensors = await until("/v1/sensors", lambda found: found["items"])
            stored = await until("/v1/readings?sensor=co2-1&quantity=co2", lambda found: found["items"])
    assert aside["total"] == 20
    assert {(row["reason"], row["gateway"]) for row in aside["items"]} == {("not owner", "gw-b")}
    assert [(one["id"], one["gateway"]) for one in sensors["items"]] == [("co2-1", "gw-a")]
    assert 9999.0 not in [row["value"] for row in stored["items"]]
