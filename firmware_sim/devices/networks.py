"""Devices that publish in the JSON of others: ChirpStack v4, Tasmota, Zigbee2MQTT, Shelly Gen2. Pure.

Each is told the time and what it measures, and gives the messages it would publish, with the readings they carry.
"""

import json
import struct
from base64 import b64encode
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from firmware_sim.device import Measure
from telemetry.times import CITY_ZONE


class Publication(NamedTuple):
    """One message, the readings it carries in canonical units, and the time that it or its network gives them."""

    topic: str
    data: bytes
    readings: tuple[tuple[str, float], ...] = ()
    at_ms: int = 0


class PublishingDevice(Protocol):
    """One device on a broker. `listens` are the topics it subscribes to; `due_s` is when it next has something to say."""

    due_s: float
    listens: tuple[str, ...]

    def connected(self, now_s: float) -> list[Publication]:
        """What it says first on a new connection."""
        ...

    def emit(self, now_s: float) -> list[Publication]:
        """What is due."""
        ...

    def receive(self, topic: str, data: bytes, now_s: float) -> list[Publication]:
        """What it answers."""
        ...

    def closing(self, now_s: float) -> list[Publication]:
        """What it says last."""
        ...


class JsonDevice:
    """Says one message every `period_s` seconds and listens to nobody."""

    listens: tuple[str, ...] = ()

    def __init__(self, measure: Measure, name: str, *, start_s: float, period_s: float) -> None:
        self._measure, self._name, self._period = measure, name, period_s
        self.due_s = start_s

    def connected(self, now_s: float) -> list[Publication]:
        """Nothing."""
        return []

    def emit(self, now_s: float) -> list[Publication]:
        """The message that is due."""
        self.due_s = max(self.due_s + self._period, now_s)
        return [self._message(round(now_s * 1000))]

    def receive(self, topic: str, data: bytes, now_s: float) -> list[Publication]:
        """Nothing."""
        return []

    def closing(self, now_s: float) -> list[Publication]:
        """Nothing."""
        return []

    def _message(self, at_ms: int) -> Publication:
        raise NotImplementedError

    def _rounded(self, decimals: dict[str, int], at_ms: int) -> dict[str, float]:
        return {q: round(self._measure(q, at_ms / 1000), digits) for q, digits in decimals.items()}


class LorawanNode(JsonDevice):
    """A particle node behind ChirpStack v4; its frame counter starts at 0 with each life. `name` is its DevEUI."""

    application = "17c82e96-be03-4f38-aef3-f83d48582d97"
    _counter = -1

    def _message(self, at_ms: int) -> Publication:
        self._counter += 1
        values = self._rounded({"pm25": 1, "pm10": 1, "temperature": 2}, at_ms)
        tenths = [round(values["pm25"] * 10), round(values["pm10"] * 10), round(values["temperature"] * 100)]
        event = {
            "deduplicationId": f"{self._name}-{at_ms}",
            "time": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="microseconds"),
            "deviceInfo": {
                "applicationId": self.application,
                "deviceName": "pm",
                "devEui": self._name,
                "tags": {},
            },
            "devAddr": "01d3257c",
            "adr": True,
            "dr": 5,
            "fCnt": self._counter,
            "fPort": 2,
            "data": b64encode(struct.pack(">HHh", *tenths)).decode(),
            "object": {
                "pm": {"p2": values["pm25"], "p10": values["pm10"]},
                "temp": str(values["temperature"]),
            },
            "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -70, "snr": 8.5}],
        }
        topic = f"application/{self.application}/device/{self._name}/event/up"
        return Publication(topic, _json(event), tuple(values.items()), at_ms)


class TasmotaPlug(JsonDevice):
    """A Tasmota plug with a climate sensor; its time has seconds, is local and does not say so."""

    def _message(self, at_ms: int) -> Publication:
        at_ms -= at_ms % 1000
        decimals = {"temperature": 1, "humidity": 1, "power": 0, "voltage": 0, "current": 3, "energy": 3}
        values = self._rounded(decimals, at_ms)
        state = {
            "Time": datetime.fromtimestamp(at_ms / 1000, CITY_ZONE).replace(tzinfo=None).isoformat(),
            "AM2301": {
                "Temperature": values["temperature"],
                "Humidity": values["humidity"],
                "DewPoint": None,
            },
            "ENERGY": {
                "Total": values["energy"],
                "Power": values["power"],
                "Voltage": values["voltage"],
                "Current": values["current"],
            },
            "TempUnit": "C",
        }
        return Publication(f"tele/{self._name}/SENSOR", _json(state), tuple(values.items()), at_ms)


class ZigbeeSensor(JsonDevice):
    """A battery climate sensor behind Zigbee2MQTT with last_seen enabled."""

    def _message(self, at_ms: int) -> Publication:
        values = self._rounded({"temperature": 2, "humidity": 2, "pressure": 1}, at_ms)
        seen = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        state = {**values, "battery": 91, "voltage": 2985, "linkquality": 87, "last_seen": seen}
        readings = (*values.items(), ("battery", 91.0))
        return Publication(f"zigbee2mqtt/{self._name}", _json(state), readings, at_ms)


class ShellySwitch(JsonDevice):
    """A Shelly switch with a meter: a notification of what has changed."""

    def _message(self, at_ms: int) -> Publication:
        values = self._rounded({"power": 1, "voltage": 1, "current": 3, "energy": 6}, at_ms)
        switch = {
            "id": 0,
            "apower": values["power"],
            "voltage": values["voltage"],
            "current": values["current"],
            "aenergy": {"total": round(values["energy"] * 1000, 3), "minute_ts": at_ms // 60_000 * 60},
        }
        notification = {
            "src": self._name,
            "dst": f"{self._name}/events",
            "method": "NotifyStatus",
            "params": {"ts": at_ms / 1000, "switch:0": switch},
        }
        return Publication(f"{self._name}/events/rpc", _json(notification), tuple(values.items()), at_ms)


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
