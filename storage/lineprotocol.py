r"""InfluxDB line protocol in the dialect every version from 1.6 to 3 reads alike. Pure.

    <quantity>,sensor=<id>,site=<id> value=<float>[,flags=<int>i][,late_s=<int>i] <ms>

Tags sorted, `\n` line ends, floats never with a leading '+', no empty tag, no quotes: see
https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/.
"""

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from storage.store import Columns

LINES_MAX = 5000  # of one request: what InfluxDB's makers recommend
BYTES_MAX = 4 << 20  # of one request before compression: below the limits of 1.x (25 MB) and 3 (10 MiB)
_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_TAG = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})


class Line(NamedTuple):
    """One line without its end, and the row of the columns it came from."""

    row: int
    text: bytes


def encode(columns: Columns, without: Container[int] = ()) -> list[Line]:
    """A line for each row but those `without`; names must hold no line end and no backslash, values must be finite."""
    heads: dict[tuple[str, str, str], str] = {}
    lines = []
    rows = zip(
        columns.quantity,
        columns.sensor,
        columns.site,
        columns.value,
        columns.flags,
        columns.late_s,
        columns.observed_at,
        strict=True,
    )
    for number, (quantity, sensor, site, value, flags, late_s, observed_at) in enumerate(rows):
        if number in without:
            continue
        key = (quantity, sensor, site)
        head = heads.get(key)
        if head is None:
            head = heads[key] = (
                f"{quantity.translate(_MEASUREMENT)},sensor={sensor.translate(_TAG)},site={site.translate(_TAG)}"
            )
        fields = f"value={float(value)!r}"
        if flags is not None:
            fields += f",flags={flags}i"
        if late_s is not None:
            fields += f",late_s={late_s}i"
        lines.append(Line(number, f"{head} {fields} {observed_at}".encode()))
    return lines


def split(
    lines: Sequence[Line], lines_max: int = LINES_MAX, bytes_max: int = BYTES_MAX
) -> Iterator[Sequence[Line]]:
    """Runs of `lines` that fit one request each."""
    start = size = 0
    for number, line in enumerate(lines):
        if number > start and (number - start >= lines_max or size + len(line.text) + 1 > bytes_max):
            yield lines[start:number]
            start, size = number, 0
        size += len(line.text) + 1
    if start < len(lines):
        yield lines[start:]


def body(lines: Sequence[Line]) -> bytes:
    """The request's body: no blank line, so that a server's line numbers are right."""
    return b"\n".join(line.text for line in lines)
