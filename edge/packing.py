"""Readings into packs: what one group commit accepted, cut into SenML packs that ingest takes. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from edge.clock import Bracket, uptime_of
from telemetry import undatable
from telemetry.manifest import Manifest
from telemetry.packs import MAX_PAYLOAD, MAX_READINGS, encode_manifests, encode_pack
from telemetry.reading import Reading
from telemetry.times import HOUR_MS

MANIFESTS = 100  # in a pack: at most 700 records

UNDATABLE_READINGS = 500  # some 100 bytes each


class NewPack(NamedTuple):
    """A pack before the journal numbers it: SenML bytes, its site, the span of its readings in ms, their number."""

    payload: bytes
    site: str
    oldest_ms: int
    newest_ms: int
    readings: int


def pack(site: str, readings: Sequence[Reading], *, cbor: bool = False) -> list[NewPack]:
    """`readings` in packs of at most MAX_READINGS and MAX_PAYLOAD bytes; a sensor's readings stand together."""
    by_sensor = sorted(readings, key=lambda reading: reading.sensor)  # stable: its base name is written once
    return [
        new
        for start in range(0, len(by_sensor), MAX_READINGS)
        for new in _fit(site, by_sensor[start : start + MAX_READINGS], cbor=cbor)
    ]


def pack_manifests(site: str, manifests: Sequence[Manifest], *, cbor: bool = False) -> list[NewPack]:
    """Manifests in packs of their own, each spanning the hours it tells of."""
    return [
        NewPack(
            encode_manifests(site, some, cbor=cbor),
            site,
            min(one.hour_ms for one in some),
            max(one.hour_ms for one in some) + HOUR_MS - 1,
            0,
        )
        for start in range(0, len(manifests), MANIFESTS)
        for some in [manifests[start : start + MANIFESTS]]
    ]


def _fit(site: str, readings: Sequence[Reading], *, cbor: bool) -> Iterator[NewPack]:
    """Halve until it fits; one reading is a few hundred bytes at most, so this ends."""
    payload = encode_pack(site, readings, cbor=cbor)
    if len(payload) > MAX_PAYLOAD:
        middle = len(readings) // 2
        yield from _fit(site, readings[:middle], cbor=cbor)
        yield from _fit(site, readings[middle:], cbor=cbor)
        return
    times = [reading.observed_at for reading in readings]
    yield NewPack(payload, site, min(times), max(times), len(readings))


def pack_undatable(site: str, boot: str, span: Bracket, readings: Sequence[Reading]) -> list[NewPack]:
    """Readings with undated instants of one earlier boot, which no clock can date any more: packs of one sensor each."""
    since_boot = [
        msgspec.structs.replace(reading, observed_at=uptime_of(reading.observed_at)) for reading in readings
    ]
    packs = []
    for _, found in groupby(sorted(since_boot, key=_sensor), key=_sensor):
        several = list(found)
        for start in range(0, len(several), UNDATABLE_READINGS):
            some = several[start : start + UNDATABLE_READINGS]
            packs.append(NewPack(undatable.encode(site, boot, span, some), site, *span, len(some)))
    return packs


def _sensor(reading: Reading) -> str:
    return reading.sensor
