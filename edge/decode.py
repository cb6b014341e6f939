"""`halong decode`: what some bytes mean, for people and for checks. Pure.

Beside the bytes a caller may know more (`meta`): the direction, the request that was answered, the device or its register
map, the radar's configuration, a delimiter. What is not given is guessed from the bytes, and only then.
"""

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from edge import lines, registers
from edge.decode_payloads import PAYLOADS
from edge.driver import BadFrameError, Decoded, Driver, Verdict
from edge.drivers import DRIVERS, modbus, omnipresense, plantower, winsen
from edge.framing import LineFramer
from edge.payloads import SenmlMapping
from edge.registers import Order, Type
from telemetry import senml
from telemetry.quantities import QUANTITIES

Meta = Mapping[str, Any]
Readings = list[dict[str, Any]]


class DecodeReport(NamedTuple):
    """`decoded` is an object, a list of them for a stream or a pack, or None; `readings` are in canonical units."""

    verdict: Verdict
    decoded: Any
    readings: Readings
    reason: str = ""


def decode(protocol: str, data: bytes, meta: Meta) -> DecodeReport:
    """What `data` means in `protocol`; raises ValueError for a protocol or a meta that cannot be used."""
    if protocol not in PROTOCOLS:
        near = difflib.get_close_matches(protocol, PROTOCOLS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(PROTOCOLS)}"
        raise ValueError(f"unknown protocol {protocol!r}, {hint}")
    try:
        return PROTOCOLS[protocol](data, meta)
    except BadFrameError as error:
        return DecodeReport(Verdict.REJECT, None, [], str(error))


def _report(decoded: Decoded) -> DecodeReport:
    fields = dict(decoded.fields) if decoded.fields is not None else None
    return DecodeReport(decoded.verdict, fields, _readings(decoded), decoded.reason)


def _readings(decoded: Decoded) -> Readings:
    return [
        _reading(measurement.quantity, measurement.value, flags=measurement.flags)
        for measurement in decoded.measurements
    ]


def _reading(quantity: str, value: float, **more: object) -> dict[str, Any]:
    extra = {name: content for name, content in more.items() if content}
    return {"quantity": quantity, "value": value, "unit": QUANTITIES[quantity].unit, **extra}


def _stream(driver: Driver, data: bytes) -> DecodeReport:
    """Every frame in these bytes, whatever lies around them."""
    framer = driver.framer()
    found = [driver.decode(frame.data) for frame in framer.feed(data)]
    if not found:
        raise BadFrameError("no frame in these bytes")
    order = [Verdict.IGNORE, Verdict.ACCEPT, Verdict.FLAG]
    return DecodeReport(
        max((one.verdict for one in found), key=order.index),
        [dict(one.fields) for one in found if one.fields is not None],
        [reading for one in found for reading in _readings(one)],
    )


def _plantower(protocol: str, data: bytes, meta: Meta) -> DecodeReport:
    driver = DRIVERS[protocol]({})
    sizes = (plantower.COMMAND_SIZE, plantower.ACK_LENGTH + 4, 24, 32)
    if meta.get("direction") == "stream" or (len(data) not in sizes and len(data) > min(sizes)):
        return _stream(driver, data)
    return _report(driver.decode(data))


def _winsen(data: bytes, meta: Meta) -> DecodeReport:
    driver = winsen.mhz19({})
    if meta.get("direction") == "stream" or len(data) > winsen.SIZE:
        return _stream(driver, data)
    return _report(driver.decode(data))


def _omnipresense(data: bytes, meta: Meta) -> DecodeReport:
    config = meta.get("config") or {}
    driver = omnipresense.ops243({name: config[name] for name in config if name in omnipresense.OPTIONS})
    text = data.decode("ascii", "replace")
    if meta.get("direction") == "to-device" or ("direction" not in meta and omnipresense.is_command(text)):
        return DecodeReport(Verdict.ACCEPT, omnipresense.decode_command(text), [])
    lines_in = [line for line in data.splitlines() if line.strip()]
    if len(lines_in) > 1:
        return _stream(driver, data if data.endswith(b"\n") else data + b"\n")
    return _report(driver.decode(lines_in[0] if lines_in else b""))


def _modbus(data: bytes, meta: Meta) -> DecodeReport:
    request = _hex(meta, "request_hex")
    device = str(meta.get("map") or meta.get("device") or "")
    if meta.get("direction") == "to-device" and request is None:
        return DecodeReport(Verdict.ACCEPT, modbus.decode_request(data), [])
    known = device in registers.shipped() or device.endswith(".toml")
    if request is not None and not (known and registers.load(device).function == request[1]):
        return _registers(data, request, meta)
    report = _report(modbus.modbus_rtu({"map": device} if known else {}).decode(data, request))
    named = isinstance(report.decoded, dict) and report.decoded.keys() - {"registers"}
    return report if named or request is None else _registers(data, request, meta)


