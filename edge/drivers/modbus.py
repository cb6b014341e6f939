"""Modbus RTU: any device with a register map (edge/maps), asked by function 03 or 04.

    request  01 03 01 F4 00 04 04 07      answer  01 03 08 00 0E 00 01 00 02 00 6E 67 FB
             |  |  |     |     |                  |  |  |  |                       CRC, low byte first
             |  |  |     |     CRC                |  |  |  registers 500..503, big-endian
             |  |  |     how many                 |  |  bytes that follow
             |  |  first register                 unit, function; function + 80 and a code: an exception
             unit, function

CRC-16: polynomial A001 reflected, start FFFF (Modbus over Serial Line V1.02, 2.5.1.2).

>>> driver = modbus_rtu({"unit": 1, "map": "air-station"})
>>> answer = driver.decode(bytes.fromhex("010308000e00010002006e67fb"), bytes.fromhex("010301f400040407"))
>>> answer.fields["wind_dir_deg"], answer.measurements[0].value
(110, 1.4)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from edge import registers
from edge.driver import BadFrameError, Decoded, Driver, Framer, Measurement, Verdict
from edge.drivers.options import only
from edge.framing import ScanFramer, Size
from edge.registers import RegisterMap
from telemetry.quantities import QUANTITIES, to_canonical

MAX_FRAME = 256
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}


def crc(data: bytes) -> int:
    """CRC-16/MODBUS of `data`."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def read_request(unit: int, function: int, start: int, count: int) -> bytes:
    """A request for `count` registers from `start`."""
    body = bytes((unit, function)) + start.to_bytes(2, "big") + count.to_bytes(2, "big")
    return body + crc(body).to_bytes(2, "little")


