"""Framers and decoders under fire: mutated frames, splices and noise with intact frames between them, in any chunks.

Every intact frame is found, unless another frame that passes its own checks reaches over it: bytes that happen to fit. Those
are looked at one by one, and there are no more of them than the protocol's check lets through by chance.
"""

import json
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from edge.driver import BadFrameError, Decoded, Driver, Verdict
from tests.thorough import TIMES

if TYPE_CHECKING:
    from conftest import Sample

BLOCK = 200_000
BLOCKS = 50 if TIMES > 1 else 1  # ten million bytes for each driver
INTACT, MUTATED, SPLICED, NOISE = range(4)
WEIGHTS = (25, 40, 28, 7)
# the share of intact frames that frames made by chance may hide, where less than 16 bits guard a frame
BY_CHANCE = {"sds011": 0.001, "sps30": 0.001, "mhz19": 0.01, "hlk-ld2451": 0.005}
RARELY = 0.0001


class Stream(NamedTuple):
    """Bytes, and where in them the intact frames stand: start, end."""

    data: bytes
    intact: list[tuple[int, int]]
    spoiled: int


@pytest.mark.fuzz
def test_framers_find_every_intact_frame_and_decoders_raise_nothing_else(sample: "Sample") -> None:
    hidden = total = 0
    for block in range(BLOCKS):
        rng = Random(f"{sample.protocol}/{block}")
        stream = build(sample.frames, sample.lines, rng)
        assert stream.spoiled >= BLOCK / 2
        for asked in (sample, sample._replace(request=None)) if sample.request else (sample,):
            found = fire(sample.driver(), asked.request, stream.data, rng)
            hidden += judge(asked, stream, found)
            total += len(stream.intact)
    assert total > 100 * BLOCKS
    assert hidden <= BY_CHANCE.get(sample.protocol, RARELY) * total, f"{hidden} of {total} frames hidden"


def build(frames: list[bytes], lines: bool, rng: Random) -> Stream:
    """At least BLOCK bytes, at least half of them mutated frames and splices. A line is intact only behind a line end."""
    data, intact, spoiled = bytearray(), list[tuple[int, int]](), 0
    while len(data) < BLOCK or spoiled < BLOCK / 2:
        (kind,) = rng.choices((INTACT, MUTATED, SPLICED, NOISE), WEIGHTS)
        frame = rng.choice(frames)
        match kind:
            case 0:  # INTACT
                if not lines or data[-1:] in (b"", b"\n"):
                    intact.append((len(data), len(data) + len(frame)))
                part = frame
            case 1:  # MUTATED
                part = mutated(frame, rng)
            case 2:  # SPLICED
                other = rng.choice(frames)
                part = frame[: rng.randint(1, len(frame))] + other[rng.randint(0, len(other) - 1) :]
                if part == frame:
                    part = mutated(frame, rng)
            case _:
                part = rng.randbytes(rng.randint(1, len(frame)))
        spoiled += len(part) if kind in (MUTATED, SPLICED) else 0
        data += part
    # whatever was begun is over after this
    return Stream(bytes(data) + (b"\n" if lines else bytes(1024)), intact, spoiled)


def mutated(frame: bytes, rng: Random) -> bytes:
    """One to three changes: a bit turned, a byte lost, doubled, put in, or the rest cut off."""
    part = bytearray(frame)
    for _ in range(rng.randint(1, 3)):
        if not part:
            break
        at = rng.randrange(len(part))
        match rng.randrange(5):
            case 0:
                part[at] ^= 1 << rng.randrange(8)
            case 1:
                del part[at]
            case 2:
                part.insert(at, part[at])
            case 3:
                part.insert(at, rng.randrange(256))
            case _:
                del part[at:]
    return bytes(part) if bytes(part) != frame else bytes(part[:-1])


def fire(driver: Driver, request: bytes | None, data: bytes, rng: Random) -> dict[int, bytes]:
    """Feed the bytes in chunks and decode what is found: end of the frame in the stream -> frame."""
    framer, found, at = driver.framer(request), dict[int, bytes](), 0
    while at < len(data):
        chunk = data[at : at + rng.randint(1, 600)]
        at += len(chunk)
        for frame in framer.feed(chunk):
            assert at - frame.after not in found, "two frames end in one place"
            found[at - frame.after] = frame.data
            decode(driver, frame.data, request)
        if rng.random() < 0.1:  # decoders also meet what no framer has seen
            start = rng.randrange(len(chunk))
            decode(driver, chunk[start : start + rng.randint(0, 120)], rng.choice((None, request)))
    return found


def decode(driver: Driver, frame: bytes, request: bytes | None) -> Decoded | None:
    try:
        decoded = driver.decode(frame, request)
    except BadFrameError:
        return None
    assert decoded.verdict in list(Verdict)
    json.dumps(decoded.fields)
    for measurement in decoded.measurements:
        assert measurement.quantity in driver.quantities
        assert -1e12 < measurement.value < 1e12
    return decoded


def judge(sample: "Sample", stream: Stream, found: dict[int, bytes]) -> int:
    """How many intact frames were hidden by another that fits; fails for one that is missing without such a reason."""
    ends, shared = sorted(found), int(sample.protocol == "sps30")  # whose neighbours share a flag
    hidden = 0
    for start, end in stream.intact:
        frame = stream.data[start:end].rstrip(b"\r\n") if sample.lines else stream.data[start:end]
        if found.get(end) == frame:
            continue
        # lines do not reach over each other at all
        over = (
            []
            if sample.lines
            else [e for e in ends if e > start + shared and e - len(found[e]) < end - shared]
        )
        assert over, f"{frame.hex()} at {start} is missing"
        for other in over:
            alone = sample.driver().framer(sample.request).feed(found[other] + b"\n" * sample.lines)
            assert [one.data for one in alone] == [found[other]], (
                f"{found[other].hex()} is no frame by itself"
            )
        hidden += 1
    return hidden
