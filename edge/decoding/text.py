"""Lines of text of generic devices. Pure."""

from collections.abc import Callable
from typing import Any

from edge import lines
from edge.decoding.report import Decoder, DecodeReport, Meta, Readings, readings
from edge.driver import Verdict
from edge.drivers import DRIVERS
from edge.framing import LineFramer


def _ndjson(data: bytes, meta: Meta) -> DecodeReport:
    return _lines("line-ndjson", data, meta, lines.decode_object)


def _delimited(data: bytes, meta: Meta) -> DecodeReport:
    if meta.get("fixed_width"):
        return _lines("line-delimited", data, meta, lines.decode_aprs)
    delimiter, kv = str(meta.get("delimiter", ",")), meta.get("kv")
    pairs = str(kv) if kv else None
    return _lines("line-delimited", data, meta, lambda line: lines.decode_delimited(line, delimiter, pairs))


def _lines(protocol: str, data: bytes, meta: Meta, parse: Callable[[bytes], Any]) -> DecodeReport:
    frames = LineFramer().feed(data if data.endswith(b"\n") else data + b"\n")
    if not frames:
        return DecodeReport(Verdict.IGNORE, None, [], "an empty line")
    decoded = [parse(frame.data) for frame in frames]
    published: Readings = []
    if options := meta.get("config"):
        driver = DRIVERS[protocol](options)
        published = [found for frame in frames for found in readings(driver.decode(frame.data))]
    return DecodeReport(Verdict.ACCEPT, decoded[0] if len(decoded) == 1 else decoded, published)


TEXT: dict[str, Decoder] = {"line-ndjson": _ndjson, "line-delimited": _delimited}
