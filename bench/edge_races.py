"""The edge: bytes to readings, readings to packs."""

import struct
import zlib
from collections.abc import Iterator

import msgspec

from bench.race import Race
from edge.drivers.plantower import pms5003
from edge.packing import pack
from telemetry.packcolumns import decode_columns
from telemetry.packs import decode_pack, encode_pack
from telemetry.reading import Reading

FRAMES = 2000
READINGS = 1000
FRAME_BYTES = 32
_WORDS = struct.Struct(">16H")


def races() -> Iterator[Race]:
    """Framing and decoding, encoding and decoding of packs."""
    stream = _stream()
    yield Race(
        "PMS5003 bytes → measurements",
        "frames/s",
        FRAMES,
        lambda: stream,
        _decode,
        _unpack,
        "struct.unpack of frames already cut, checksum unchecked",
    )
    readings = [
        Reading(f"sensor-{i % 20}", "pm25", 1_795_395_600_000 + 50 * i, i / 10) for i in range(READINGS)
    ]
    readings.sort(key=lambda reading: reading.sensor)
    payload = encode_pack("bai-chay", readings)
    records = msgspec.json.decode(payload)
    yield Race(
        "SenML pack → readings",
        "readings/s",
        READINGS,
        lambda: payload,
        decode_pack,
        msgspec.json.decode,
        "msgspec decoding the same bytes into dictionaries",
    )
    yield Race(
        "SenML pack → columns (our own packs)",
        "readings/s",
        READINGS,
        lambda: payload,
        decode_columns,
        decode_pack,
        "the general SenML decoder",
    )
    yield Race(
        "readings → packs for the journal",
        "readings/s",
        READINGS,
        lambda: readings,
        lambda given: [zlib.compress(new.payload) for new in pack("bai-chay", given)],
        lambda _: zlib.compress(msgspec.json.encode(records)),
        "msgspec and zlib over ready dictionaries",
    )


def _stream() -> bytes:
    frames = []
    for i in range(FRAMES):
        body = b"BM\x00\x1c" + struct.pack(">12H", *[(i + k) % 300 + 1 for k in range(12)]) + b"\x97\x00"
        frames.append(body + sum(body).to_bytes(2, "big"))
    return b"".join(frames)


def _decode(stream: bytes) -> int:
    driver = pms5003({})
    framer = driver.framer()
    count = 0
    for start in range(0, len(stream), 64):
        for frame in framer.feed(stream[start : start + 64]):
            count += len(driver.decode(frame.data).measurements)
    return count


def _unpack(stream: bytes) -> int:
    return sum(len(_WORDS.unpack_from(stream, start)) for start in range(0, len(stream), FRAME_BYTES))
