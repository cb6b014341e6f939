"""What a simulated publisher says its messages carry is what the agent makes of them: encoders and decoders written apart."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import EdgeConfig
from edge.settings import MqttSource
from edge.sources import Source, build_links
from firmware_sim import publishing
from firmware_sim.devices.networks import Publication
from firmware_sim.model import Model
from firmware_sim.truth import read
from runtime.mqtt import Message
from telemetry.reading import Reading
from tests.peers import edge_config
from tests.waiting import until

T0 = 1_700_000_000.0
MOMENTS = st.floats(1_650_000_000, 1_950_000_000)
SOURCES = """
[broker]
url = "{url}"
[[mqtt]]
topic = "application/+/device/a8404187d187106e/event/+"
sensor = "chirpstack-v4"
format = "chirpstack-v4"
fields = {{ pm25 = {{ path = "pm.p2" }}, pm10 = {{ path = "pm.p10" }}, temperature = {{ path = "temp" }} }}
[[mqtt]]
topic = "spBv1.0/City/+/edge1/#"
sensor = "sparkplug-b"
format = "sparkplug-b"
[[mqtt]]
topic = "tele/street-12/SENSOR"
sensor = "tasmota"
format = "tasmota"
zone = "Asia/Ho_Chi_Minh"
[[mqtt]]
topic = "zigbee2mqtt/weather sensor"
sensor = "zigbee2mqtt"
format = "zigbee2mqtt"
[[mqtt]]
topic = "shellyplus1pm-7c87ce65bd9c/#"
sensor = "shelly-gen2"
format = "shelly-gen2"
[[mqtt]]
topic = "v3/ha-long-air@ttn/devices/pm-node-7/up"
sensor = "tts-v3"
format = "tts-v3"
fields = {{ pm25 = {{ path = "pm.p2" }}, pm10 = {{ path = "pm.p10" }}, temperature = {{ path = "temp" }} }}
[[mqtt]]
topic = "street/board-1"
sensor = "json"
time = "t"
[mqtt.fields]
co2 = {{ path = "co2" }}
humidity = {{ path = "env.rh" }}
temperature = {{ path = "env.f", unit = "degF" }}
[[mqtt]]
topic = "senml/weather-1"
sensor = "senml-json"
format = "senml"
[[mqtt]]
topic = "senml-cbor/weather-2"
sensor = "senml-cbor"
format = "senml-cbor"
"""


def configured(url: str = "mqtt://127.0.0.1") -> EdgeConfig:
    return edge_config(SOURCES, url=url)


def settings_of(protocol: str) -> MqttSource:
    return next(source for source in configured().mqtt if source.sensor == protocol)


def heard(source: Source, publications: Sequence[Publication]) -> list[tuple[str, int, float]]:
    readings = [
        reading for one in publications for reading in source.readings(Message(one.topic, one.data, False), 0)
    ]
    return [(reading.quantity, reading.observed_at, round(reading.value, 6)) for reading in readings]


def meant(publications: Sequence[Publication]) -> list[tuple[str, int, float]]:
    return [(q, one.at_ms, round(value, 6)) for one in publications for q, value in one.readings]


@pytest.mark.parametrize("protocol", publishing.PUBLISHERS)
@given(seed=st.integers(0, 1000), start_s=MOMENTS)
def test_every_message_means_what_it_says(protocol: str, seed: int, start_s: float) -> None:
    model, source = Model(seed), Source(settings_of(protocol))

    def measure(quantity: str, at_s: float) -> float:
        return model.value(protocol, "centre", quantity, at_s)

    device = publishing.build(protocol, measure, "", start_s=start_s, period_s=7.5)
    publications = device.connected(start_s)
    for _ in range(5):
        publications += device.emit(device.due_s)
    publications += device.closing(device.due_s)
    assert sorted(heard(source, publications)) == sorted(meant(publications))
    assert sum(len(one.readings) for one in publications) >= 15
    assert source.counters(up=True).bad == 0
    assert source.outgoing() == []


def test_a_node_that_lost_its_agent_is_born_again() -> None:
    device = publishing.build(
        "sparkplug-b", lambda q, at_s: math.floor(at_s % 50), "", start_s=T0, period_s=1.0
    )
    device.connected(T0)
    source = Source(settings_of("sparkplug-b"))
    assert heard(source, device.emit(T0 + 1)) == []
    (ask,) = source.outgoing()
    births = device.receive(ask.topic, ask.payload, T0 + 2)
    assert sorted(heard(source, births)) == sorted(meant(births))
    assert len(heard(source, device.emit(T0 + 3))) == 3
    assert source.outgoing() == []
    assert device.receive("spBv1.0/City/NCMD/other", ask.payload, T0 + 4) == []
    assert device.receive(ask.topic, b"", T0 + 4) == []


async def test_all_of_them_through_a_real_broker(mosquitto_url: str, tmp_path: Path) -> None:
    got: list[Reading] = []

    async def deliver(readings: Sequence[Reading]) -> None:
        got.extend(readings)

    stop = asyncio.Event()
    publishers = [
        asyncio.create_task(
            publishing.run(
                protocol,
                broker=mosquitto_url,
                name="",
                sensor=protocol,
                record=tmp_path / protocol,
                seed=seed,
                period_s=0.1,
                stop=stop,
            )
        )
        for seed, protocol in enumerate(publishing.PUBLISHERS)
    ]
    await until(lambda: all((tmp_path / protocol).exists() for protocol in publishing.PUBLISHERS))
    # Its birth has been, and nobody heard it.
    await until(lambda: bool(read(tmp_path / "sparkplug-b").readings))
    (link,) = build_links(configured(mosquitto_url), deliver, lambda: 0, Random(1))
    listening = asyncio.create_task(link.run())
    await until(lambda: all(counters.readings >= 12 for counters in link.counters()))
    stop.set()
    await asyncio.gather(*publishers)
    sent = {
        (one.sensor, one.quantity, one.at): round(one.value, 6)
        for protocol in publishing.PUBLISHERS
        for one in read(tmp_path / protocol).readings
    }
    await until(lambda: {reading.sensor for reading in got} == set(publishing.PUBLISHERS))
    listening.cancel()
    await asyncio.wait([listening])
    found = {reading.key: round(reading.value, 6) for reading in got}
    assert found.items() <= sent.items()
    assert [counters.bad for counters in link.counters()] == [0] * len(publishing.PUBLISHERS)


def test_an_unknown_publisher_is_one_clear_line() -> None:
    with pytest.raises(ValueError, match="no simulated publisher speaks 'x'; known: chirpstack-v4"):
        publishing.build("x", lambda q, at_s: 0.0, "", start_s=0.0, period_s=1.0)
