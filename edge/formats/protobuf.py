"""The protobuf wire format, as much as Sparkplug B needs: varints, fixed 32 and 64 bits, length-delimited fields. Pure.

A message is a run of fields; each begins with the varint `number << 3 | wire type`. (Protocol Buffers, encoding.)
"""

import struct
from collections.abc import Iterator

from edge.driver import BadFrameError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MOST_VARINT = 10
_U64 = 0xFFFFFFFFFFFFFFFF


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field in order: an unsigned int for a varint, bytes for all others.

    Raises BadFrameError for a message that ends early and for groups, which are not used any more.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise BadFrameError("protobuf field 0")
        if wire == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == BYTES:
            size, at = _varint(message, at)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise BadFrameError(f"protobuf wire type {wire}")
        if at + size > len(message):
            raise BadFrameError("the protobuf message ends early")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(message[at : at + _MOST_VARINT]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & _U64, at + index + 1
    raise BadFrameError("a protobuf number does not end")


def integer(value: int | bytes) -> int:
    """A varint's value; raises BadFrameError for a field of another wire type."""
    if isinstance(value, bytes):
        raise BadFrameError("a protobuf field has the wrong wire type")
    return value


def octets(value: int | bytes) -> bytes:
    """The bytes of a length-delimited field; raises BadFrameError for a varint."""
    if isinstance(value, int):
        raise BadFrameError("a protobuf field has the wrong wire type")
    return value


def string(value: int | bytes) -> str:
    """A text field; raises BadFrameError when it is not UTF-8."""
    try:
        return octets(value).decode()
    except UnicodeDecodeError:
        raise BadFrameError("a protobuf text is not UTF-8") from None


def real(value: int | bytes, size: int) -> float:
    """A float (4 bytes) or double (8); raises BadFrameError."""
    content = octets(value)
    if len(content) != size:
        raise BadFrameError(f"{len(content)} bytes where a number has {size}")
    (found,) = struct.unpack("<f" if size == 4 else "<d", content)
    return float(found)


def encode_varint(number: int, value: int) -> bytes:
    """One varint field; `value` from 0 to 2^64 - 1."""
    return _encode(number << 3 | VARINT) + _encode(value)


def encode_bytes(number: int, value: bytes) -> bytes:
    """One length-delimited field."""
    return _encode(number << 3 | BYTES) + _encode(len(value)) + value


def _encode(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
