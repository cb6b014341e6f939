"""The encoder: exact lines, escapes, and requests that never grow past their limits."""

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from storage.lineprotocol import Encoder, Lines, split
from storage.store import Columns
from telemetry.reading import Reading
from tests.thorough import examples

LINE = re.compile(
    rb"[a-z0-9_]+,sensor=[a-z0-9-]+,site=[a-z0-9-]+ value=(\S+?)(?:,flags=(\d+)i)?(?:,late_s=(-?\d+)i)? (\d+)"
)


def one(value: float, flags: int | None, late_s: int | None) -> bytes:
    columns = Columns()
    columns.append("bai-chay", Reading("dust-1", "pm25", 1_760_000_000_123, value), flags, late_s)
    (lines,) = Encoder().encode(columns)
    return lines.body()


def test_exact_lines() -> None:
    assert one(12.5, 0, None) == b"pm25,sensor=dust-1,site=bai-chay value=12.5,flags=0i 1760000000123"
    assert (
        one(12.5, 4, 61) == b"pm25,sensor=dust-1,site=bai-chay value=12.5,flags=4i,late_s=61i 1760000000123"
    )
    assert one(12.5, None, None) == b"pm25,sensor=dust-1,site=bai-chay value=12.5 1760000000123"


def test_a_whole_number_is_still_a_float() -> None:
    assert b"value=3.0," in one(3, 0, None)


def test_names_are_escaped() -> None:
    columns = Columns(["a b"], ["c,d"], ["e=f g"], [1], [1.0], [None], [None])
    (lines,) = Encoder().encode(columns)
    assert lines.body() == rb"e=f\ g,sensor=a\ b,site=c\,d value=1.0 1"


def test_rows_left_out_keep_the_others_numbers() -> None:
    columns = Columns(
        ["a"] * 3, ["s"] * 3, ["q"] * 3, [1, 2, 3], [1.0, math.nan, 3.0], [None] * 3, [None] * 3
    )
    (lines,) = Encoder().encode(columns, {1})
    assert (lines.rows, len(lines.texts)) == ([0, 2], 2)
    assert Encoder().encode(Columns()) == []


def test_a_series_stays_in_its_lane_in_its_order() -> None:
    columns, encoder = Columns(), Encoder()
    for number in range(300):
        columns.append("s", Reading(f"dust-{number % 7}", "pm25", number, 0.1), None, None)
    lanes = encoder.encode(columns, {5}, lanes=3)
    assert sorted(row for lane in lanes for row in lane.rows) == [row for row in range(300) if row != 5]
    for lane in lanes:
        assert list(lane.rows) == sorted(lane.rows)
        assert [int(text.rpartition(" ")[2]) for text in lane.texts] == list(lane.rows)
    sensors = [{row % 7 for row in lane.rows} for lane in lanes]
    assert sum(map(len, sensors)) == 7
    assert encoder.encode(columns, {5}, lanes=3) == lanes


@examples(60)
@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.integers(0, 2**31 - 1),
    st.none() | st.integers(0, 2**31 - 1),
)
def test_a_line_says_the_value_exactly(value: float, flags: int | None, late_s: int | None) -> None:
    match = LINE.fullmatch(one(value, flags, late_s))
    assert match
    assert float(match[1]) == value
    assert not match[1].startswith(b"+")
    assert re.search(rb"[.e]", match[1])
    assert (match[2] and int(match[2])) == flags
    assert (match[3] and int(match[3])) == late_s


@examples(60)
@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 7), st.integers(10, 60))
def test_requests_keep_their_limits_and_lose_nothing(
    sizes: list[int], lines_max: int, bytes_max: int
) -> None:
    lines = Lines(range(len(sizes)), ["x" * size for size in sizes])
    requests = list(split(lines, lines_max, bytes_max))
    assert [row for request in requests for row in request.rows] == list(lines.rows)
    assert [text for request in requests for text in request.texts] == lines.texts
    for request in requests:
        assert 0 < len(request.rows) == len(request.texts) <= lines_max
        assert len(request.rows) == 1 or len(request.body()) <= bytes_max
