"""The packs that travel from gateway to ingest: plain SenML that any reader of RFC 8428 understands. Pure.

Base name `<sensor>/` where it changes, name `<quantity>`, canonical unit, absolute time in seconds with three decimals. Two
extension labels ride along, which other readers ignore as the RFC asks: `site` in the first record (the gateway's site) and
`fl` (flags, when not 0).

    [{"bn":"bai-chay-pm-1/","site":"bai-chay","n":"pm25","u":"ug/m3","t":1700000000.123,"v":12.0}, …]
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cbor2
import msgspec

from telemetry.inventory import check_id
from telemetry.manifest import Gathering, Manifest, to_records
from telemetry.quantities import QUANTITIES, UnitMismatchError, UnknownQuantityError, to_canonical
from telemetry.quarantine import Reason
from telemetry.reading import Reading
from telemetry.senml import (
    CBOR_NUMBERS,
    RELATIVE_BELOW,
    Base,
    Record,
    SenmlError,
    parse_json,
    parse_labelled_cbor,
)

MAX_PAYLOAD = 64 * 1024
MAX_READINGS = 1000
TIME_BELOW = 253_402_300_800  # the year 10000


class PackTooLongError(SenmlError):
    """More bytes or records than a pack may have."""


class BadRecord(NamedTuple):
    """One record of a pack that cannot become a Reading."""

    reason: Reason
    detail: str
    record: Mapping[str, Any]


class Pack(NamedTuple):
    """A decoded uplink pack: its site, its readings in the order sent, the records that are no readings, and manifests."""

    site: str
    readings: tuple[Reading, ...]
    bad: tuple[BadRecord, ...]
    manifests: tuple[Manifest, ...] = ()


def encode_pack(site: str, readings: Sequence[Reading], *, cbor: bool = False) -> bytes:
    """A pack in JSON (or CBOR) of readings that all come from one gateway at `site`."""
    records: list[dict[str, Any]] = []
    sensor = None
    for reading in readings:
        record: dict[str, Any] = {}
        if reading.sensor != sensor:
            sensor = reading.sensor
            record["bn"] = f"{sensor}/"
        if not records:
            record["site"] = site
        record["n"] = reading.quantity
        record["u"] = QUANTITIES[reading.quantity].unit
        record["t"] = reading.observed_at / 1000
        record["v"] = reading.value
        if reading.flags:
            record["fl"] = int(reading.flags)
        records.append(record)
    return _written(records, cbor=cbor)


def encode_manifests(site: str, manifests: Sequence[Manifest], *, cbor: bool = False) -> bytes:
    """A pack in JSON (or CBOR) of manifests of one gateway at `site`."""
    return _written(to_records(site, manifests), cbor=cbor)


def _written(records: Sequence[Mapping[str, Any]], *, cbor: bool) -> bytes:
    if cbor:
        return cbor2.dumps(
            [{CBOR_NUMBERS.get(label, label): value for label, value in r.items()} for r in records]
        )
    return msgspec.json.encode(records)


def decode_pack(payload: bytes) -> Pack:
    """The pack in `payload` (JSON or CBOR, told apart by the first byte that is no blank).

    Raises SenmlError when nothing of it can be used; single records that are no readings are returned in `bad`.
    Any SenML writer may send one: the only things asked beyond the RFC are the `site` label in the first record,
    absolute times, and names `<sensor>/<quantity>`.
    """
    if len(payload) > MAX_PAYLOAD:
        raise PackTooLongError(f"pack of {len(payload)} bytes is above {MAX_PAYLOAD}")
    records = parse_json(payload) if payload.lstrip(b" \t\r\n")[:1] == b"[" else parse_labelled_cbor(payload)
    if not records:
        raise SenmlError("an empty pack")
    if len(records) > MAX_READINGS:
        raise PackTooLongError(f"pack of {len(records)} records is above {MAX_READINGS}")
    site = records[0].get("site")
    try:
        check_id(site if isinstance(site, str) else "")
    except ValueError as error:
        raise SenmlError(f"site: {error}") from error
    base = Base()
    readings: list[Reading] = []
    bad: list[BadRecord] = []
    manifests = Gathering()
    for fields in records:
        base.take(fields)
        try:
            record = base.resolve(fields)
            if record is not None and not _is_count(record, manifests):
                readings.append(_to_reading(record, fields))
        except UnknownQuantityError as error:
            bad.append(BadRecord(Reason.UNKNOWN_QUANTITY, str(error), _whole(base, fields)))
        except UnitMismatchError as error:
            bad.append(BadRecord(Reason.UNIT, str(error), _whole(base, fields)))
        except ValueError as error:  # SenmlError is one
            bad.append(BadRecord(Reason.BAD_RECORD, str(error), _whole(base, fields)))
    return Pack(str(site), tuple(readings), tuple(bad), manifests.manifests())


def _is_count(record: Record, manifests: Gathering) -> bool:
    """Whether the record is part of a manifest and was taken as such; raises ValueError."""
    if "/manifest/" not in record.name:
        return False
    return manifests.take(record.name, record.unit, _absolute_ms(record), record.value)


def _absolute_ms(record: Record) -> int:
    if record.time < RELATIVE_BELOW:
        raise SenmlError(f"{record.name} has a relative time")
    if record.time >= TIME_BELOW:
        raise SenmlError(f"{record.name} has a time after the year 9999")
    return round(record.time * 1000)


def _to_reading(record: Record, fields: Mapping[str, Any]) -> Reading:
    sensor, slash, quantity = record.name.rpartition("/")
    if not slash:
        raise SenmlError(f"name {record.name!r} is not <sensor>/<quantity>")
    if record.value is None:
        raise SenmlError(f"{record.name} has no number")
    observed_at = _absolute_ms(record)
    value = to_canonical(
        quantity, record.value, record.unit or QUANTITIES[quantity].unit if quantity in QUANTITIES else ""
    )
    if not math.isfinite(value):
        raise SenmlError(f"{record.name} is too large in its canonical unit")
    flags = fields.get("fl", 0)
    if not isinstance(flags, int) or isinstance(flags, bool) or not 0 <= flags < 2**31:
        raise SenmlError("fl must be an integer from 0 to 2147483647")
    return Reading(check_id(sensor), quantity, observed_at, value, flags)


def _whole(base: Base, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its base name written out and the base fields in force, so that it can be understood on its own."""
    name = fields.get("n", "")
    inherited = {"bt": base.time, "bu": base.unit, "bv": base.value, "bs": base.sum}
    kept = {label: value for label, value in fields.items() if label not in ("bn", "n", "site", *inherited)}
    return {
        "n": f"{base.name}{name}",
        **{label: value for label, value in inherited.items() if value},
        **kept,
    }
