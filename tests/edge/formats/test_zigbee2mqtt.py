"""Zigbee2MQTT: batteries and mains, cached and absent values, and topics that are not data."""

import json
from typing import Any

import pytest

from edge.driver import BadFrameError, Verdict
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.zigbee2mqtt import Zigbee2Mqtt
from edge.payloads import Dated


def heard(content: Any, topic: str = "zigbee2mqtt/x", **options: Any) -> Understood:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Zigbee2Mqtt(Options(**options)).understand(Arrival(payload, topic))


def values(content: Any, **options: Any) -> dict[str, float]:
    return {dated.quantity: dated.value for dated in heard(content, **options).dated}


def test_a_battery_and_a_mains_device() -> None:
    sensor = {
        "battery": 91,
        "voltage": 2985,
        "temperature": 23.5,
        "humidity": 46.08,
        "pressure": 915.5,
        "occupancy": True,
    }
    assert values(sensor) == {"battery": 91, "temperature": 23.5, "humidity": 46.08, "pressure": 915.5}
    plug = {"power": 12.5, "current": 0.05, "voltage": 231, "energy": 3.2, "state": "ON"}
    assert values(plug) == {"power": 12.5, "current": 0.05, "voltage": 231, "energy": 3.2}
    assert heard(plug).decoded["voltage_v"] == 231
    assert values({"voltage": 229}) == {"voltage": 229}
    assert heard({"voltage": 3100}).decoded == {"battery_v": 3.1}


def test_names_can_want_a_batterys_voltage() -> None:
    assert values({"voltage": 2985, "battery": 91}, names={"voltage": "voltage"}) == {
        "battery": 91,
        "voltage": 2.985,
    }


def test_lux_comes_before_a_raw_number() -> None:
    assert values({"illuminance": 12000, "illuminance_lux": 16}) == {"illuminance": 16}
    assert values({"illuminance": 16}) == {"illuminance": 16}


def test_what_was_never_reported_is_absent() -> None:
    understood = heard({"temperature": None, "voltage": None, "battery": None, "linkquality": 10})
    assert (understood.verdict, understood.dated) == (Verdict.ACCEPT, ())
    assert understood.decoded == {
        "temperature": None,
        "battery_v": None,
        "battery_pct": None,
        "linkquality": 10,
    }


@pytest.mark.parametrize(
    ("last_seen", "time_ms"),
    [
        ("2023-11-14T22:13:20.250Z", 1_700_000_000_250),
        ("2023-11-15T05:13:20+07:00", 1_700_000_000_000),
        (1_700_000_000_250, 1_700_000_000_250),
        (None, None),
    ],
)
def test_last_seen_dates_the_values(last_seen: Any, time_ms: int | None) -> None:
    assert heard({"co2": 400, "last_seen": last_seen}).dated == (Dated("co2", 400.0, time_ms),)


@pytest.mark.parametrize(
    "topic",
    ["zigbee2mqtt/bridge/state", "zigbee2mqtt/bridge/devices", "zigbee2mqtt/x/set", "zigbee2mqtt/a/b/get"],
)
def test_topics_that_are_not_data(topic: str) -> None:
    assert heard(b"[", topic).verdict is Verdict.IGNORE


@pytest.mark.parametrize(
    ("payload", "topic", "available"),
    [
        (b'{"state":"offline"}', "zigbee2mqtt/a/b/availability", False),
        (b"online", "zigbee2mqtt/x/availability", True),
        (b'{"state":"online"}', "", True),
    ],
)
def test_availability(payload: bytes, topic: str, available: bool) -> None:
    assert heard(payload, topic).decoded == {"available": available}


@pytest.mark.parametrize(
    ("content", "topic"),
    [
        (b"", ""),
        (b"[]", ""),
        ({"temperature": "warm"}, ""),
        ({"voltage": [1], "battery": 5}, ""),
        ({"temperature": 1, "last_seen": "now"}, ""),
        ({"state": "on"}, "zigbee2mqtt/x/availability"),
    ],
)
def test_what_is_refused(content: Any, topic: str) -> None:
    with pytest.raises(BadFrameError):
        heard(content, topic)
