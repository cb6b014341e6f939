"""Sparkplug B from message to message: births, gaps, deaths, and when a rebirth is asked for."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.driver import BadFrameError, Verdict
from edge.formats import sparkplug
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.protobuf import encode_bytes, encode_varint
from edge.formats.sparkplug_nodes import MAX_DEVICES, MAX_NODES, Sparkplug
from edge.payloads import Dated, FieldSpec
from telemetry.reading import Flag

NOW = 1_700_000_100_000
AT = 1_700_000_000_000
FLOAT, INT16 = 9, 2


def metric(
    name: str = "", alias: int | None = None, datatype: int = 0, number: float | None = None, at: int = AT
) -> bytes:
    """A metric; a number with a fraction (or datatype FLOAT) travels as float, others as int."""
    content = encode_bytes(1, name.encode()) if name else b""
    content += encode_varint(2, alias) if alias is not None else b""
    content += encode_varint(3, at)
    content += encode_varint(4, datatype) if datatype else b""
    if isinstance(number, float):
        content += bytes([12 << 3 | 5]) + struct.pack("<f", number)
    elif number is not None:
        content += encode_varint(10, number)
    return encode_bytes(2, content)


def payload(*metrics: bytes, seq: int | None = 0) -> bytes:
    return encode_varint(1, AT) + b"".join(metrics) + (encode_varint(3, seq) if seq is not None else b"")


PM25 = metric("Site/pm25", 1, FLOAT, 12.5)
TEMP = metric("Site/temp", 2, INT16, 0x10000 - 53)
BDSEQ = encode_bytes(2, encode_bytes(1, b"bdSeq") + encode_varint(4, 8) + encode_varint(11, 7))
BIRTH = payload(BDSEQ, PM25, TEMP)
DEATH = payload(BDSEQ, seq=None)


class Host:
    """A format that hears messages of one group."""

    def __init__(self, **options: Any) -> None:
        self.format = Sparkplug(Options(**({"names": {"Site/temp": "temperature"}} | options)))

    def hears(self, kind: str, content: bytes, place: str = "edge1") -> Understood:
        return self.format.understand(Arrival(content, f"spBv1.0/City/{kind}/{place}", NOW))

    def asks(self, kind: str, content: bytes, place: str = "edge1") -> bool:
        return bool(self.hears(kind, content, place).asks)


def test_births_and_data_by_alias() -> None:
    host = Host()
    assert host.hears("NBIRTH", BIRTH).dated == (Dated("pm25", 12.5, AT), Dated("temperature", -53.0, AT))
    data = payload(metric(alias=1, number=13.25, at=AT + 5), metric(alias=2, number=0x10000 - 54), seq=1)
    understood = host.hears("NDATA", data)
    assert understood.dated == (Dated("pm25", 13.25, AT + 5), Dated("temperature", -54.0, AT))
    assert understood.asks == ()
    assert [shown["name"] for shown in understood.decoded["metrics"]] == ["Site/pm25", "Site/temp"]


def test_several_values_of_a_metric_in_one_message() -> None:
    host = Host()
    host.hears("NBIRTH", BIRTH)
    data = payload(*(metric(alias=1, number=float(n), at=AT + n) for n in (1, 2, 3)), seq=1)
    assert host.hears("NDATA", data).dated == tuple(Dated("pm25", float(n), AT + n) for n in (1, 2, 3))


def test_a_gap_asks_until_the_birth_comes_and_loses_no_value() -> None:
    host = Host()
    host.hears("NBIRTH", BIRTH)
    assert not host.asks("NDATA", payload(seq=1))
    after_gap = host.hears("NDATA", payload(metric(alias=1, number=1.5), seq=3))
    assert after_gap.dated == (Dated("pm25", 1.5, AT),)
    (ask,) = after_gap.asks
    assert ask.topic == "spBv1.0/City/NCMD/edge1"
    assert sparkplug.decode(ask.payload).metrics[0].name == "Node Control/Rebirth"
    assert host.asks("NDATA", payload(seq=4))
    assert not host.asks("NBIRTH", BIRTH)
    assert not host.asks("NDATA", payload(seq=1))


def test_the_sequence_wraps_and_counts_devices() -> None:
    host = Host()
    host.hears("NBIRTH", payload(PM25, seq=254))
    assert not host.asks("DBIRTH", payload(metric("co2", 9, FLOAT, 400.0), seq=255), "edge1/gas")
    assert not host.asks("DDATA", payload(metric(alias=9, number=401.0), seq=0), "edge1/gas")
    assert not host.asks("NDATA", payload(metric(alias=1, number=1.5), seq=1))
    assert not host.asks("DDEATH", payload(seq=2), "edge1/gas")
    assert host.asks("DDATA", payload(metric(alias=9, number=402.0), seq=3), "edge1/gas")


def test_a_message_that_comes_twice_is_no_gap() -> None:
    host = Host()
    data = payload(metric(alias=1, number=1.5), seq=1)
    for kind, content in (("NBIRTH", BIRTH), ("NBIRTH", BIRTH), ("NDATA", data), ("NDATA", data)):
        assert not host.asks(kind, content)


def test_data_before_birth_is_ignored_and_asked_for() -> None:
    host = Host()
    understood = host.hears("NDATA", payload(metric(alias=1, number=1.5), seq=9))
    assert (understood.verdict, understood.dated, len(understood.asks)) == (Verdict.IGNORE, (), 1)
    host = Host()
    assert host.asks("DBIRTH", payload(metric("co2", 9, FLOAT, 400.0), seq=5), "edge1/gas")


def test_an_unknown_alias_is_asked_for() -> None:
    host = Host()
    host.hears("NBIRTH", BIRTH)
    assert host.asks("NDATA", payload(metric(alias=77, number=1.5), seq=1))


def test_only_the_death_of_the_last_birth_counts() -> None:
    host = Host()
    host.hears("NBIRTH", BIRTH)
    other = payload(
        encode_bytes(2, encode_bytes(1, b"bdSeq") + encode_varint(4, 8) + encode_varint(11, 6)), seq=None
    )
    host.hears("NDEATH", other)
    assert not host.asks("NDATA", payload(metric(alias=1, number=1.5), seq=1))
    host.hears("NDEATH", DEATH)
    assert host.asks("NDATA", payload(metric(alias=1, number=1.5), seq=2))


def test_a_value_of_another_type_is_refused_and_asked_for() -> None:
    host = Host()
    host.hears("NBIRTH", BIRTH)
    with pytest.raises(BadFrameError):
        host.hears("NDATA", payload(metric(alias=2, number=1.5), seq=1))
    assert host.asks("NDATA", payload(seq=2))


def test_bad_quality_is_flagged() -> None:
    quality = encode_bytes(1, b"Quality") + encode_bytes(2, encode_varint(3, 0))
    content = (
        encode_bytes(1, b"pm25") + encode_varint(4, FLOAT) + bytes([12 << 3 | 5]) + struct.pack("<f", 2.0)
    )
    understood = Host().hears("NBIRTH", payload(encode_bytes(2, content + encode_bytes(9, quality))))
    assert understood.verdict is Verdict.FLAG
    assert understood.dated == (Dated("pm25", 2.0, AT, int(Flag.DEVICE)),)


def test_names_units_and_the_device_that_is_meant() -> None:
    fields = {"pressure": FieldSpec("Baro", "Pa")}
    host = Host(fields=fields, device="edge1/weather")
    metrics = metric("Baro", 5, FLOAT, 101300.0), metric("humidity", 6, FLOAT, 50.0)
    assert host.hears("NBIRTH", BIRTH).dated == ()
    assert host.hears("DBIRTH", payload(*metrics, seq=1), "edge1/other").dated == ()
    assert host.hears("DBIRTH", payload(*metrics, seq=2), "edge1/weather").dated == (
        Dated("pressure", pytest.approx(1013.0), AT),
        Dated("humidity", 50.0, AT),
    )


def test_another_node_is_not_even_read() -> None:
    host = Host(device="edge2/weather")
    assert host.hears("NDATA", b"no payload").verdict is Verdict.IGNORE
    assert host.asks("NDATA", payload(metric(alias=1, number=1.5), seq=1), "edge2")


def test_a_nodes_devices_are_bounded() -> None:
    host = Host()
    host.hears("NBIRTH", BIRTH)
    for number in range(MAX_DEVICES):
        host.hears("DBIRTH", payload(PM25, seq=None), f"edge1/dev{number}")
    assert not host.asks(
        "DDATA", payload(metric(alias=1, number=1.5), seq=None), f"edge1/dev{MAX_DEVICES - 2}"
    )
    assert host.asks("DDATA", payload(metric(alias=1, number=1.5), seq=None), f"edge1/dev{MAX_DEVICES - 1}")


def test_a_hosts_state_and_commands_publish_nothing() -> None:
    host = Host()
    state = host.format.understand(Arrival(b'{"online":true,"timestamp":5}', "spBv1.0/STATE/host1", NOW))
    assert (state.decoded, state.dated) == ({"online": True, "timestamp": 5}, ())
    assert host.format.understand(Arrival(b"OFFLINE", "STATE/host1", NOW)).decoded == {"online": False}
    command = host.hears("NCMD", sparkplug.rebirth_command(NOW))
    assert (command.dated, command.asks) == ((), ())
    with pytest.raises(BadFrameError):
        host.format.understand(Arrival(b'{"online":1}', "spBv1.0/STATE/host1", NOW))


def test_what_is_known_of_nodes_is_bounded() -> None:
    host = Host()
    host.hears("NBIRTH", BIRTH, "first")
    for number in range(MAX_NODES):
        host.hears("NBIRTH", BIRTH, f"node{number}")
    assert host.asks("NDATA", payload(metric(alias=1, number=1.5), seq=1), "first")


KINDS = st.sampled_from(["NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH", "NCMD"])
METRICS = st.sampled_from(
    [PM25, TEMP, BDSEQ, metric(alias=1, number=1.5), metric(alias=2, number=7), metric(alias=9, number=1)]
)


@given(st.lists(st.tuples(KINDS, st.lists(METRICS, max_size=3), st.integers(0, 255)), max_size=20))
def test_no_order_of_messages_raises_anything_else_or_publishes_the_unknown(
    messages: list[tuple[str, list[bytes], int]],
) -> None:
    host = Host()
    for kind, metrics, seq in messages:
        place = "edge1/dev" if kind.startswith("D") else "edge1"
        try:
            understood = host.hears(kind, payload(*metrics, seq=seq), place)
        except BadFrameError:
            continue
        assert {dated.quantity for dated in understood.dated} <= {"pm25", "temperature"}
        assert kind in ("NBIRTH", "DBIRTH", "NDATA", "DDATA") or not understood.dated
