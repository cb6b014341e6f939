"""Packs without a time say so in a way that no other reader can overlook."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import undatable
from telemetry.packcolumns import decode_columns
from telemetry.packs import decode_pack, encode_pack
from telemetry.reading import Flag, Reading
from telemetry.senml import SenmlError

SPAN = (1_790_000_000_000, 1_790_000_060_000)
READINGS = [
    Reading("pm-1", "pm25", 12_500, 12.0),
    Reading("pm-1", "pm10", 12_500, 20.0, 2),
    Reading("pm-2", "pm25", 40_000, 1.0),
]


def test_it_comes_back_whole() -> None:
    pack = undatable.decode(undatable.encode("bai-chay", "45dd", SPAN, READINGS))
    assert pack is not None
    assert (pack.site, pack.boot, pack.earliest_ms, pack.latest_ms) == ("bai-chay", "45dd", *SPAN)
    assert pack.records == [(*r.series, r.observed_at, r.value, r.flags) for r in READINGS]
    assert pack.words() == (
        "3 readings of pm-1, pm-2, taken between 2026-09-21T14:13:20Z and 2026-09-21T14:14:20Z in boot 45dd,"
        " which never knew the time"
    )


def test_a_reader_that_does_not_know_the_label_refuses_the_pack() -> None:
    payload = undatable.encode("bai-chay", "45dd", SPAN, READINGS)
    for decode in (decode_pack, decode_columns):
        with pytest.raises(SenmlError, match="'undatable_' must be understood"):
            decode(payload)


def test_accepted_it_is_as_late_as_it_can_be_and_marked() -> None:
    pack = undatable.decode(undatable.encode("bai-chay", "45dd", SPAN, READINGS))
    assert pack is not None
    assert pack.at_the_latest() == (
        Reading("pm-1", "pm25", SPAN[1] - 27_500, 12.0, Flag.GUESSED_TIME),
        Reading("pm-1", "pm10", SPAN[1] - 27_500, 20.0, 2 | Flag.GUESSED_TIME),
        Reading("pm-2", "pm25", SPAN[1], 1.0, Flag.GUESSED_TIME),
    )


@given(st.binary(max_size=60) | st.just(encode_pack("s", [Reading("pm-1", "pm25", SPAN[0], 1.0)])))
def test_what_is_none_is_none(payload: bytes) -> None:
    assert undatable.decode(payload) is None


@pytest.mark.parametrize(
    "change",
    [
        (b"pm-1/", b"PM 1/"),
        (b'"bai-chay"', b'"Bai Chay"'),
        (b"1790000000.0", b"-1.0"),
        (b"1790000000.0", b"1790009999.0"),
        (b'"pm10"', b'"joy"'),
        (b'"fl":2', b'"fl":-2'),
    ],
)
def test_what_cannot_be_is_none_either(change: tuple[bytes, bytes]) -> None:
    payload = undatable.encode("bai-chay", "45dd", SPAN, READINGS)
    assert undatable.decode(payload.replace(*change)) is None
