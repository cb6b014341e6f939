"""The half of `halong decode` that reads what devices publish over MQTT and HTTP. Pure.

`meta` may hold `topic`, `headers`, for Sparkplug `birth` (a birth's payload in hexadecimal or an object whose `hex` it is, or a
list of them), for an array its `datatype`, and what a source's configuration can say: `fields` (quantity -> path, or {path,
unit}), `names`, `zone`. Without `fields` the keys of a decoded LoRaWAN payload that are called like a quantity are taken for
it, in its unit.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from edge.decoding.report import Decoder, DecodeReport, Meta, reading
from edge.driver import Verdict
from edge.formats import FORMATS, sparkplug, sparkplug_arrays
from edge.formats.contract import Arrival, Options, Understood
from edge.formats.sparkplug_nodes import BIRTHS, DATA, Sparkplug, tell
from edge.payloads import FieldSpec
from edge.publishers import FieldPath
from telemetry.quantities import QUANTITIES

_LORAWAN = ("chirpstack-v4", "tts-v3")


class _Hints(msgspec.Struct):
    """What of `meta` is used here."""

    topic: str | None = None
    headers: dict[str, str | int] | None = None
    birth: str | dict[str, Any] | list[str | dict[str, Any]] = []
    datatype: int | str | None = None
    fields: dict[str, str | FieldPath] | None = None
    names: dict[str, str] | None = None
    zone: str = ""

    def arrival(self, data: bytes) -> Arrival:
        headers = {name: str(value) for name, value in (self.headers or {}).items()}
        return Arrival(data, self.topic or "", 0, headers)

    def options(self) -> Options:
        fields, names = self.fields or {}, self.names or {}
        unknown = {*fields, *names.values()} - QUANTITIES.keys()
        if unknown:
            raise ValueError(f"unknown quantity {min(unknown)!r}")
        paths = {
            quantity: FieldSpec(given)
            if isinstance(given, str)
            else FieldSpec(given.path, given.unit or None)
            for quantity, given in fields.items()
        }
        return Options(paths, names, zone=self.zone)

    def births(self) -> list[bytes]:
        try:
            return [
                bytes.fromhex(one if isinstance(one, str) else str(one["hex"]))
                for one in (self.birth if isinstance(self.birth, list) else [self.birth])
            ]
        except (ValueError, KeyError):
            raise ValueError(
                "meta birth must be a birth's payload in hexadecimal, or a list of them"
            ) from None


def _hints(meta: Meta) -> _Hints:
    try:
        return msgspec.convert(dict(meta), _Hints)
    except msgspec.ValidationError as error:
        raise ValueError(f"meta: {error}") from None


def _format(name: str, data: bytes, meta: Meta) -> Understood:
    hints = _hints(meta)
    options = hints.options()
    if name in _LORAWAN and not options.fields:
        options = options._replace(fields={quantity: FieldSpec(quantity) for quantity in QUANTITIES})
    return FORMATS[name](options).understand(hints.arrival(data))


def _sparkplug(data: bytes, meta: Meta) -> Understood:
    hints = _hints(meta)
    topic = sparkplug.parse_topic(hints.topic or "")
    format_ = Sparkplug(hints.options())
    if topic is None and (hints.topic or data[:1] == b"{"):
        return format_.understand(hints.arrival(data))
    births: dict[int | str, sparkplug.Known] = {}
    for birth in hints.births():
        births |= sparkplug.table(sparkplug.decode(birth).metrics)
    payload = sparkplug.decode(data)
    if topic is None or topic.kind in BIRTHS:
        births |= sparkplug.table(payload.metrics)
    understood = format_.report(payload, tell(payload, births))
    if topic is not None and topic.kind not in (*BIRTHS, *DATA):
        return Understood(Verdict.ACCEPT, understood.decoded)
    return understood


def _array(data: bytes, meta: Meta) -> Understood:
    datatype = _hints(meta).datatype
    if not isinstance(datatype, int) or datatype not in sparkplug_arrays.ARRAYS:
        raise ValueError("meta datatype must be the number of an array type, 22 to 34")
    return Understood(Verdict.ACCEPT, sparkplug_arrays.decode_array(data, datatype))


def _report(understand: Callable[[bytes, Meta], Understood], data: bytes, meta: Meta) -> DecodeReport:
    understood = understand(data, meta)
    readings = [
        reading(one.quantity, one.value, time_ms=one.time_ms, flags=one.flags) for one in understood.dated
    ]
    return DecodeReport(understood.verdict, understood.decoded, readings, understood.reason)


PUBLISHED: dict[str, Decoder] = {
    **{name: partial(_report, partial(_format, name)) for name in FORMATS},
    "sparkplug-b": partial(_report, _sparkplug),
    "sparkplug-b-array": partial(_report, _array),
}
