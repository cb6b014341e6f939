"""Devices that are asked over a bus: Modbus RTU, SDI-12. Pure."""

from typing import Any

from edge import registers
from edge.decoding.report import Decoder, DecodeReport, Meta, hexadecimal, report
from edge.driver import BadFrameError, Verdict
from edge.drivers import DRIVERS, modbus, sdi
from edge.registers import Order, Type


def _modbus(data: bytes, meta: Meta) -> DecodeReport:
    request = hexadecimal(meta, "request_hex")
    device = str(meta.get("map") or meta.get("device") or "")
    if meta.get("direction") == "to-device" and request is None:
        return DecodeReport(Verdict.ACCEPT, modbus.decode_request(data), [])
    known = device in registers.shipped() or device.endswith(".toml")
    if request is not None and not (known and registers.load(device).function == request[1]):
        return _registers(data, request, meta)
    decoded = report(modbus.modbus_rtu({"map": device} if known else {}).decode(data, request))
    named = isinstance(decoded.decoded, dict) and decoded.decoded.keys() - {"registers"}
    return decoded if named or request is None else _registers(data, request, meta)


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


def _sdi12(data: bytes, meta: Meta) -> DecodeReport:
    text = data.decode("ascii", "replace").strip("\r\n")
    if meta.get("direction") == "to-device" or ("direction" not in meta and text.endswith("!")):
        return DecodeReport(Verdict.ACCEPT, sdi.decode_command(text), [])
    asked = str(meta.get("reply_to", ""))
    config = meta.get("config") or {}
    if config.get("fields"):
        return report(DRIVERS["sdi12"](config).decode(text.encode(), asked.encode()))
    return report(sdi.decode_answer(text.encode(), asked, crc=True if meta.get("crc") else None))


BUS: dict[str, Decoder] = {"modbus-rtu": _modbus, "sdi12": _sdi12}
