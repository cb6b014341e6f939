"""Lines of text that generic devices send: one JSON object, delimited fields, key=value pairs, or APRS weather. Pure."""

import csv
import json
import re
from typing import Any

from edge.driver import BadFrameError

_APRS = re.compile(
    r"c(?P<c>[\d. ]{3})s(?P<s>[\d. ]{3})g(?P<g>[\d. ]{3})t(?P<t>-?[\d. ]{2,3})"
    r"r(?P<r>[\d. ]{3})p(?P<p>[\d. ]{3})h(?P<h>[\d. ]{2})b(?P<b>[\d. ]{5})"
)
# key in the line: (name, scale)
_APRS_FIELDS = {
    "c": ("wind_dir_deg", 1.0),
    "s": ("wind_speed_mph", 1.0),
    "g": ("gust_mph", 1.0),
    "t": ("temp_f", 1.0),
    "r": ("rain_1h_in", 0.01),
    "p": ("rain_24h_in", 0.01),
    "h": ("humidity_pct", 1.0),
    "b": ("pressure_hpa", 0.1),
}


def decode_object(line: bytes) -> dict[str, Any]:
    """One JSON object; a byte-order mark is forgiven, NaN and Infinity are not. Raises BadFrameError."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    try:
        content = json.loads(line.decode("utf-8-sig"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BadFrameError(f"not a JSON object: {error}") from None
    if not isinstance(content, dict):
        raise BadFrameError("not a JSON object")
    return content


def decode_delimited(line: bytes, delimiter: str, pairs: str | None) -> list[str] | dict[str, str]:
    """Fields between `delimiter`s (any number of blanks is one); with `pairs` (the sign between name and value) by their
    names. Raises BadFrameError."""
    text = _text(line)
    if len(delimiter) != 1:
        raise BadFrameError("the delimiter must be one character")
    try:
        parts = text.split() if delimiter == " " else next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error as error:
        raise BadFrameError(f"not one line of fields: {error}") from None
    fields = [field.strip() for field in parts]
    if pairs is None:
        return fields
    found: dict[str, str] = {}
    for field in fields:
        name, sign, value = field.partition(pairs)
        if not sign:
            raise BadFrameError(f"{field!r} is no {pairs!r} pair")
        found[name.strip()] = value.strip()
    return found


def decode_aprs(line: bytes) -> dict[str, float]:
    """The weather part of APRS as DFRobot SEN0186 sends it; `...` or blanks = missing, h00 = 100 %. Raises BadFrameError."""
    match = _APRS.match(_text(line))
    if match is None:
        raise BadFrameError("not an APRS weather line")
    found: dict[str, float] = {}
    for key, (name, scale) in _APRS_FIELDS.items():
        digits = match[key].strip(" .")
        if digits:
            found[name] = round(float(digits) * scale, 6) if scale != 1 else int(digits)
    if found.get("humidity_pct") == 0:
        found["humidity_pct"] = 100
    return found


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise BadFrameError("not UTF-8 text") from None
