"""`halong decode`: what some bytes mean, for people and for checks. Pure.

Beside the bytes a caller may know more (`meta`): the direction, the request that was answered, the device or its register
map, the driver's options (`config`), a delimiter. What is not given is guessed from the bytes, and only then.
"""

from collections.abc import Sequence
from functools import partial

from edge.decoding.bus import BUS
from edge.decoding.packs import PACKS
from edge.decoding.particles import PARTICLES
from edge.decoding.published import PUBLISHED
from edge.decoding.report import Decoder, DecodeReport, Meta, Readings, hexadecimal, one_or_stream
from edge.decoding.text import TEXT
from edge.decoding.traffic import TRAFFIC
from edge.driver import BadFrameError, Verdict
from edge.drivers import DRIVERS
from edge.framing import LineFramer
from telemetry.names import did_you_mean

__all__ = ["PROTOCOLS", "DecodeReport", "Decoder", "Meta", "Readings", "decode", "decode_all"]


def decode(protocol: str, data: bytes, meta: Meta) -> DecodeReport:
    """What `data` means in `protocol`; raises ValueError for a protocol or a meta that cannot be used."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}, {did_you_mean(protocol, PROTOCOLS)}")
    try:
        return PROTOCOLS[protocol](data, meta)
    except BadFrameError as error:
        return DecodeReport(Verdict.REJECT, None, [], str(error))


def decode_all(protocol: str, pieces: Sequence[bytes], meta: Meta) -> list[DecodeReport]:
    """A report for each frame in `pieces`: whole frames, several in one piece, or one that is cut over some pieces.

    Raises ValueError as `decode` does.
    """
    reports: list[DecodeReport] = []
    refused: list[DecodeReport] = []
    cut = b""
    for piece in pieces:
        frames = _frames(protocol, piece, meta)
        joined = _frames(protocol, cut + piece, meta) if cut else []
        if len(joined) > len(frames):
            reports += [decode(protocol, frame, meta) for frame in joined]
            cut, refused = b"", []
            continue
        found = [decode(protocol, frame, meta) for frame in (frames if len(frames) > 1 else [piece])]
        if [report.verdict for report in found] == [Verdict.REJECT]:
            cut, refused = cut + piece, refused + found
        else:
            reports += refused + found
            cut, refused = b"", []
    return reports + refused


def _frames(protocol: str, data: bytes, meta: Meta) -> list[bytes]:
    """The frames in these bytes, as they come from a device; empty for what is no stream of frames."""
    if protocol not in DRIVERS or meta.get("direction") in ("to-device", "stream"):
        return []
    if protocol in LINES:
        return [frame.data for frame in LineFramer().feed(data + b"\n")]
    request = hexadecimal(meta, "request_hex")
    return [frame.data for frame in DRIVERS[protocol]({}).framer(request).feed(data)]


LINES = frozenset(("ops243", "wavetronix-csv", "nmea0183", "sdi12", *TEXT))


def _driven(protocol: str, data: bytes, meta: Meta) -> DecodeReport:
    return one_or_stream(DRIVERS[protocol]({}), data, meta)


PROTOCOLS: dict[str, Decoder] = (
    {protocol: partial(_driven, protocol) for protocol in DRIVERS}
    | PARTICLES
    | TRAFFIC
    | BUS
    | TEXT
    | PACKS
    | PUBLISHED
)
