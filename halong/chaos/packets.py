"""MQTT packets as they pass by: found in the stream, doubled, held back, changed. Pure.

MQTT 3.1.1: a packet is a type byte, its remaining length (section 2.2.3), and so many bytes. Only PUBLISH packets (section
3.3) on the topic named are meddled with, and only as a whole, so that every packet that leaves is well formed.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

PUBLISH = 3
HELD_MOST = 8


class Meddling(StrEnum):
    """What is done to packets that carry readings."""

    DUPLICATE = "duplicate"
    REORDER = "reorder"
    CORRUPT = "corrupt"


class Splitter:
    """Whole packets out of a stream of bytes; what is not whole yet waits."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now."""
        self._rest += data
        packets = []
        while (size := _size(self._rest)) is not None and len(self._rest) >= size:
            packets.append(self._rest[:size])
            self._rest = self._rest[size:]
        return packets


@dataclass(slots=True)
class Orders:
    """What is to be done now, with which share of the packets; `touched` counts."""

    meddling: Meddling | None = None
    share: float = 0.5
    touched: int = 0


class Meddler:
    """Carries out the orders on one direction of one connection, with packets on `topic` (a prefix)."""

    def __init__(self, topic: str, orders: Orders, rng: Random) -> None:
        self._topic, self._orders, self._rng = topic.encode(), orders, rng
        self._held: list[bytes] = []

    @property
    def holding(self) -> bool:
        """Whether packets wait to be overtaken."""
        return bool(self._held)

    def take(self, packet: bytes) -> list[bytes]:
        """What leaves when this packet comes."""
        orders = self._orders
        if orders.meddling is None or not self._meant(packet) or self._rng.random() >= orders.share:
            return [packet]
        orders.touched += 1
        match orders.meddling:
            case Meddling.DUPLICATE:
                return [packet, *[without_confirmation(packet)] * self._rng.randint(1, 3)]
            case Meddling.CORRUPT:
                return [corrupted(packet, self._rng)]
            case Meddling.REORDER:
                self._held.append(packet)
                return self.release() if len(self._held) >= HELD_MOST else []

    def release(self) -> list[bytes]:
        """What was held back, in another order."""
        held, self._held = self._held, []
        self._rng.shuffle(held)
        return held

    def _meant(self, packet: bytes) -> bool:
        return packet[0] >> 4 == PUBLISH and topic_of(packet).startswith(self._topic)


def topic_of(packet: bytes) -> bytes:
    """The topic of a PUBLISH packet."""
    start = _header(packet)
    return packet[start + 2 : start + 2 + int.from_bytes(packet[start : start + 2], "big")]


def without_confirmation(packet: bytes) -> bytes:
    """The same message as QoS 0: a copy with the packet identifier of its original would be confirmed twice."""
    if packet[0] & 0x06 == 0:
        return packet
    start = _header(packet)
    named = start + 2 + len(topic_of(packet))
    body = packet[start:named] + packet[named + 2 :]
    return bytes([PUBLISH << 4 | packet[0] & 0x01]) + _length(len(body)) + body


def corrupted(packet: bytes, rng: Random) -> bytes:
    """The packet with other content of the same length: a bit, a digit, a stretch of the payload, or its number."""
    start = _header(packet)
    named = start + 2 + len(topic_of(packet))
    begin = named + (2 if packet[0] & 0x06 else 0)
    broken = bytearray(packet)
    if begin >= len(packet):
        return packet
    match rng.randrange(4):
        case 0:
            broken[rng.randrange(begin, len(packet))] ^= 1 << rng.randrange(8)
        case 1:  # another number, which only a checksum tells
            digits = [i for i in range(begin, len(packet)) if chr(packet[i]).isdigit()] or [begin]
            broken[rng.choice(digits)] ^= 1
        case 2:
            first = rng.randrange(begin, len(packet))
            last = min(len(packet), first + rng.randint(1, 200))
            broken[first:last] = rng.randbytes(last - first)
        case _:  # another pack's number: its last digit stands before "/" and eight digits of checksum
            broken[named - 10] ^= 1
    return bytes(broken)


def _size(data: bytes) -> int | None:
    """The size of the packet that begins here, None while that is not known."""
    header = _header(data)
    return header + _remaining(data) if header else None


def _header(data: bytes) -> int:
    """How long type byte and remaining length are, 0 when they are not complete."""
    for index in range(1, min(len(data), 5)):
        if data[index] < 0x80:
            return index + 1
    if len(data) >= 5:
        raise ValueError("not MQTT: the remaining length has more than four bytes")
    return 0


def _remaining(data: bytes) -> int:
    total, shift = 0, 0
    for byte in data[1:5]:
        total |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return total


def _length(size: int) -> bytes:
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)
