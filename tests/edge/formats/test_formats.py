"""What every format promises, whatever arrives: BadFrameError or finite measurements in known quantities."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.driver import BadFrameError, Verdict
from edge.formats import FORMATS
from edge.formats.contract import Arrival, Options
from edge.payloads import FieldSpec
from telemetry.quantities import QUANTITIES

OPTIONS = Options({"co2": FieldSpec("*.CO2 | [0]")}, {"x": "voltage"}, zone="Asia/Ho_Chi_Minh")
KEYS = [
    "deviceInfo", "devEui", "time", "fCnt", "fPort", "data", "object", "rxInfo", "rssi", "end_device_ids", "device_id",
    "uplink_message", "f_cnt", "frm_payload", "decoded_payload", "received_at", "batteryLevel", "online", "Time", "BME280",
    "Temperature", "ENERGY", "Total", "TempUnit", "StatusSNS", "temperature", "voltage", "battery", "power", "last_seen",
    "state", "method", "params", "result", "src", "ts", "switch:0", "apower", "aenergy", "total", "errors", "tC",
    "sensordatavalues", "value_type", "value", "esp8266id", "x", "CO2",
]  # fmt: skip
TEXTS = ["", "1", "nan", "1e999", "qg==", "C", "F", "online", "NotifyStatus", "P1", "2024-06-20T08:48:38Z",
         "0001-01-01T00:00:00", "9999-12-31T23:59:59", "a8404187d187106e", "esp8266-1"]  # fmt: skip
TOPICS = [
    "", "application/a/device/d/event/up", "application/a/device/d/event/status", "v3/a@t/devices/d/up", "tele/x/SENSOR",
    "tele/x/STATE", "zigbee2mqtt/a/availability", "p/events/rpc", "p/status/switch:0", "spBv1.0/G/NDATA/n",
    "spBv1.0/G/DBIRTH/n/d", "spBv1.0/G/NDEATH/n", "spBv1.0/STATE/h",
]  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(TEXTS)
    | st.text("aé€\0 ", max_size=3)
)
CONTENT = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), CONTENT, max_size=6)


def promise(name: str, payloads: list[bytes], topic: str) -> None:
    format_ = FORMATS[name](OPTIONS)
    for payload in payloads:
        try:
            understood = format_.understand(
                Arrival(payload, topic, 1_700_000_000_000, {"X-Sensor": "esp8266-1"})
            )
        except BadFrameError:
            continue
        assert understood.verdict is not Verdict.REJECT
        for dated in understood.dated:
            assert dated.quantity in QUANTITIES
            assert math.isfinite(dated.value)
            assert dated.time_ms is None or isinstance(dated.time_ms, int)
        json.dumps(understood.decoded)


@pytest.mark.parametrize("name", FORMATS)
@given(payloads=st.lists(st.binary(max_size=120), max_size=4), topic=st.sampled_from(TOPICS))
def test_arbitrary_bytes(name: str, payloads: list[bytes], topic: str) -> None:
    promise(name, payloads, topic)


@pytest.mark.parametrize("name", FORMATS)
@given(contents=st.lists(OBJECTS, max_size=4), topic=st.sampled_from(TOPICS))
def test_arbitrary_json(name: str, contents: list[dict[str, Any]], topic: str) -> None:
    promise(name, [json.dumps(content).encode() for content in contents], topic)
