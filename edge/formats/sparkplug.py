"""Sparkplug B 3.0 payloads: metrics by name or alias, their datatypes, birth tables. Pure; `sparkplug_nodes` keeps state.

    spBv1.0/GROUP/TYPE/NODE[/DEVICE]     TYPE: NBIRTH DBIRTH NDATA DDATA NDEATH DDEATH NCMD DCMD, protobuf
    spBv1.0/STATE/HOST                   JSON {"online": true, "timestamp": ms}

A data message names a metric by the alias, and leaves out the datatype, that its birth gave. Integers up to 32 bits travel
in `int_value`, 64 bits and dates in `long_value` (either is taken), negative ones as two's complement of the type's width or
of 32 bits: the value is cut to the type's width. (Eclipse Sparkplug 3.0.0, chapter 6; field numbers of its .proto file.)
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from edge.driver import BadFrameError
from edge.formats import protobuf
from edge.formats.sparkplug_arrays import ARRAYS, decode_array

MAX_PAYLOAD = 1024 * 1024  # a birth names every metric of a plant
NAMESPACE = "spBv1.0"
KINDS = ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH", "NCMD", "DCMD")
REBIRTH = "Node Control/Rebirth"
BDSEQ = "bdSeq"
INT64, UINT64, FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT, UUID = 4, 8, 9, 10, 11, 12, 13, 14, 15
_INTEGERS = {1: (8, True), 2: (16, True), 3: (32, True), INT64: (64, True), 5: (8, False), 6: (16, False), 7: (32, False),
             UINT64: (64, False), DATETIME: (64, False)}  # fmt: skip
_STRINGS = (STRING, TEXT, UUID)
_INT, _LONG, _FLOAT, _DOUBLE, _BOOLEAN, _STRING, _BYTES, _DATASET, _TEMPLATE, _EXTENSION = range(10, 20)
_BAD_QUALITY = (0, 500)  # bad, stale; 192 is good


class Topic(NamedTuple):
    """A topic taken apart; `device` "" for a message of the node itself."""

    group: str
    kind: str
    node: str
    device: str


class Metric(NamedTuple):
    """One metric as it came; `field` and `raw` are its value's protobuf field and content, 0 when there is none."""

    name: str | None
    alias: int | None
    timestamp: int | None
    datatype: int | None
    field: int
    raw: int | bytes
    is_null: bool
    is_good: bool


class Payload(NamedTuple):
    """One message's content; times in milliseconds since 1970."""

    timestamp: int | None
    seq: int | None
    metrics: tuple[Metric, ...]


class Known(NamedTuple):
    """What a birth says about a metric."""

    name: str
    datatype: int | None
    alias: int | None


Table = Mapping[int | str, Known]  # by alias and by name


def parse_topic(topic: str) -> Topic | None:
    """None when it is no topic of a node or device."""
    levels = topic.split("/")
    if len(levels) not in (4, 5) or levels[0] != NAMESPACE or levels[2] not in KINDS or not all(levels):
        return None
    return Topic(levels[1], levels[2], levels[3], levels[4] if len(levels) == 5 else "")


def decode(data: bytes) -> Payload:
    """A payload; raises BadFrameError."""
    if not 0 < len(data) <= MAX_PAYLOAD:
        raise BadFrameError(f"a payload of {len(data)} bytes")
    timestamp, seq, metrics = None, None, []
    for number, value in protobuf.fields(data):
        match number:
            case 1:
                timestamp = protobuf.integer(value)
            case 2:
                metrics.append(_metric(protobuf.octets(value)))
            case 3:
                seq = protobuf.integer(value)
    if timestamp is None and seq is None and not metrics:
        raise BadFrameError("no Sparkplug payload: neither time nor sequence nor metric")
    return Payload(timestamp, seq, tuple(metrics))


