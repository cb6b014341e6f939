"""Packs as columns: those our own gateways write, in JSON or CBOR, are read field by field. Pure.

Whatever is unusual (another writer's base fields, one bad record) goes to `telemetry.packs`, the general decoder; both give the
same readings.
"""

from functools import lru_cache
from itertools import chain
from operator import eq
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from telemetry.inventory import check_id
from telemetry.manifest import Manifest
from telemetry.packs import MAX_PAYLOAD, MAX_READINGS, TIME_BELOW, BadRecord, decode_pack
from telemetry.quantities import QUANTITIES
from telemetry.senml import CBOR_ERRORS, CBOR_NUMBERS, RELATIVE_BELOW, parse_cbor

_UNITS = {name: quantity.unit for name, quantity in QUANTITIES.items()}
_NAMES = {name: name for name in QUANTITIES}  # one object each: hashed once, compared at a glance
SENSORS_REMEMBERED = 50_000
_FLAGS_BELOW = 2**31
_BASE, _NAME, _UNIT, _TIME, _VALUE = (CBOR_NUMBERS[label] for label in ("bn", "n", "u", "t", "v"))


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


class _Cells(NamedTuple):
    """What is written in each record, not yet looked at; a base name is UNSET where there is none."""

    site: object
    bases: list[Any]
    names: list[Any]
    units: list[Any]
    times: list[Any]
    values: list[Any]
    flags: list[Any]


def _decode_plain(payload: bytes) -> PackColumns | None:
    """The pack when each of its records is a plain good one, else None."""
    if len(payload) > MAX_PAYLOAD:
        return None
    try:
        cells = _json_cells(payload) if payload.lstrip(b" \t\r\n")[:1] == b"[" else _cbor_cells(payload)
        if not 0 < len(cells.names) <= MAX_READINGS or not isinstance(cells.site, str):
            return None
        sensors, site = _sensors(cells.bases), check_id(cells.site)
    except (msgspec.MsgspecError, *CBOR_ERRORS, KeyError, AttributeError):
        return None
    names, flags = cells.names, cells.flags
    if not all(map(eq, map(_UNITS.get, names), cells.units)):
        return None
    quantities = [_NAMES[name] for name in names]
    if set(map(type, flags)) != {int} or min(flags) < 0 or max(flags) >= _FLAGS_BELOW:
        return None
    seconds = np.array(cells.times, np.float64)
    values = np.array(cells.values, np.float64) + 0.0  # the base value, which makes -0.0 a 0.0
    if not (seconds.min() >= RELATIVE_BELOW and seconds.max() < TIME_BELOW and np.isfinite(values).all()):
        return None
    observed_at = np.rint(seconds * 1000).astype(np.int64).tolist()
    return PackColumns(site, sensors, quantities, observed_at, values.tolist(), flags)


def _json_cells(payload: bytes) -> _Cells:
    """Raises MsgspecError for what is not of this kind."""
    records = _RECORDS.decode(payload)
    return _Cells(
        records[0].site if records else None,
        [record.bn for record in records],
        [record.n for record in records],
        [record.u for record in records],
        [record.t for record in records],
        [record.v for record in records],
        [record.fl for record in records],
    )


def _cbor_cells(payload: bytes) -> _Cells:
    """Raises one of CBOR_ERRORS, KeyError or AttributeError for what is not of this kind."""
    records = parse_cbor(payload)
    fields = sum(map(len, records))
    cells = _Cells(
        records[0].get("site") if records else None,
        [record.get(_BASE, UNSET) for record in records],
        [record[_NAME] for record in records],
        [record[_UNIT] for record in records],
        [record[_TIME] for record in records],
        [record[_VALUE] for record in records],
        [record.get("fl", 0) for record in records],
    )
    known = 4 * len(records) + sum(
        sum([label in record for record in records]) for label in (_BASE, "site", "fl")
    )
    numbers = set(map(type, cells.times)) | set(map(type, cells.values))
    labels = set(map(type, chain.from_iterable(records)))  # true and simple(1) are no labels, and equal to 1
    if fields != known or not labels <= {int, str} or not numbers <= {int, float}:
        raise ValueError("not as we write it")
    if set(map(type, cells.names)) != {str}:
        raise ValueError("not as we write it")
    return cells


@lru_cache(SENSORS_REMEMBERED)
def _sensor(base: str) -> str:
    """The sensor of a base name `<sensor>/`; raises ValueError."""
    if base[-1:] != "/":
        raise ValueError("no base name of ours")
    return check_id(base[:-1])


def _sensors(bases: list[Any]) -> list[str]:
    """Of each record, from the last base name; raises ValueError."""
    sensor, sensors = "", []
    for base in bases:
        if base is not UNSET:
            sensor = _sensor(base)
        sensors.append(sensor)
    if not sensors[0]:
        raise ValueError("no base name")
    return sensors
