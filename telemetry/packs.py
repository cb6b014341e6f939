"""Packs as columns: those our own gateways write are read without a dictionary for each record. Pure.

Whatever is unusual (another writer's base fields, CBOR, one bad record) goes to `telemetry.senml`, the general decoder;
both give the same readings.
"""

from functools import lru_cache
from operator import eq
from typing import NamedTuple, cast

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from telemetry.inventory import check_id
from telemetry.manifest import Manifest
from telemetry.quantities import QUANTITIES
from telemetry.senml import MAX_PAYLOAD, MAX_READINGS, RELATIVE_BELOW, TIME_BELOW, BadRecord, decode_pack

_UNITS = {name: quantity.unit for name, quantity in QUANTITIES.items()}
_NAMES = {name: name for name in QUANTITIES}  # one object each: hashed once, compared at a glance
SENSORS_REMEMBERED = 50_000
_FLAGS_BELOW = 2**31


class PackColumns(NamedTuple):
    """A decoded pack: reading i is (sensor[i], quantity[i], observed_at[i] in ms, value[i], flags[i]), in the order sent."""

    site: str
    sensor: list[str]
    quantity: list[str]
    observed_at: list[int]
    value: list[float]
    flags: list[int]
    bad: tuple[BadRecord, ...] = ()
    manifests: tuple[Manifest, ...] = ()

    def __len__(self) -> int:
        return len(self.sensor)


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record as `senml.encode_pack` writes it."""

    n: str
    u: str
    t: float
    v: float
    bn: str | UnsetType = UNSET
    site: str | UnsetType = UNSET
    fl: int | float = 0  # msgspec would take 1.0 for an integer


_RECORDS = msgspec.json.Decoder(list[_Record])


def decode_columns(payload: bytes) -> PackColumns:
    """As `telemetry.senml.decode_pack`, in columns; raises SenmlError."""
    columns = _decode_plain(payload)
    if columns is not None:
        return columns
    pack = decode_pack(payload)
    readings = pack.readings
    return PackColumns(
        pack.site,
        [reading.sensor for reading in readings],
        [reading.quantity for reading in readings],
        [reading.observed_at for reading in readings],
        [reading.value for reading in readings],
        [reading.flags for reading in readings],
        pack.bad,
        pack.manifests,
    )


def _decode_plain(payload: bytes) -> PackColumns | None:
    """The pack when each of its records is a plain good one, else None."""
    if len(payload) > MAX_PAYLOAD:
        return None
    try:
        records = _RECORDS.decode(payload)
        if not 0 < len(records) <= MAX_READINGS:
            return None
        sensors = _sensors(records)
        site = check_id(records[0].site if records[0].site is not UNSET else "")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    names = [record.n for record in records]
    if not all(map(eq, map(_UNITS.get, names), [record.u for record in records])):
        return None
    quantities = [_NAMES[name] for name in names]
    flags = [record.fl for record in records]
    if set(map(type, flags)) != {int} or min(flags) < 0 or max(flags) >= _FLAGS_BELOW:
        return None
    seconds = np.array([record.t for record in records])
    values = np.array([record.v for record in records]) + 0.0  # the base value, which makes -0.0 a 0.0
    if seconds.min() < RELATIVE_BELOW or seconds.max() >= TIME_BELOW or not np.isfinite(values).all():
        return None
    observed_at = np.rint(seconds * 1000).astype(np.int64).tolist()
    return PackColumns(site, sensors, quantities, observed_at, values.tolist(), cast("list[int]", flags))


@lru_cache(SENSORS_REMEMBERED)
def _sensor(base: str) -> str:
    """The sensor of a base name `<sensor>/`; raises ValueError."""
    if base[-1:] != "/":
        raise ValueError("no base name of ours")
    return check_id(base[:-1])


def _sensors(records: list[_Record]) -> list[str]:
    """Of each record, from the last base name; raises ValueError."""
    sensor, sensors = "", []
    for record in records:
        base = record.bn
        if base is not UNSET:
            sensor = _sensor(base)
        sensors.append(sensor)
    if not sensors[0]:
        raise ValueError("no base name")
    return sensors
