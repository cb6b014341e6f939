"""The packets of a Davis console, with what is missing and what is below zero."""

import struct
from binascii import crc_hqx

import pytest

from edge.driver import BadFrameError, Verdict
from edge.drivers import davis_vantage

LOOP1 = bytes.fromhex(
    "4c4f4f00000000e174c90229220207053601ffffffffffffffffffffffffffffff43ffffffffffffff00000c82020000ffff030029000002"
    "000000000000ffffffffffffffff00000000000000000000000000000000001103082d1202df070a0df742"
)


def packet(changes: dict[int, bytes]) -> bytes:
    content = bytearray(LOOP1[:-2])
    for offset, data in changes.items():
        content[offset : offset + len(data)] = data
    return bytes(content) + crc_hqx(bytes(content), 0).to_bytes(2, "big")


def readings(frame: bytes, **options: object) -> dict[str, float]:
    return {one.quantity: one.value for one in davis_vantage(options).decode(frame).measurements}


def test_every_reading_is_in_its_canonical_unit() -> None:
    assert readings(LOOP1) == pytest.approx(
        {
            "pressure": 1013.241353,
            "temperature": 12.555556,
            "humidity": 67,
            "wind_speed": 3.12928,
            "wind_direction": 310,
            "solar_radiation": 642,
            "rain": 0.762,
        }
    )
    assert readings(LOOP1, rain_click_mm=0.2)["rain"] == pytest.approx(0.6)


def test_frost_is_below_zero_and_north_is_zero() -> None:
    found = readings(packet({12: struct.pack("<h", -40), 16: struct.pack("<H", 360)}))
    assert found["temperature"] == pytest.approx(-20)
    assert found["wind_direction"] == 0


def test_what_is_not_there_is_not_published() -> None:
    missing = {
        7: b"\0\0",
        12: b"\xff\x7f",
        14: b"\xff",
        16: b"\0\0",
        33: b"\xff",
        44: b"\xff\x7f",
        50: b"\xff\xff",
    }
    assert readings(packet(missing)) == {}


def test_the_second_kind_of_packet_has_its_own_fields() -> None:
    frame = packet({4: b"\x01", 18: struct.pack("<HH", 53, 61), 30: struct.pack("<h", -3)})
    fields = davis_vantage({}).decode(frame).fields
    assert fields is not None
    assert (fields["kind"], fields["wind_10min_mph"], fields["wind_2min_mph"], fields["dew_point_f"]) == (
        "loop2",
        5.3,
        6.1,
        -3,
    )
    assert "rain_year_clicks" not in fields


def test_an_acknowledged_packet_and_a_refusal() -> None:
    assert davis_vantage({}).decode(b"\x06" + LOOP1).verdict is Verdict.ACCEPT
    assert davis_vantage({}).decode(b"\x21").verdict is Verdict.FLAG


def test_it_is_woken_before_each_question() -> None:
    assert davis_vantage({}).requests == (b"\n", b"LOOP 1\n")
    assert davis_vantage({"packet": "loop2"}).requests == (b"\n", b"LPS 2 1\n")
    assert [frame.data for frame in davis_vantage({}).framer(b"\n").feed(b"\r\n\n\r")] == [b"\n\r"]


@pytest.mark.parametrize(
    "data", [b"", b"\x06\x06", packet({4: b"\x02"}), packet({95: b"\0"}), b"HELLO\n", b"\0" * 7]
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrameError):
        davis_vantage({}).decode(data)
