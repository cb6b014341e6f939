"""Sparkplug B payloads: datatypes, widths, aliases, arrays, qualities."""

import json
import struct
from pathlib import Path

import pytest

from edge.driver import BadFrameError
from edge.formats import protobuf, sparkplug
from edge.formats.sparkplug import Metric, decode, parse_topic, rebirth_command, resolve, table, value
from edge.formats.sparkplug_arrays import decode_array

VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))
}


def metric(datatype: int | None, field: int, raw: int | bytes, **more: object) -> Metric:
    given = {"name": "m", "alias": None, "timestamp": None, "is_null": False, "is_good": True} | more
    return Metric(datatype=datatype, field=field, raw=raw, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("datatype", "field", "raw", "expected"),
    [
        (1, 10, 0xFF, -1),
        (1, 10, 0xFFFFFFFF, -1),  # 32-bit sign extension
        (2, 10, 65483, -53),
        (3, 10, 0xFFFFFFFF, -1),
        (3, 11, 2**64 - 2, -2),
        (4, 11, 2**64 - 1, -1),
        (4, 10, 7, 7),
        (5, 10, 0x1FF, 0xFF),
        (6, 10, 65535, 65535),
        (7, 10, 2**32 - 1, 2**32 - 1),
        (7, 11, 2**32 - 1, 2**32 - 1),  # UInt32 in long_value
        (8, 11, 2**63 + 5, 2**63 + 5),
        (9, 12, struct.pack("<f", 12.5), 12.5),
        (10, 13, struct.pack("<d", 8.2), 8.2),
        (None, 12, struct.pack("<f", 1.5), 1.5),
        (9, 12, struct.pack("<f", float("nan")), None),
        (11, 14, 1, True),
        (12, 15, b"58D9", "58D9"),
        (14, 15, b"", ""),
        (13, 11, 1_700_000_000_000, 1_700_000_000_000),
        (17, 16, b"\x01\xff", "01ff"),
        (16, 17, b"\x08\x01", "0801"),
        (22, 16, b"\xef\xe9", [-17, -23]),
        (None, 10, 5, 5),
        (None, 0, 0, None),
    ],
)
def test_values(datatype: int | None, field: int, raw: int | bytes, expected: object) -> None:
    found = value(metric(datatype, field, raw), datatype)
    assert found == expected
    assert type(found) is type(expected)


def test_null_is_no_value() -> None:
    assert value(metric(9, 12, struct.pack("<f", 1.0), is_null=True), 9) is None


@pytest.mark.parametrize(
    ("datatype", "field", "raw"),
    [
        (3, 12, b"\0\0\0\0"),
        (9, 10, 1),
        (12, 10, 1),
        (3, 15, b"3"),
        (11, 15, b"true"),
        (9, 12, 5),
        (24, 16, b"123"),
    ],
)
def test_a_value_that_does_not_fit_its_datatype_is_refused(
    datatype: int, field: int, raw: int | bytes
) -> None:
    with pytest.raises(BadFrameError):
        value(metric(datatype, field, raw), datatype)


@pytest.mark.parametrize(
    ("hexadecimal", "datatype", "expected"),
    [
        ("d08a3075", 23, [-30000, 30000]),
        ("0ad7133f", 30, [pytest.approx(0.5775)]),
        ("00c7a6e5e3af4201", 34, [0x0142AFE3E5A6C700]),
        ("0c00000034d0", 32, [bool(int(bit)) for bit in "001101001101"]),
        ("00000000", 32, []),
        ("4142430068690000", 33, ["ABC", "hi", ""]),
        ("", 33, []),
        ("", 24, []),
    ],
)
def test_arrays(hexadecimal: str, datatype: int, expected: object) -> None:
    assert decode_array(bytes.fromhex(hexadecimal), datatype) == expected


@pytest.mark.parametrize(
    ("hexadecimal", "datatype"),
    [
        ("010203", 24),
        ("0c000000", 32),
        ("0c0000", 32),
        ("0100000080ff", 32),
        ("ffffffff", 32),
        ("4142", 33),
        ("ff00", 33),
    ],
)
def test_arrays_that_are_refused(hexadecimal: str, datatype: int) -> None:
    with pytest.raises(BadFrameError):
        decode_array(bytes.fromhex(hexadecimal), datatype)


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("spBv1.0/City/NBIRTH/edge1", ("City", "NBIRTH", "edge1", "")),
        ("spBv1.0/City/DDATA/edge1/pm", ("City", "DDATA", "edge1", "pm")),
        ("spBv1.0/STATE/host1", None),
        ("spBv1.0/City/XDATA/edge1", None),
        ("spAv1.0/City/NBIRTH/edge1", None),
        ("spBv1.0/City/NBIRTH/edge1/a/b", None),
        ("spBv1.0//NBIRTH/edge1", None),
    ],
)
def test_topics(topic: str, expected: object) -> None:
    assert parse_topic(topic) == expected


def test_an_alias_and_a_datatype_come_from_the_birth() -> None:
    births = table(decode(bytes.fromhex(VECTORS["sp-m1"]["hex"])).metrics)
    pm25, temperature = decode(bytes.fromhex(VECTORS["sp-m2"]["hex"])).metrics
    known = resolve(temperature, births)
    assert known is not None
    assert (known.name, value(temperature, known.datatype)) == ("Site/temp", -54)
    assert resolve(pm25, {}) is None
    assert resolve(metric(None, 10, 5), {}) is None  # signed or not?
    assert resolve(metric(2, 10, 5), {}) is not None
    assert resolve(metric(None, 12, b"\0\0\0\0"), {}) is not None
    own = resolve(metric(1, 10, 5, name="Site/temp"), births)
    assert own is not None
    assert own.datatype == 1


@pytest.mark.parametrize(("quality", "good"), [(0, False), (192, True), (500, False)])
def test_quality(quality: int, good: bool) -> None:
    properties = protobuf.encode_bytes(1, b"engUnit") + protobuf.encode_bytes(
        2, protobuf.encode_bytes(8, b"Pa")
    )
    properties += protobuf.encode_bytes(1, b"Quality")
    properties += protobuf.encode_bytes(2, protobuf.encode_varint(1, 3) + protobuf.encode_varint(3, quality))
    content = protobuf.encode_bytes(1, b"m") + protobuf.encode_bytes(9, properties)
    (found,) = decode(protobuf.encode_bytes(2, content)).metrics
    assert found.is_good is good


@pytest.mark.parametrize(
    "payload", [b"", b"\x12\x02\x18\x01", b"\xff", b"\x2a\x01x", bytes(sparkplug.MAX_PAYLOAD + 1)]
)
def test_payloads_that_are_refused(payload: bytes) -> None:
    with pytest.raises(BadFrameError):
        decode(payload)


def test_the_command_that_asks_for_births() -> None:
    payload = decode(rebirth_command(1_700_000_000_000))
    assert (payload.timestamp, payload.seq) == (1_700_000_000_000, None)
    (command,) = payload.metrics
    assert (command.name, command.datatype, value(command, command.datatype)) == (
        "Node Control/Rebirth",
        11,
        True,
    )