def _metric(data: bytes) -> Metric:
    name, alias, timestamp, datatype, field, is_null, is_good = None, None, None, None, 0, False, True
    raw: int | bytes = 0
    for number, value in protobuf.fields(data):
        match number:
            case 1:
                name = protobuf.string(value)
            case 2:
                alias = protobuf.integer(value)
            case 3:
                timestamp = protobuf.integer(value)
            case 4:
                datatype = protobuf.integer(value)
            case 7:
                is_null = bool(protobuf.integer(value))
            case 9:
                is_good = _quality(protobuf.octets(value)) not in _BAD_QUALITY
            case _ if _INT <= number <= _EXTENSION:
                field, raw = number, value
    if name is None and alias is None:
        raise BadFrameError("a metric has neither name nor alias")
    return Metric(name, alias, timestamp, datatype, field, raw, is_null, is_good)


def _quality(properties: bytes) -> int | None:
    """The property `Quality` of a PropertySet (1 keys, 2 values; a value: 3 int, 4 long)."""
    keys, values = [], []
    for number, value in protobuf.fields(properties):
        if number == 1:
            keys.append(protobuf.string(value))
        elif number == 2:
            values.append(protobuf.octets(value))
    for key, content in zip(keys, values, strict=False):
        if key == "Quality":
            return next((protobuf.integer(v) for n, v in protobuf.fields(content) if n in (3, 4)), None)
    return None


def table(metrics: Iterable[Metric]) -> dict[int | str, Known]:
    """What a birth's metrics say, by alias and by name."""
    found: dict[int | str, Known] = {}
    for metric in metrics:
        if metric.name is not None:
            known = Known(metric.name, metric.datatype, metric.alias)
            found[metric.name] = known
            if metric.alias is not None:
                found[metric.alias] = known
    return found


def resolve(metric: Metric, births: Table) -> Known | None:
    """What the metric is: by its birth, by itself, or None when neither tells."""
    if metric.name is None:
        return None if metric.alias is None else births.get(metric.alias)
    known = births.get(metric.name)
    if known is None:
        signed_or_not = metric.datatype is None and metric.field in (_INT, _LONG)
        return None if signed_or_not else Known(metric.name, metric.datatype, metric.alias)
    return known if metric.datatype is None else known._replace(datatype=metric.datatype)


def value(metric: Metric, datatype: int | None) -> Any:
    """The value as int, float, bool, text, list or (for bytes, data sets and templates) hexadecimal text.

    None when there is none or when a real number is not finite. Raises BadFrameError when it does not fit its datatype.
    """
    field, raw = metric.field, metric.raw
    if metric.is_null or field in (0, _EXTENSION):
        return None
    if datatype in _INTEGERS and field in (_INT, _LONG):
        return _cut(protobuf.integer(raw), *_INTEGERS[datatype])
    if datatype in (FLOAT, DOUBLE, 0, None) and field in (_FLOAT, _DOUBLE):
        found = protobuf.real(raw, 4 if field == _FLOAT else 8)
        return found if math.isfinite(found) else None
    if datatype in (BOOLEAN, 0, None) and field == _BOOLEAN:
        return bool(protobuf.integer(raw))
    if datatype in (*_STRINGS, 0, None) and field == _STRING:
        return protobuf.string(raw)
    if datatype in ARRAYS and field == _BYTES:
        return decode_array(protobuf.octets(raw), datatype)
    if datatype in (0, None) and field in (_INT, _LONG):
        return protobuf.integer(raw)
    if field in (_BYTES, _DATASET, _TEMPLATE) and datatype not in _INTEGERS:
        return protobuf.octets(raw).hex()
    raise BadFrameError(f"field {field} does not hold a value of datatype {datatype}")


def _cut(raw: int, bits: int, signed: bool) -> int:
    cut = raw & (1 << bits) - 1
    return cut - (1 << bits) if signed and cut >> (bits - 1) else cut


def rebirth_command(now_ms: int) -> bytes:
    """The payload of an NCMD that asks a node to send its births again."""
    metric = (
        protobuf.encode_bytes(1, REBIRTH.encode())
        + protobuf.encode_varint(3, now_ms)
        + protobuf.encode_varint(4, BOOLEAN)
        + protobuf.encode_varint(14, 1)
    )
    return protobuf.encode_varint(1, now_ms) + protobuf.encode_bytes(2, metric)
