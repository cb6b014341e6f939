"""Cutting frames out of a stream: the quick scanner against one that tries every byte."""

from hypothesis import given
from hypothesis import strategies as st

from edge.framing import ScanFramer, Size

LIMIT = 6


def measure(data: bytes) -> int:
    """A frame is `AB`, a length of 1 to 3, so many bytes of which the last is `!`; `C` alone is a frame too."""
    if data[0] == ord("C"):
        return 1
    if data[0] != ord("A"):
        return Size.JUNK
    if len(data) > 1 and data[1] != ord("B"):
        return Size.JUNK
    if len(data) < 3 or len(data) < 3 + data[2] <= LIMIT:
        return Size.MORE
    return 3 + data[2] if 1 <= data[2] <= 3 and data[2 + data[2]] == ord("!") else Size.BAD


def byte_by_byte(data: bytes) -> tuple[list[bytes], int, int, bytes]:
    """What is to come out of the whole of `data`: the frames, junk, bad, and the rest."""
    frames: list[bytes] = []
    junk = bad = start = 0
    while start < len(data):
        size = measure(data[start : start + LIMIT])
        if size > 0:
            frames.append(data[start : start + size])
            start += size
        elif size == Size.MORE and len(data) - start < LIMIT:
            break
        else:
            junk, bad, start = junk + 1, bad + (size == Size.BAD), start + 1
    return frames, junk, bad, data[start:]


pieces = st.sampled_from([b"AB\x01!", b"AB\x03xy!", b"AB\x03x", b"C", b"A", b"B", b"\x00\xff", b"ABAB\x02y!"])


@given(st.lists(st.lists(pieces | st.binary(max_size=8), max_size=4).map(b"".join), max_size=12))
def test_skipping_junk_finds_the_same_frames_and_counts_the_same(chunks: list[bytes]) -> None:
    framer = ScanFramer(measure, LIMIT)
    found = [frame.data for chunk in chunks for frame in framer.feed(chunk)]
    assert (found, framer.junk, framer.bad, bytes(framer._buffer)) == byte_by_byte(b"".join(chunks))


def test_junk_is_not_measured_byte_by_byte() -> None:
    measured = 0

    def counted(data: bytes) -> int:
        nonlocal measured
        measured += 1
        return measure(data)

    framer = ScanFramer(counted, LIMIT)
    assert [frame.data for frame in framer.feed(bytes(100_000) + b"C")] == [b"C"]
    assert framer.junk == 100_000
    assert measured < 1000


def test_a_measure_that_knows_no_beginning_leaves_nothing() -> None:
    framer = ScanFramer(lambda data: Size.JUNK, LIMIT)
    assert framer.feed(b"anything") == []
    assert framer.junk == 8
