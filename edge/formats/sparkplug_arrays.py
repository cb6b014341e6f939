"""Sparkplug B arrays: little-endian values one behind the other in `bytes_value` (Sparkplug 3.0.0, section 6.4.16). Pure.

The specification's printed examples of Int8, Float, Double and DateTime arrays contradict this rule; the rule is followed.
"""

import struct
from typing import Any

from edge.driver import BadFrameError

BOOLEANS, STRINGS = 32, 33
_ITEMS = {22: "b", 23: "h", 24: "i", 25: "q", 26: "B", 27: "H", 28: "I", 29: "Q", 30: "f", 31: "d", 34: "Q"}
ARRAYS = frozenset({*_ITEMS, BOOLEANS, STRINGS})


def decode_array(data: bytes, datatype: int) -> list[Any]:
    """The items; `datatype` is one of ARRAYS. Raises BadFrameError when the bytes are no whole number of items."""
    if datatype == BOOLEANS:
        return _booleans(data)
    if datatype == STRINGS:
        return _strings(data)
    size = struct.calcsize(_ITEMS[datatype])
    if len(data) % size:
        raise BadFrameError(f"{len(data)} bytes are no array of {size}-byte items")
    return list(struct.unpack(f"<{len(data) // size}{_ITEMS[datatype]}", data))


def _booleans(data: bytes) -> list[bool]:
    """A 32-bit count, then the bits, the most significant first."""
    count = int.from_bytes(data[:4], "little")
    if len(data) < 4 or len(data) != 4 + (count + 7) // 8:
        raise BadFrameError("no array of booleans: its count and its length differ")
    return [bool(data[4 + index // 8] >> (7 - index % 8) & 1) for index in range(count)]


def _strings(data: bytes) -> list[str]:
    """Texts that each end with a zero byte."""
    if not data:
        return []
    if data[-1]:
        raise BadFrameError("the last text of an array does not end")
    try:
        return data[:-1].decode().split("\0")
    except UnicodeDecodeError:
        raise BadFrameError("an array of texts is not UTF-8") from None