class ModbusRtu:
    """One unit on a bus; see edge.driver.Driver. `fields` limits what is published; [] means all of the map."""

    protocol = "modbus-rtu"

    def __init__(self, unit: int, found: RegisterMap, fields: Sequence[str] = ()) -> None:
        self._unit, self._map = unit, found
        published = [value.quantity for value in found.value if value.quantity]
        for name in fields:
            if name not in published:
                raise ValueError(f"the map has no quantity {name!r}; it has {', '.join(published)}")
        self.quantities = tuple(quantity for quantity in published if not fields or quantity in fields)
        self.baud = found.baud
        self.requests = tuple(
            read_request(unit, found.function, read.start, read.count) for read in found.read
        )

    def framer(self, request: bytes | None = None) -> Framer:
        """The answer to `request`; without one, anything that looks like the answer to a read."""
        if request is None:
            return ScanFramer(_measure_any, MAX_FRAME)
        return ScanFramer(lambda data: _measure_answer(data, request), MAX_FRAME, echo=request)

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """An answer; with its request the registers get their names."""
        function, data = take_apart(frame)
        if request is not None and frame[0] != request[0]:
            raise BadFrameError(f"unit {frame[0]} answers, {request[0]} was asked")
        if function & 0x80:
            fields = {"exception": data[0], "meaning": EXCEPTIONS.get(data[0], "unknown")}
            return Decoded(Verdict.FLAG, fields, reason="exception answer")
        if request is not None and function != request[1]:
            raise BadFrameError(f"function {function} answers, {request[1]} was asked")
        if function not in (3, 4):
            return Decoded(Verdict.ACCEPT, {"function": function, "data": data.hex()})
        words = [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
        if request is None:
            return Decoded(Verdict.ACCEPT, {"registers": words})
        start, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        if len(words) != count:
            raise BadFrameError(f"{len(words)} registers answer, {count} were asked")
        fields, measurements = self._named(start, words)
        return Decoded(Verdict.ACCEPT, {"registers": words, **fields}, measurements)

    def _named(self, start: int, words: Sequence[int]) -> tuple[dict[str, Any], tuple[Measurement, ...]]:
        fields: dict[str, Any] = {}
        measurements: list[Measurement] = []
        for value in self._map.value:
            first = value.register - start
            if first < 0 or first + value.words > len(words):
                continue
            raw = registers.number(words[first : first + value.words], value.type, value.order)
            if raw is None or raw in value.sentinel:
                continue
            if value.raw_name:
                fields[value.raw_name] = raw
            scaled = value.scaled(raw)
            fields[value.name] = (
                int(raw) if value.scale == 1 and not value.offset and raw == int(raw) else scaled
            )
            if value.quantity in self.quantities:
                unit = value.unit or QUANTITIES[value.quantity].unit
                measurements.append(
                    Measurement(value.quantity, round(to_canonical(value.quantity, scaled, unit), 9))
                )
        return fields, tuple(measurements)


def take_apart(frame: bytes) -> tuple[int, bytes]:
    """Function and content of an answer whose CRC and length fit; raises BadFrameError."""
    if not 5 <= len(frame) <= MAX_FRAME:
        raise BadFrameError(f"{len(frame)} bytes are no Modbus answer")
    if crc(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
        raise BadFrameError(
            f"CRC is {frame[-2:].hex()}, should be {crc(frame[:-2]).to_bytes(2, 'little').hex()}"
        )
    function = frame[1]
    if function & 0x80:
        if len(frame) != 5:
            raise BadFrameError("an exception answer is five bytes")
        return function, frame[2:3]
    if function in (3, 4):
        if frame[2] != len(frame) - 5 or frame[2] % 2:
            raise BadFrameError("the byte count does not fit")
        return function, frame[3:-2]
    return function, frame[2:-2]


def _sized(data: bytes, size: int) -> int:
    if len(data) < size:
        return Size.MORE
    return size if crc(data[: size - 2]) == int.from_bytes(data[size - 2 : size], "little") else Size.BAD


def _measure_answer(data: bytes, request: bytes) -> int:
    if data[0] != request[0]:
        return Size.JUNK
    if len(data) < 2:
        return Size.MORE
    if data[1] == request[1] | 0x80:
        return _sized(data, 5)
    if data[1] != request[1]:
        return Size.JUNK
    if request[1] not in (3, 4):
        return _sized(data, 8)
    count = 2 * int.from_bytes(request[4:6], "big")
    if len(data) < 3:
        return Size.MORE
    return _sized(data, 5 + count) if data[2] == count else Size.BAD


def _measure_any(data: bytes) -> int:
    if len(data) < 3:
        return Size.MORE
    if data[1] in (0x83, 0x84):
        return _sized(data, 5)
    if data[1] not in (3, 4) or data[2] % 2 or data[2] > MAX_FRAME - 5 or not data[2]:
        return Size.JUNK
    return _sized(data, 5 + data[2])


def modbus_rtu(options: Mapping[str, object]) -> Driver:
    """The driver with its options `unit`, `map`, `fields`; raises ValueError."""
    only("modbus-rtu", options, ("unit", "map", "fields"))
    unit, found, fields = options.get("unit", 1), options.get("map", "air-station"), options.get("fields", ())
    if unit not in range(1, 248) or not isinstance(unit, int):
        raise ValueError(f"unit must be 1 to 247, not {unit!r}")
    names = list(fields) if isinstance(fields, list | tuple) else [fields]
    return ModbusRtu(unit, registers.load(str(found)), [str(name) for name in names])


def decode_request(frame: bytes) -> dict[str, Any]:
    """What a request asks or writes; raises BadFrameError."""
    if not 8 <= len(frame) <= MAX_FRAME:
        raise BadFrameError(f"{len(frame)} bytes are no Modbus request")
    if crc(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
        raise BadFrameError("CRC is wrong")
    function, start = frame[1], int.from_bytes(frame[2:4], "big")
    second = int.from_bytes(frame[4:6], "big")
    match function:
        case 3 | 4:
            return {"unit": frame[0], "function": function, "start": start, "count": second}
        case 6:
            return {"unit": frame[0], "function": function, "start": start, "write": second}
        case 16 if frame[6] == 2 * second == len(frame) - 9:
            words = [frame[7 + 2 * i] << 8 | frame[8 + 2 * i] for i in range(second)]
            written: dict[str, Any] = {
                "unit": frame[0],
                "function": function,
                "start": start,
                "registers": words,
            }
            if second == 2:
                written["write_float"] = registers.number(words, registers.Type.FLOAT32, registers.Order.ABCD)
            return written
    raise BadFrameError(f"unknown or malformed function {function}")
