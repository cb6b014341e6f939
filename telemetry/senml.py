"""SenML (RFC 8428), in JSON and CBOR: what the records of any pack say. Pure. Packs of ours are in `telemetry.packs`."""

import base64
import binascii
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, NamedTuple

import cbor2
import msgspec

SUPPORTED_VERSION = 10
RELATIVE_BELOW = 2**28  # RFC 8428 section 4.5.3: smaller times are relative to now

_CBOR_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
CBOR_NUMBERS = {label: number for number, label in _CBOR_LABELS.items()}
_LABELS = frozenset(_CBOR_LABELS.values())
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_CBOR_MAX_DEPTH = 4
CBOR_ERRORS = (
    cbor2.CBORDecodeError,
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
    EOFError,
    MemoryError,
)


class SenmlError(ValueError):
    """The pack breaks RFC 8428; nothing of it may be used."""


class Record(NamedTuple):
    """One resolved record.

    `time` is in seconds since 1970, or relative to now when below 2**28. At most one of the values is set: a number
    in `value`, or text, truth or bytes in `other`. `sum` is the integrated value.
    """

    name: str
    unit: str | None
    time: float
    value: float | None
    other: str | bool | bytes | None = None
    sum: float | None = None


def decode_json(payload: bytes) -> list[Record]:
    """The resolved records of a SenML JSON pack; raises SenmlError."""
    return list(resolve(parse_json(payload)))


def decode_cbor(payload: bytes) -> list[Record]:
    """The resolved records of a SenML CBOR pack; raises SenmlError."""
    return list(resolve(parse_labelled_cbor(payload)))


def resolve(records: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    """Resolve base fields (RFC 8428 section 4.6), record by record, in the pack's order; raises SenmlError."""
    base = Base()
    for fields in records:
        base.take(fields)
        resolved = base.resolve(fields)
        if resolved is not None:
            yield resolved


class Base:
    """The base fields in force, and the rules for one record. A record is first taken, then resolved."""

    def __init__(self) -> None:
        self.name, self.unit = "", None
        self.time = self.value = self.sum = 0.0
        self.version: int | None = None

    def take(self, fields: Mapping[str, Any]) -> None:
        """What a record says for others, too. SenmlError is the end of the whole pack: the next record could be misread."""
        for label in fields:
            if label.endswith("_") and label not in _LABELS:
                raise SenmlError(f"label {label!r} must be understood and is not")
        self._take_version(fields)
        self.name = _text(fields, "bn", self.name)
        self.unit = _text(fields, "bu", self.unit)
        self.time = _number(fields, "bt", self.time)
        self.value = _number(fields, "bv", self.value)
        self.sum = _number(fields, "bs", self.sum)

    def resolve(self, fields: Mapping[str, Any]) -> Record | None:
        """The record itself, None for one that only has base fields. SenmlError concerns no other record."""
        value, other, total = self._values(fields)
        if value is None and other is None and total is None:
            if {"n", "u", "t"} & fields.keys():
                raise SenmlError("a record without a value")
            return None
        name = self.name + _text(fields, "n", "")
        if not _NAME.fullmatch(name):
            raise SenmlError(f"name {name!r} is empty or has characters SenML does not allow")
        unit = _text(fields, "u", self.unit) if value is not None or total is not None else None
        return Record(name, unit, _added(self.time, fields, "t"), value, other, total)

    def _take_version(self, fields: Mapping[str, Any]) -> None:
        if "bver" not in fields:
            return
        version = fields["bver"]
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise SenmlError("bver must be a positive integer")
        if version > SUPPORTED_VERSION:
            raise SenmlError(f"SenML version {version} is above {SUPPORTED_VERSION}")
        if self.version not in (None, version):
            raise SenmlError("bver changes inside the pack")
        self.version = version

    def _values(
        self, fields: Mapping[str, Any]
    ) -> tuple[float | None, str | bool | bytes | None, float | None]:
        given = [label for label in ("v", "vs", "vb", "vd") if label in fields]
        if len(given) > 1:
            raise SenmlError(f"more than one value: {', '.join(given)}")
        total = _added(self.sum, fields, "s") if "s" in fields else None
        if not given:
            return None, None, total
        label = given[0]
        if label == "v":
            return _added(self.value, fields, "v"), None, total
        content: Any = fields[label]
        if label == "vd" and isinstance(content, str):
            try:
                return None, base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)), total
            except (binascii.Error, ValueError) as error:
                raise SenmlError(f"vd is not base64url: {error}") from error
        match label, content:
            case ("vs", str()) | ("vb", bool()) | ("vd", bytes()):
                return None, content, total
        raise SenmlError(f"{label} has the wrong type")


def _number(fields: Mapping[str, Any], label: str, default: float) -> float:
    value = fields.get(label, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SenmlError(f"{label} must be a number")
    try:
        value = float(value)
    except OverflowError as error:
        raise SenmlError(f"{label} is too large") from error
    if not math.isfinite(value):
        raise SenmlError(f"{label} must be finite")
    return value


def _added(base: float, fields: Mapping[str, Any], label: str) -> float:
    """A base value and the record's own."""
    total = base + _number(fields, label, 0.0)
    if not math.isfinite(total):
        raise SenmlError(f"{label} is too large with its base")
    return total


def _text(fields: Mapping[str, Any], label: str, default: Any) -> Any:
    value = fields.get(label, default)
    if value is not default and not isinstance(value, str):
        raise SenmlError(f"{label} must be text")
    return value


def parse_json(payload: bytes) -> list[dict[str, Any]]:
    """The records as they are written, nothing resolved; raises SenmlError."""
    try:
        return msgspec.json.decode(payload, type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SenmlError(f"not a SenML JSON pack: {error}") from error


def parse_cbor(payload: bytes) -> list[dict[Any, Any]]:
    """An array of maps, labels as they are written; raises one of CBOR_ERRORS."""
    stream = BytesIO(payload)
    pack = cbor2.CBORDecoder(stream, max_depth=_CBOR_MAX_DEPTH).decode()
    if stream.read(1):
        raise ValueError("bytes after its end")
    if not isinstance(pack, list) or not all(isinstance(fields, dict) for fields in pack):
        raise ValueError("must be an array of maps")
    return pack


def parse_labelled_cbor(payload: bytes) -> list[dict[str, Any]]:
    """The same of CBOR, with the labels of JSON; raises SenmlError."""
    try:
        pack = parse_cbor(payload)
    except CBOR_ERRORS as error:
        raise SenmlError(f"not a SenML CBOR pack: {error}") from error
    records = []
    for fields in pack:
        record = {}
        for key, value in fields.items():
            label = key if isinstance(key, str) else _CBOR_LABELS.get(key) if type(key) is int else None
            if label is not None:
                record[label] = float(value) if type(value).__name__ == "Decimal" else value
        records.append(record)
    return records


def base64url(data: bytes) -> str:
    """`vd` as JSON writes it: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
