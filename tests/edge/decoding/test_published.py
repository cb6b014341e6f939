"""`halong decode` for what is published: what `meta` can say, and what it cannot."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decode import decode
from edge.decoding.published import PUBLISHED
from edge.driver import Verdict
from edge.formats.protobuf import encode_bytes, encode_varint

UPLINK = b'{"deviceInfo":{"devEui":"a8"},"time":"2024-06-20T08:48:38.863Z","object":{"t":68,"co2":400}}'
PUSH = b'{"sensordatavalues":[{"value_type":"P2","value":"8.1"}]}'


def readings(protocol: str, data: bytes, meta: dict[str, Any]) -> list[tuple[str, float]]:
    return [(one["quantity"], round(one["value"], 6)) for one in decode(protocol, data, meta).readings]


def test_without_fields_a_key_that_is_called_like_a_quantity_is_one() -> None:
    report = decode("chirpstack-v4", UPLINK, {})
    assert report.readings == [{"quantity": "co2", "value": 400.0, "unit": "ppm", "time_ms": 1718873318863}]


@pytest.mark.parametrize("field", ["t", {"path": "t"}, {"path": "t", "unit": ""}])
def test_fields_can_be_given(field: Any) -> None:
    assert readings("chirpstack-v4", UPLINK, {"fields": {"temperature": field}}) == [("temperature", 68.0)]


def test_units_names_zone_and_headers_can_be_given() -> None:
    fields = {"temperature": {"path": "t", "unit": "degF"}}
    assert readings("chirpstack-v4", UPLINK, {"fields": fields}) == [("temperature", 20.0)]
    headers = {"X-Sensor": "esp8266-1", "X-Pin": 1}
    assert readings("sensor-community", PUSH, {"headers": headers, "names": {"P2": "pm10"}}) == [
        ("pm10", 8.1)
    ]
    report = decode(
        "tasmota", b'{"Time":"2026-03-07T12:54:34","A":{"Humidity":50}}', {"zone": "Asia/Ho_Chi_Minh"}
    )
    assert report.readings[0]["time_ms"] == 1_772_862_874_000


def metric(name: str, alias: int, value: float) -> bytes:
    """A Float metric as a payload holds it; without a name as data messages do."""
    content = encode_bytes(1, name.encode()) + encode_varint(4, 9) if name else b""
    return encode_bytes(2, content + encode_varint(2, alias) + b"\x65" + struct.pack("<f", value))


def test_an_alias_without_its_birth_is_nothing_to_publish() -> None:
    report = decode("sparkplug-b", metric("", 1, 13.25), {"topic": "spBv1.0/City/NDATA/edge1"})
    assert (report.verdict, report.readings) == (Verdict.IGNORE, [])
    assert report.decoded["metrics"] == [{"name": None, "datatype": None, "value": 13.25, "alias": 1}]


def test_several_births_can_be_given() -> None:
    births = [metric("Site/pm25", 1, 0.0).hex(), metric("co2", 2, 0.0).hex()]
    data = metric("", 1, 13.25) + metric("", 2, 400.0)
    assert readings("sparkplug-b", data, {"birth": births}) == [("pm25", 13.25), ("co2", 400.0)]


@pytest.mark.parametrize(
    ("protocol", "meta", "complaint"),
    [
        ("sparkplug-b", {"birth": "sp-m1"}, "meta birth must be"),
        ("sparkplug-b", {"birth": 5}, "meta: "),
        ("sparkplug-b-array", {}, "meta datatype must be"),
        ("sparkplug-b-array", {"datatype": 9}, "meta datatype must be"),
        ("chirpstack-v4", {"fields": {"smell": "x"}}, "unknown quantity 'smell'"),
        ("chirpstack-v4", {"fields": {"co2": "a["}}, "not a JMESPath"),
        ("chirpstack-v4", {"fields": []}, "meta: "),
        ("tasmota", {"names": {"a": ["b"]}}, "meta: "),
        ("tasmota", {"zone": "Asia/Halong"}, "unknown time zone"),
        ("sensor-community", {"headers": "X-Pin: 1"}, "meta: "),
    ],
)
def test_a_meta_that_cannot_be_used_is_one_line(protocol: str, meta: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        decode(protocol, metric("co2", 1, 400.0) if "sparkplug" in protocol else b"{}", meta)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", PUBLISHED)
@given(
    data=st.binary(max_size=60),
    topic=st.sampled_from(["", "spBv1.0/G/NBIRTH/n", "spBv1.0/STATE/h", "x/status/em:0"]),
)
def test_arbitrary_bytes_are_a_report(protocol: str, data: bytes, topic: str) -> None:
    report = decode(protocol, data, {"topic": topic, "datatype": 33})
    assert (report.verdict is Verdict.REJECT) is (
        report.decoded is None and report.reason != "not a device's state"
    )
    json.dumps(report.decoded)