def _registers(data: bytes, request: bytes, meta: Meta) -> DecodeReport:
    """An answer whose registers no map names: as they stand, and what two of them most likely mean."""
    function, content = modbus.take_apart(data)
    if function & 0x80:
        fields = {"exception": content[0], "meaning": modbus.EXCEPTIONS.get(content[0], "unknown")}
        return DecodeReport(Verdict.FLAG, fields, [], "exception answer")
    if (data[0], function) != (request[0], request[1]):
        raise BadFrameError(f"unit {data[0]} function {function} answers another request")
    if function not in (3, 4):
        return DecodeReport(Verdict.ACCEPT, modbus.decode_request(request), [])
    if len(content) != 2 * int.from_bytes(request[4:6], "big"):
        raise BadFrameError("not as many registers as were asked")
    words = [content[i] << 8 | content[i + 1] for i in range(0, len(content), 2)]
    return DecodeReport(Verdict.ACCEPT, {"registers": words, **_value(words, meta)}, [])


def _value(words: list[int], meta: Meta) -> dict[str, Any]:
    datatype, order = str(meta.get("datatype", "")).lower(), str(meta.get("word_order", "")).upper()
    if datatype in list(Type) and len(words) == (1 if "16" in datatype else 2):
        placed = Order(order) if order in list(Order) else Order.ABCD
        return {"value": registers.number(words, Type(datatype), placed), "type": f"{datatype} {placed}"}
    return registers.guess(words) if len(words) == 2 else {}


def _hex(meta: Meta, name: str) -> bytes | None:
    if name not in meta:
        return None
    try:
        return bytes.fromhex(str(meta[name])) or None
    except ValueError:
        raise ValueError(f"meta {name} is not hexadecimal") from None


def _senml(cbor: bool, data: bytes, meta: Meta) -> DecodeReport:
    try:
        records = senml.decode_cbor(data) if cbor else senml.decode_json(data)
    except senml.SenmlError as error:
        raise BadFrameError(str(error)) from None
    try:
        dated = SenmlMapping(cbor).decode(data, 0)
    except BadFrameError:  # a good pack, but one with a unit that cannot be converted
        dated = []
    readings = [_reading(one.quantity, one.value, time_ms=one.time_ms) for one in dated]
    return DecodeReport(Verdict.ACCEPT, [_record(record) for record in records], readings)


def _record(record: senml.Record) -> dict[str, Any]:
    fields: dict[str, Any] = {"n": record.name, "t": record.time if record.time else "now"}
    if record.unit is not None:
        fields["u"] = record.unit
    if record.sum is not None:
        fields["s"] = record.sum
    match record.other:
        case bool():
            fields["vb"] = record.other
        case str():
            fields["vs"] = record.other
        case bytes():
            fields |= {"vd": senml.base64url(record.other), "vd_hex": record.other.hex()}
        case None if record.value is not None:
            fields["v"] = record.value
    return fields


def _ndjson(data: bytes, meta: Meta) -> DecodeReport:
    return _lines(data, lines.decode_object)


def _delimited(data: bytes, meta: Meta) -> DecodeReport:
    if meta.get("fixed_width"):
        return _lines(data, lines.decode_aprs)
    delimiter, kv = str(meta.get("delimiter", ",")), meta.get("kv")
    return _lines(data, lambda line: lines.decode_delimited(line, delimiter, str(kv) if kv else None))


def _lines(data: bytes, parse: Callable[[bytes], Any]) -> DecodeReport:
    frames = LineFramer().feed(data if data.endswith(b"\n") else data + b"\n")
    if not frames:
        return DecodeReport(Verdict.IGNORE, None, [], "an empty line")
    decoded = [parse(frame.data) for frame in frames]
    return DecodeReport(Verdict.ACCEPT, decoded[0] if len(decoded) == 1 else decoded, [])


def _payload(protocol: str, data: bytes, meta: Meta) -> DecodeReport:
    understood = PAYLOADS[protocol](data, meta)
    readings = [
        _reading(one.quantity, one.value, time_ms=one.time_ms, flags=one.flags) for one in understood.dated
    ]
    return DecodeReport(understood.verdict, understood.decoded, readings, understood.reason)


PROTOCOLS: dict[str, Callable[[bytes, Meta], DecodeReport]] = {
    "pms5003": partial(_plantower, "pms5003"),
    "pms5003t": partial(_plantower, "pms5003t"),
    "pms3003": partial(_plantower, "pms3003"),
    "mhz19": _winsen,
    "ops243": _omnipresense,
    "modbus-rtu": _modbus,
    "senml-json": partial(_senml, False),
    "senml-cbor": partial(_senml, True),
    "line-ndjson": _ndjson,
    "line-delimited": _delimited,
    **{protocol: partial(_payload, protocol) for protocol in PAYLOADS},
}
