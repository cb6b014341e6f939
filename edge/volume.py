"""How much a configuration writes into its journal, before it has run. Pure.

Packs are formed as the agent forms them, of readings at the configured periods with as many digits as their quantities have, and
compressed as the journal does it; what a row costs beside its payload follows SQLite's file format (section 2.3, index pages of
4,096 bytes). tests/edge/test_volume.py holds it against journals that were really written.
"""

import zlib
from collections.abc import Iterator, Sequence
from math import ceil
from random import Random
from typing import NamedTuple

from edge.settings import EdgeConfig, Encoding
from telemetry.inventory import Sensor
from telemetry.packs import MAX_READINGS, encode_pack
from telemetry.quantities import QUANTITIES
from telemetry.reading import Reading

DAY_S = 86_400
EVENT_S = 1.0  # a radar on a busy road: as if something passed every second of the day
SAMPLES = 30
START_MS = 1_767_225_600_000
PAGE = 4096
ROW_BYTES, INDEX_BYTES = 95, 45  # beside the payload: the row's other columns, and its entries in two indexes
LARGEST_LOCAL = (PAGE - 12) * 64 // 255 - 23
LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
FILL = 0.95  # of its pages


class Volume(NamedTuple):
    """Of one day, at the configured periods."""

    readings: int
    packs: int
    bytes: int


def estimate(config: EdgeConfig) -> Volume:
    """What a day writes; `bytes` is what the journal's file grows by."""
    sensors = [sensor for sensor in config.sensors() if sensor.quantities]
    if not sensors:
        return Volume(0, 0, 0)
    rates = [1.0 / (sensor.period_s or EVENT_S) for sensor in sensors]  # rounds a second
    rounds_s = sum(rates)
    readings_s = sum(rate * len(sensor.quantities) for rate, sensor in zip(rates, sensors, strict=True))
    # The most there can be: the bound must be safe.
    pack_s = max(config.journal.commit_ms / 1000, 1 / rounds_s)
    cbor = config.broker.encoding is Encoding.CBOR
    sizes = [
        len(zlib.compress(encode_pack(config.site.id, readings, cbor=cbor)))
        for readings in _samples(sensors, rates, rounds_s * pack_s)
    ]
    packs = DAY_S / pack_s
    return Volume(
        round(readings_s * DAY_S), round(packs), round(packs * sum(map(_stored, sizes)) / len(sizes))
    )


def described(config: EdgeConfig) -> str:
    """What a day writes and what the kept days need, in one line."""
    journal, day = config.journal, estimate(config)
    return (
        f"about {day.readings:,} readings and {day.bytes / 2**20:.1f} MB a day;"
        f" {journal.keep_days} days need {day.bytes * journal.keep_days / 2**20:,.0f} of at most {journal.max_mb:,} MB"
    )


def shortage(config: EdgeConfig) -> str:
    """Why the journal's bound cannot hold its days, with the figures; "" when it can."""
    journal, day = config.journal, estimate(config)
    needed, bound = day.bytes * journal.keep_days / 2**20, journal.max_mb
    if needed <= bound:
        return ""
    return (
        f"journal.max_mb {bound} holds {bound * 2**20 / day.bytes:.1f} days of this configuration"
        f" ({day.readings:,} readings, {day.bytes / 2**20:.1f} MB a day), journal.keep_days asks for {journal.keep_days}:"
        f" set max_mb to {ceil(needed * 1.2)} or more"
    )


def _samples(sensors: Sequence[Sensor], rates: Sequence[float], rounds: float) -> Iterator[list[Reading]]:
    rng = Random(1)
    for number in range(SAMPLES):
        at_ms, readings = START_MS + number * 1000, list[Reading]()
        for sensor in rng.choices(sensors, rates, k=max(1, round(rounds))):
            at_ms += rng.randrange(1, 20)
            for name in sensor.quantities:
                quantity = QUANTITIES[name]
                value = round(
                    rng.uniform(max(quantity.low, -50), min(quantity.high, 1200)), quantity.decimals
                )
                readings.append(Reading(sensor.id, name, at_ms, value))
        readings.sort(key=lambda one: one.sensor)
        yield readings[:MAX_READINGS]


def _stored(payload: int) -> float:
    """Bytes of the file for a row with so large a payload: what does not fit a page goes to pages of its own."""
    size = payload + ROW_BYTES
    local, pages = size, 0
    if size > LARGEST_LOCAL:
        local = LEAST_LOCAL + (size - LEAST_LOCAL) % (PAGE - 4)
        local = local if local <= LARGEST_LOCAL else LEAST_LOCAL
        pages = ceil((size - local) / (PAGE - 4))
    return (local + INDEX_BYTES) / FILL + pages * PAGE
