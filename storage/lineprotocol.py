r"""InfluxDB line protocol in the dialect every version from 1.6 to 3 reads alike. Pure.

    <quantity>,sensor=<id>,site=<id> value=<float>[,flags=<int>i][,late_s=<int>i] <ms>

Tags sorted, `\n` line ends, floats never with a leading '+', no empty tag, no quotes: see
https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/.
"""

from array import array
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import msgspec

from storage.store import Columns

LINES_MAX = 5000  # of one request: what InfluxDB's makers recommend
BYTES_MAX = 4 << 20  # of one request before compression: below the limits of 1.x (25 MB) and 3 (10 MiB)
LANE_LINES = 4000  # rows fall into lanes by chance: so a lane is one request, as a rule
SERIES_MAX = 100_000  # whose first half of a line is remembered
_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_TAG = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})


class Lines(NamedTuple):
    """Lines without their ends, and the row of the columns each came from."""

    rows: Sequence[int]
    texts: Sequence[str]

    def part(self, start: int, end: int) -> "Lines":
        """[start, end) of them."""
        return Lines(self.rows[start:end], self.texts[start:end])

    def without(self, index: int) -> "Lines":
        """All but one."""
        rows, texts = self.rows, self.texts
        return Lines([*rows[:index], *rows[index + 1 :]], [*texts[:index], *texts[index + 1 :]])

    def body(self) -> bytes:
        """The request's body: no blank line, so that a server's line numbers are right."""
        return "\n".join(self.texts).encode()


class Encoder:
    """Encodes columns; it remembers the first half of each series' lines."""

    def __init__(self) -> None:
        self._heads: dict[tuple[str, str, str], str] = {}

    def encode(self, columns: Columns, without: Container[int] = (), lanes: int = 1) -> list[Lines]:
        """A line for each row but those `without`, in `lanes` groups: those of one series are in one, in their order.

        Names must hold no line end and no backslash, values must be finite.
        """
        if not len(columns):
            return []
        heads = self._find_heads(columns)
        values = _numbers(array("d", columns.value).tolist())
        times = _numbers(columns.observed_at)
        tails = _tails(columns)
        texts = [
            f"{head} value={value}{tail}{time}"
            for head, value, tail, time in zip(heads, values, tails, times, strict=True)
        ]
        rows: Sequence[int] = range(len(texts))
        if without:
            rows = [row for row in rows if row not in without]
        if lanes == 1:
            return [Lines(rows, [texts[row] for row in rows] if without else texts)]
        groups: list[list[int]] = [[] for _ in range(lanes)]
        for row in rows:
            groups[hash(heads[row]) % lanes].append(row)
        return [Lines(group, [texts[row] for row in group]) for group in groups if group]

    def _find_heads(self, columns: Columns) -> list[str]:
        known = self._heads
        keys = list(zip(columns.quantity, columns.sensor, columns.site, strict=True))
        heads = list(map(known.get, keys))
        if None in heads:
            if len(known) > SERIES_MAX:
                known.clear()
            known |= {key: _head(*key) for key, head in zip(keys, heads, strict=True) if head is None}
            return [head or known[key] for key, head in zip(keys, heads, strict=True)]
        return heads  # type: ignore[return-value]  # no None in it


def _head(quantity: str, sensor: str, site: str) -> str:
    return f"{quantity.translate(_MEASUREMENT)},sensor={tag(sensor)},site={tag(site)}"


def tag(text: str) -> str:
    """A tag's value."""
    return text.translate(_TAG)


def _numbers(numbers: Sequence[float]) -> list[str]:
    """Each as JSON writes it, which is how line protocol does."""
    return msgspec.json.encode(numbers).decode()[1:-1].split(",")


def _tails(columns: Columns) -> Sequence[str]:
    """From the value to the time."""
    number = len(columns)
    if columns.flags.count(0) == columns.late_s.count(None) == number:
        return [",flags=0i "] * number
    pairs = list(zip(columns.flags, columns.late_s, strict=True))
    texts = {
        pair: "".join(
            f",{name}={number}i"
            for name, number in zip(("flags", "late_s"), pair, strict=True)
            if number is not None
        )
        + " "
        for pair in set(pairs)
    }
    return [texts[pair] for pair in pairs]


def split(lines: Lines, lines_max: int = LINES_MAX, bytes_max: int = BYTES_MAX) -> Iterator[Lines]:
    """Runs of `lines` that fit one request each; characters are bytes here, or nearly."""
    if len(lines.texts) <= lines_max and sum(map(len, lines.texts)) + len(lines.texts) <= bytes_max:
        if lines.texts:
            yield lines
        return
    start = size = 0
    for number, text in enumerate(lines.texts):
        if number > start and (number - start >= lines_max or size + len(text) + 1 > bytes_max):
            yield lines.part(start, number)
            start, size = number, 0
        size += len(text) + 1
    if start < len(lines.texts):
        yield lines.part(start, len(lines.texts))
