"""MQTT sources: topics, payloads, times; and the link on a real broker."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog.testing

from edge.publishers import FieldPath, MqttSource, PayloadFormat
from edge.sources import LAST_TIME_MS, Source, build_links, matches
from runtime.mqtt import BrokerUrl, Connection, Message, keep_connected
from telemetry.reading import Reading
from tests.peers import edge_config
from tests.waiting import until

NOW = 1_700_000_000_000
VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))
}
PATIENCE_S = 30.0


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+/c", "a/b/c", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "b/c", False),
        ("#", "a/b", True),
        ("+", "a", True),
        ("+", "a/b", False),
    ],
)
def test_topics_match_their_filters(topic_filter: str, topic: str, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected


def json_source(time: str = "") -> Source:
    fields = {"temperature": FieldPath(path="t", unit="degF"), "co2": FieldPath(path="gas[0].ppm")}
    return Source(MqttSource(topic="x", sensor="s", fields=fields, time=time))


def said(source: Source, payload: bytes, *, retain: bool = False) -> list[Reading]:
    return source.readings(Message("x", payload, retain), NOW)


def test_json_becomes_readings_at_the_time_of_arrival() -> None:
    source = json_source()
    assert said(source, b'{"t": 68.0, "gas": [{"ppm": 400}], "x": 1}') == [
        Reading("s", "temperature", NOW, pytest.approx(20.0)),
        Reading("s", "co2", NOW, 400.0),
    ]
    assert said(source, b'{"other": 1}') == []
    counters = source.counters(up=True)
    assert (counters.name, counters.frames, counters.bad, counters.readings) == ("x", 2, 0, 2)
    assert counters.last_ms == NOW


def test_the_devices_own_time_is_kept() -> None:
    source = json_source(time="at")
    (reading,) = said(source, b'{"t": 68, "at": 1699999999.5}')
    assert reading.observed_at == 1_699_999_999_500


def test_senml_names_itself() -> None:
    source = Source(
        MqttSource(topic="x", sensor="s", format=PayloadFormat.SENML, names={"LAeq": "noise_laeq"})
    )
    pack = b'[{"bn":"urn:dev:mac:1/","n":"LAeq","u":"dB","v":55,"t":-1},{"n":"temperature","u":"Cel","v":30}]'
    assert said(source, pack) == [
        Reading("s", "noise_laeq", NOW - 1000, 55.0),
        Reading("s", "temperature", NOW, 30.0),
    ]


def test_a_retained_value_of_unknown_age_is_no_reading() -> None:
    assert said(json_source(), b'{"t": 68}', retain=True) == []
    assert len(said(json_source(time="at"), b'{"t": 68, "at": 1699999999}', retain=True)) == 1


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[]", b'{"t": "hot"}', b'{"t": 1, "at": 5}', b'{"t": 1, "at": %d}' % (LAST_TIME_MS + 1)],
)
def test_a_bad_payload_is_counted_and_told_once(payload: bytes) -> None:
    source = json_source(time="at")
    with structlog.testing.capture_logs() as logs:
        assert said(source, payload) == []
        assert said(source, payload) == []
    assert source.counters(up=True).bad == 2
    assert len(logs) == 1
    assert len(said(source, b'{"t": 68, "at": 1699999999}')) == 1


def test_a_function_that_refuses_the_payload_is_a_bad_payload() -> None:
    source = Source(MqttSource(topic="x", sensor="s", fields={"co2": FieldPath(path="length(c)")}))
    assert said(source, b'{"c": 5}') == []
    assert source.counters(up=True).bad == 1


CONFIG = """
[broker]
url = "{url}"
[[mqtt]]
topic = "test-sources/+/co2"
sensor = "co2-1"
fields = {{ co2 = {{ path = "v" }} }}
[[mqtt]]
topic = "test-sources/a/#"
sensor = "all-1"
format = "senml"
[[mqtt]]
topic = "test-sources/other"
sensor = "other-1"
url = "mqtt://127.0.0.1:1"
format = "senml"
"""


async def test_messages_reach_the_sources_whose_topic_they_match(mosquitto_url: str) -> None:
    got: list[Reading] = []

    async def deliver(readings: Sequence[Reading]) -> None:
        got.extend(readings)

    config = edge_config(CONFIG, url=mosquitto_url)
    link, away = build_links(config, deliver, lambda: NOW, Random(1))
    assert [counters.up for counters in link.counters()] == [False, False]
    running = [asyncio.create_task(link.run()), asyncio.create_task(away.run())]
    await until(lambda: all(counters.up for counters in link.counters()))

    async def publish(connection: Connection) -> None:
        await connection.publish("test-sources/a/co2", b"not JSON")
        await connection.publish("test-sources/b/co2", b'{"v": 400}')
        await connection.publish("test-sources/a/x", b'[{"n":"pm25","u":"ug/m3","v":7}]')

    await keep_connected(BrokerUrl.parse(mosquitto_url), "publisher", publish, rng=Random(2))
    await until(lambda: len(got) == 2)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    assert got == [Reading("co2-1", "co2", NOW, 400.0), Reading("all-1", "pm25", NOW, 7.0)]
    assert [(c.frames, c.bad) for c in link.counters()] == [(1, 1), (1, 1)]
    assert [c.up for c in (*link.counters(), *away.counters())] == [False, False, False]


NETWORKS = """
[broker]
url = "{url}"
[[mqtt]]
topic = "application/+/device/+/event/+"
sensor = "soil-1"
format = "chirpstack-v4"
device = "A8404187D187106E"
fields = {{ temperature = {{ path = "temp_SOIL" }} }}
[[mqtt]]
topic = "spBv1.0/City/+/edge1/#"
sensor = "edge-1"
format = "sparkplug-b"
names = {{ "Site/temp" = "temperature" }}
[[mqtt]]
topic = "spBv1.0/City/#"
sensor = "edge-1-again"
format = "sparkplug-b"
device = "edge1"
"""


def vector(identifier: str) -> tuple[str, bytes]:
    """Topic and payload."""
    entry = VECTORS[identifier]
    return entry["topic"], bytes.fromhex(entry["hex"]) if "hex" in entry else entry["text"].encode()


async def heard(
    url: str, topics: str, say: Callable[[Connection], Any], enough: Callable[[list[Message]], bool]
) -> list[Message]:
    """What a peer of the agent's hears on `topics` while it says something, until it is enough."""
    got: list[Message] = []

    async def session(connection: Connection) -> None:
        await say(connection)
        async with asyncio.timeout(PATIENCE_S):
            async for message in connection.messages():
                got.append(message)
                if enough(got):
                    return

    await keep_connected(BrokerUrl.parse(url), "peer", session, subscriptions=[topics], rng=Random(3))
    return got


