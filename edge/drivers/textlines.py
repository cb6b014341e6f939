"""Devices that print lines of text: one JSON object a line, or fields between delimiters; 9600 8N1 unless said otherwise.

    {"t":21.5,"rh":48.2}                   line-ndjson; a path is a JMESPath
    21.50,48.20,1013.2                     line-delimited; a path is a position from 0, or a name of option `header`
    T=21.5;H=48;CO2=612                    with kv = "=" and delimiter = ";"; a path is a name
    c000s000g000t086r000p000h53b10020      with aprs = true (DFRobot SEN0186): published without fields

Option `fields` says what is published: { temperature = { path = "t", unit = "Cel" } }. An empty field and what an Arduino
prints for an unusable number (nan, inf, ovf) are absent readings.

>>> line_ndjson({"fields": {"temperature": {"path": "t"}}}).decode(b'{"t":21.5,"rh":48.2}').measurements
(Measurement(quantity='temperature', value=21.5, flags=0),)
"""

from collections.abc import Callable, Mapping
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from edge import lines
from edge.driver import BadFrameError, Decoded, Driver, Framer, Verdict
from edge.drivers.options import flag, only
from edge.fields import FieldMap
from edge.framing import LineFramer

APRS = FieldMap.parse(
    {
        "wind_direction": {"path": "wind_dir_deg", "unit": "deg"},
        "wind_speed": {"path": "wind_speed_mph", "unit": "mi/h"},
        "temperature": {"path": "temp_f", "unit": "degF"},
        "humidity": {"path": "humidity_pct", "unit": "%RH"},
        "pressure": {"path": "pressure_hpa", "unit": "hPa"},
    }
)


class TextLines:
    """See edge.driver.Driver. `parse` gives the fields of a line, `values` what `fields` chooses from."""

    baud = 9600
    requests: tuple[bytes, ...] = ()

    def __init__(
        self,
        protocol: str,
        fields: FieldMap,
        parse: Callable[[bytes], Any],
        values: Callable[[Any], Mapping[Any, Any]],
    ) -> None:
        self.protocol = protocol
        self.quantities = fields.quantities
        self._fields, self._parse, self._values = fields, parse, values

    def framer(self, request: bytes | None = None) -> Framer:
        """Lines."""
        return LineFramer()

    def decode(self, frame: bytes, request: bytes | None = None) -> Decoded:
        """One line without its end."""
        found = self._parse(frame)
        measurements = self._fields.measurements(self._values(found))
        fields = found if isinstance(found, dict) else {str(at): text for at, text in enumerate(found)}
        return Decoded(Verdict.ACCEPT, fields, measurements)


def line_ndjson(options: Mapping[str, object]) -> Driver:
    """One JSON object a line; option `fields`. Raises ValueError."""
    only("line-ndjson", options, ("fields",))
    fields = FieldMap.parse(options.get("fields"))
    try:
        paths = {path: jmespath.compile(str(path)) for _, path, _ in fields.fields}
    except JMESPathError as error:
        raise ValueError(f"not a JMESPath: {error}".splitlines()[0]) from None

    def values(content: dict[str, Any]) -> dict[Any, Any]:
        try:
            return {path: compiled.search(content) for path, compiled in paths.items()}
        except JMESPathError as error:
            raise BadFrameError(f"a path does not fit: {error}") from None

    return TextLines("line-ndjson", fields, lines.decode_object, values)


def line_delimited(options: Mapping[str, object]) -> Driver:
    """Fields between delimiters; options `fields`, `delimiter`, `header`, `kv`, `aprs`. Raises ValueError."""
    only("line-delimited", options, ("fields", "delimiter", "header", "kv", "aprs"))
    if flag(options, "aprs"):
        return TextLines("line-delimited", APRS, lines.decode_aprs, dict)
    delimiter, kv, header = options.get("delimiter", ","), options.get("kv"), options.get("header", [])
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"':
        raise ValueError(f"delimiter must be one character, not {delimiter!r}")
    if kv is not None and (not isinstance(kv, str) or not kv or kv == delimiter):
        raise ValueError(f"kv must be the sign between name and value, not {kv!r}")
    if not isinstance(header, list | tuple) or not all(isinstance(name, str) for name in header):
        raise ValueError("header must be a list of names")
    if kv and header:
        raise ValueError("a line of kv pairs has no header")
    fields = FieldMap.parse(options.get("fields"))
    for quantity, path, _ in fields.fields:
        if isinstance(path, int) and kv:
            raise ValueError(f"fields.{quantity}: a kv pair has a name, not position {path}")
        if isinstance(path, str) and not kv and path not in header:
            raise ValueError(f"fields.{quantity}: {path!r} is not in the header; a position is a number")
    shortest = (
        len(header) or 1 + max(path for _, path, _ in fields.fields if isinstance(path, int)) if not kv else 0
    )

    def parse(line: bytes) -> Any:
        return lines.decode_delimited(line, delimiter, kv)

    def values(found: Any) -> Mapping[Any, Any]:
        if isinstance(found, dict):
            return found
        if len(found) < shortest or (header and len(found) != len(header)):
            raise BadFrameError(f"{len(found)} fields where {shortest} are due")
        return dict(enumerate(found)) | dict(zip(header, found, strict=False))

    return TextLines("line-delimited", fields, parse, values)
