"""What the proxy does to MQTT packets: found in any chunks, whole when they leave, changed only where that is meant."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halong.chaos.packets import (
    Meddler,
    Meddling,
    Orders,
    Splitter,
    corrupted,
    topic_of,
    without_confirmation,
)
from telemetry.packs import MAX_PAYLOAD
from telemetry.topics import PackName, checksum, parse_up, up

NAME = PackName("gw-1", "00aa11bb22cc33dd", 12345)
PAYLOAD = b'[{"bn":"pm-1/","site":"bai-chay","n":"pm25","u":"ug/m3","t":1767200400.123,"v":12.0}]'
TOPIC = up("halong/v1", "bai-chay", NAME, PAYLOAD)
PING = b"\xc0\x00"


def publish(topic: str = TOPIC, payload: bytes = PAYLOAD, qos: int = 1) -> bytes:
    """The packet as MQTT 3.1.1 section 3.3 describes it, written here once more."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + (b"\x12\x34" if qos else b"") + payload
    size, digits = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        digits += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([0x30 | qos << 1]) + digits + body


@given(
    sizes=st.lists(st.integers(0, 20_000), max_size=5),
    cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=20),
)
def test_packets_are_found_whatever_the_chunks(sizes: list[int], cuts: list[int]) -> None:
    packets = [packet for size in sizes for packet in (publish(payload=b"x" * size), PING)]
    stream, found, splitter, turn = b"".join(packets), list[bytes](), Splitter(), 0
    while stream:
        size = cuts[turn % len(cuts)]
        found += splitter.feed(stream[:size])
        stream, turn = stream[size:], turn + 1
    assert found == packets


def test_a_length_of_five_bytes_is_no_mqtt() -> None:
    with pytest.raises(ValueError, match="not MQTT"):
        Splitter().feed(b"\x30\xff\xff\xff\xff\x01")


def test_the_largest_pack_and_its_topic() -> None:
    packet = publish(payload=b"x" * MAX_PAYLOAD)
    assert Splitter().feed(packet) == [packet]
    assert topic_of(packet) == TOPIC.encode()


def test_a_copy_asks_for_no_confirmation_and_says_the_same() -> None:
    assert without_confirmation(publish()) == publish(qos=0)
    assert without_confirmation(publish(qos=0)) == publish(qos=0)


@given(seed=st.integers(0))
def test_what_is_changed_keeps_its_length_and_the_checksum_tells(seed: int) -> None:
    packet = publish()
    broken = corrupted(packet, Random(seed))
    assert broken != packet or Random(seed).randrange(4) == 2, "a stretch of noise may be what was there"
    assert Splitter().feed(broken) == [broken]
    parsed = parse_up("halong/v1", topic_of(broken).decode())
    assert parsed is not None
    if broken != packet:
        payload = broken[-len(PAYLOAD) :]
        assert parsed.checksum != checksum(parsed.name, payload)


def meddler(meddling: Meddling | None, share: float = 1.0) -> Meddler:
    return Meddler("halong/v1/up/", Orders(meddling, share), Random(1))


def test_without_orders_and_for_other_topics_everything_passes() -> None:
    other = publish("halong/v1/state/gw-1")
    for meddling in Meddling:
        assert meddler(meddling).take(other) == [other]
        assert meddler(meddling).take(PING) == [PING]
        assert meddler(meddling, 0.0).take(publish()) == [publish()]
    assert meddler(None).take(publish()) == [publish()]


def test_doubled_and_changed_packets_leave_at_once() -> None:
    first, *copies = meddler(Meddling.DUPLICATE).take(publish())
    assert first == publish()
    assert copies
    assert set(copies) == {publish(qos=0)}
    (changed,) = meddler(Meddling.CORRUPT).take(publish())
    assert changed != publish()


def test_reordered_packets_all_leave_in_another_order() -> None:
    holding = meddler(Meddling.REORDER)
    packets = [publish(payload=b"%d" % number) for number in range(20)]
    left = [one for packet in packets for one in holding.take(packet)]
    assert holding.holding
    left += holding.release()
    assert not holding.holding
    assert left != packets
    assert sorted(left) == sorted(packets)
