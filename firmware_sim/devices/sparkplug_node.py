"""A Sparkplug B 3.0 edge node with three metrics: birth, data by alias, death, and a rebirth when it is asked. Pure."""

import struct

from firmware_sim.device import Measure
from firmware_sim.devices.networks import Publication

_FLOAT, _INT16, _UINT64, _BOOLEAN = 9, 2, 8, 11
REBIRTH = b"Node Control/Rebirth"
# quantity: (metric name, alias, datatype)
_METRICS = {
    "pm25": ("Site/pm25", 1, _FLOAT),
    "temperature": ("Site/temperature", 2, _INT16),
    "voltage": ("Site/voltage", 3, _FLOAT),
}


class SparkplugNode:
    """`name` is GROUP/NODE. Every `period_s` seconds it says what it measures; each connection begins with a birth."""

    def __init__(self, measure: Measure, name: str, *, start_s: float, period_s: float) -> None:
        self._measure, self._period = measure, period_s
        self._group, _, self._node = name.partition("/")
        self._seq, self._bdseq = 0, -1
        self.due_s = start_s
        self.listens: tuple[str, ...] = (self._topic("NCMD"),)

    def connected(self, now_s: float) -> list[Publication]:
        """The birth of a new session."""
        self._bdseq = (self._bdseq + 1) % 256
        return [self._birth(round(now_s * 1000))]

    def emit(self, now_s: float) -> list[Publication]:
        """All metrics, by their aliases."""
        at_ms = round(now_s * 1000)
        self.due_s = max(self.due_s + self._period, now_s)
        self._seq = (self._seq + 1) % 256
        metrics, readings = self._measured(at_ms, named=False)
        return [Publication(self._topic("NDATA"), self._payload(at_ms, metrics), readings, at_ms)]

    def receive(self, topic: str, data: bytes, now_s: float) -> list[Publication]:
        """A new birth for the command that asks for one; other commands are not understood."""
        if topic != self._topic("NCMD") or REBIRTH not in data:
            return []
        return [self._birth(round(now_s * 1000))]

    def closing(self, now_s: float) -> list[Publication]:
        """Its death."""
        at_ms = round(now_s * 1000)
        return [Publication(self._topic("NDEATH"), _varint(1, at_ms) + self._bdseq_metric(at_ms), (), at_ms)]

    def _birth(self, at_ms: int) -> Publication:
        self._seq = 0
        metrics, readings = self._measured(at_ms, named=True)
        control = _metric(_bytes(1, REBIRTH), _varint(3, at_ms), _varint(4, _BOOLEAN), _varint(14, 0))
        payload = self._payload(at_ms, self._bdseq_metric(at_ms) + control + metrics)
        return Publication(self._topic("NBIRTH"), payload, readings, at_ms)

    def _measured(self, at_ms: int, *, named: bool) -> tuple[bytes, tuple[tuple[str, float], ...]]:
        content, readings = b"", []
        for quantity, (name, alias, datatype) in _METRICS.items():
            value = self._measure(quantity, at_ms / 1000)
            sent: float
            if datatype == _FLOAT:
                raw = struct.pack("<f", value)
                (sent,), field = struct.unpack("<f", raw), _key(12, 5) + raw
            else:
                sent = round(value)
                field = _varint(10, round(value) & 0xFFFF)
            birth = (_bytes(1, name.encode()), _varint(4, datatype)) if named else ()
            content += _metric(*birth[:1], _varint(2, alias), _varint(3, at_ms), *birth[1:], field)
            readings.append((quantity, float(sent)))
        return content, tuple(readings)

    def _bdseq_metric(self, at_ms: int) -> bytes:
        return _metric(_bytes(1, b"bdSeq"), _varint(3, at_ms), _varint(4, _UINT64), _varint(11, self._bdseq))

    def _payload(self, at_ms: int, metrics: bytes) -> bytes:
        return _varint(1, at_ms) + metrics + _varint(3, self._seq)

    def _topic(self, kind: str) -> str:
        return f"spBv1.0/{self._group}/{kind}/{self._node}"


def _metric(*fields: bytes) -> bytes:
    return _bytes(2, b"".join(fields))


def _key(number: int, wire: int) -> bytes:
    return _number(number << 3 | wire)


def _varint(number: int, value: int) -> bytes:
    return _key(number, 0) + _number(value)


def _bytes(number: int, value: bytes) -> bytes:
    return _key(number, 2) + _number(len(value)) + value


def _number(value: int) -> bytes:
    groups = []
    while True:
        value, low = value >> 7, value & 0x7F
        groups.append(low | 0x80 if value else low)
        if not value:
            return bytes(groups)