async def test_uplinks_and_sparkplug_through_a_real_broker(mosquitto_url: str) -> None:
    got: list[Reading] = []

    async def deliver(readings: Sequence[Reading]) -> None:
        got.extend(readings)

    (link,) = build_links(edge_config(NETWORKS, url=mosquitto_url), deliver, lambda: NOW, Random(1))
    running = asyncio.create_task(link.run())
    await until(lambda: all(counters.up for counters in link.counters()))

    async def early(connection: Connection) -> None:
        for _ in range(3):  # data before birth
            await connection.publish(*vector("sp-m2"))
        await connection.publish("spBv1.0/City/NCMD/end", b"")

    asks = await heard(
        mosquitto_url,
        "spBv1.0/City/NCMD/#",
        early,
        lambda got: {"spBv1.0/City/NCMD/edge1", "spBv1.0/City/NCMD/end"} <= {m.topic for m in got},
    )
    assert got == []

    async def node(connection: Connection) -> None:
        await connection.publish(*vector("sp-m1"))
        await connection.publish(*vector("sp-m2"))
        for _ in range(2):
            await connection.publish(*vector("cs-m1"))
        await connection.publish(*vector("cs-m3"))
        await connection.publish("spBv1.0/City/NCMD/end", b"")

    asks += await heard(mosquitto_url, "spBv1.0/City/NCMD/#", node, lambda got: bool(got))
    await until(lambda: len(got) == 7)
    running.cancel()
    await asyncio.wait([running])

    assert [ask.topic for ask in asks if ask.topic.endswith("edge1")] == ["spBv1.0/City/NCMD/edge1"]
    at = {reading.key: reading.value for reading in got}
    assert at == {
        ("edge-1", "pm25", NOW): 12.5,
        ("edge-1", "temperature", NOW): -53.0,
        ("edge-1-again", "pm25", NOW): 12.5,
        ("edge-1", "pm25", NOW + 1000): 13.25,
        ("edge-1", "temperature", NOW + 1000): -54.0,
        ("edge-1-again", "pm25", NOW + 1000): 13.25,
        ("soil-1", "temperature", 1_718_873_318_864): 13.25,
    }
    assert link.counters()[0].bad == 0


class Broker:
    """Stands for a connection: keeps what is published."""

    def __init__(self) -> None:
        self.published: list[str] = []

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        self.published.append(topic)


async def test_a_node_is_asked_once_a_minute_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    async def deliver(readings: Sequence[Reading]) -> None:
        assert not readings

    networks = edge_config(NETWORKS.replace('device = "edge1"', ""), url="mqtt://x")
    (link,) = build_links(networks, deliver, lambda: NOW, Random(1))
    loop, broker, now_s = asyncio.get_running_loop(), Broker(), [100.0]
    monkeypatch.setattr(loop, "time", lambda: now_s[0])
    topic, payload = vector("sp-m2")
    for at, place, expected in (
        (100.0, topic, 1),
        (159.9, topic, 1),
        (159.9, topic.replace("edge1", "edge2"), 2),
        (160.0, topic, 3),
    ):
        now_s[0] = at
        await link.take(broker, Message(place, payload, False))  # type: ignore[arg-type]
        assert len(broker.published) == expected
