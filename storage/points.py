"""Points about the system itself, beside the readings of the same InfluxDB. Pure.

`<measurement>,<tag>=… <field>=…[,…] <ms>`. None of them may be taken for a reading: no measurement is a quantity and no field
is named `value`. A field keeps its type for ever: int, float, bool or text, as Python has it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from telemetry.quantities import QUANTITIES

LINES_MAX = 5000  # of one request
TEXT_MAX = 1000  # characters of a text
_KEY = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_TEXT = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": " ", "\r": " "})
Field = int | float | bool | str


class Point(NamedTuple):
    """One point; an empty tag and a field that is None are left out."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Field | None]
    at_ms: int


def line(point: Point) -> str:
    """The point as a line of line protocol, "" when no field is left. Raises ValueError for what would look like a reading."""
    if point.measurement in QUANTITIES or "value" in point.fields:
        raise ValueError(f"{point.measurement} would be taken for readings")
    fields = ",".join(
        f"{name}={_encoded(value)}"
        for name, value in point.fields.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    )
    if not fields:
        return ""
    tags = "".join(f",{name}={_tag(text)}" for name, text in sorted(point.tags.items()) if text)
    return f"{point.measurement}{tags} {fields} {point.at_ms}"


def bodies(points: Iterable[Point]) -> Iterator[bytes]:
    """Request bodies of up to LINES_MAX lines each."""
    lines = [text for point in points if (text := line(point))]
    for start in range(0, len(lines), LINES_MAX):
        yield "\n".join(lines[start : start + LINES_MAX]).encode()


def _tag(text: str) -> str:
    """A backslash cannot be written at a tag's end, a line end nowhere."""
    return " ".join(text.replace("\\", "/").split()).translate(_KEY)


def _encoded(value: Field) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}i"
        case float():
            return repr(value)
        case _:
            return f'"{value[:TEXT_MAX].translate(_TEXT)}"'
