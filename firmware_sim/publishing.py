"""One simulated publisher on a broker, as `halong sim publisher` runs it, with a record of what the broker has taken."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from firmware_sim.device import Measure
from firmware_sim.devices.networks import (
    LorawanNode,
    Publication,
    PublishingDevice,
    ShellySwitch,
    TasmotaPlug,
    ZigbeeSensor,
)
from firmware_sim.devices.plain import JsonBoard, SenmlCbor, SenmlJson, TtsNode
from firmware_sim.devices.sparkplug_node import SparkplugNode
from firmware_sim.model import Model
from firmware_sim.truth import Emitted, Recorder
from runtime.mqtt import BrokerUrl, Connection, LinkLostError, keep_connected

GOOD_BYE_S = 2.0
KIND = "centre"
Build = Callable[..., PublishingDevice]
PUBLISHERS: dict[str, tuple[Build, str]] = {  # what it is, and its name unless another is given
    "chirpstack-v4": (LorawanNode, "a8404187d187106e"),
    "tts-v3": (TtsNode, "pm-node-7"),
    "sparkplug-b": (SparkplugNode, "City/edge1"),
    "tasmota": (TasmotaPlug, "street-12"),
    "zigbee2mqtt": (ZigbeeSensor, "weather sensor"),
    "shelly-gen2": (ShellySwitch, "shellyplus1pm-7c87ce65bd9c"),
    "json": (JsonBoard, "board-1"),
    "senml-json": (SenmlJson, "weather-1"),
    "senml-cbor": (SenmlCbor, "weather-2"),
}


def build(protocol: str, measure: Measure, name: str, *, start_s: float, period_s: float) -> PublishingDevice:
    """A device that publishes as `protocol` says; raises ValueError."""
    if protocol not in PUBLISHERS:
        raise ValueError(f"no simulated publisher speaks {protocol!r}; known: {', '.join(PUBLISHERS)}")
    kind, usual = PUBLISHERS[protocol]
    return kind(measure, name or usual, start_s=start_s, period_s=period_s)


async def run(
    protocol: str,
    *,
    broker: str,
    name: str,
    sensor: str,
    record: Path | None,
    seed: int,
    period_s: float,
    stop: asyncio.Event,
) -> None:
    """One publisher until `stop`; `name` "" is the usual one. Raises ValueError for an unknown protocol or a bad broker."""
    model, recorder = Model(seed), Recorder(record)

    def measure(quantity: str, at_s: float) -> float:
        return model.value(sensor, KIND, quantity, at_s)

    device = build(protocol, measure, name, start_s=time.time(), period_s=period_s)
    session = _Session(device, sensor, recorder, stop)
    url, rng = BrokerUrl.of_command(broker, os.environ), Random(seed)
    name = f"publisher-{rng.getrandbits(32):08x}"
    try:
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(
                keep_connected(url, name, session.run, subscriptions=device.listens, rng=rng), name=name
            )
            await stop.wait()
            await asyncio.wait([publishing], timeout=GOOD_BYE_S)
            publishing.cancel()
    finally:
        recorder.close()


class _Session:
    """What one device says on its connections until `stop`; only what a broker has acknowledged is recorded."""

    def __init__(
        self, device: PublishingDevice, sensor: str, recorder: Recorder, stop: asyncio.Event
    ) -> None:
        self._device, self._sensor, self._recorder, self._stop = device, sensor, recorder, stop

    async def run(self, connection: Connection) -> None:
        await self._say(connection, self._device.connected(time.time()))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._speak(connection)), group.create_task(self._listen(connection))]
            await self._stop.wait()
            for task in tasks:
                task.cancel()
        await self._say(connection, self._device.closing(time.time()))

    async def _speak(self, connection: Connection) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._device.due_s - time.time()))
            await self._say(connection, self._device.emit(time.time()))

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.messages():
            await self._say(connection, self._device.receive(message.topic, message.payload, time.time()))
        raise LinkLostError("the stream of messages ended")

    async def _say(self, connection: Connection, publications: Sequence[Publication]) -> None:
        for one in publications:
            await connection.publish(one.topic, one.data)
            self._recorder.write(
                *(Emitted(self._sensor, quantity, value, one.at_ms) for quantity, value in one.readings)
            )
