"""SenML packs. Pure."""

from functools import partial
from typing import Any

from edge.decoding.report import Decoder, DecodeReport, Meta, reading
from edge.driver import BadFrameError, Verdict
from edge.payloads import SenmlMapping
from telemetry import senml


def _senml(cbor: bool, data: bytes, meta: Meta) -> DecodeReport:
    try:
        records = senml.decode_cbor(data) if cbor else senml.decode_json(data)
    except senml.SenmlError as error:
        raise BadFrameError(str(error)) from None
    try:
        dated = SenmlMapping(cbor).decode(data, 0)
    except BadFrameError:  # a good pack, but one with a unit that cannot be converted
        dated = []
    readings = [reading(one.quantity, one.value, time_ms=one.time_ms) for one in dated]
    return DecodeReport(Verdict.ACCEPT, [_record(record) for record in records], readings)


def _record(record: senml.Record) -> dict[str, Any]:
    fields: dict[str, Any] = {"n": record.name, "t": record.time if record.time else "now"}
    if record.unit is not None:
        fields["u"] = record.unit
    if record.sum is not None:
        fields["s"] = record.sum
    match record.other:
        case bool():
            fields["vb"] = record.other
        case str():
            fields["vs"] = record.other
        case bytes():
            fields |= {"vd": senml.base64url(record.other), "vd_hex": record.other.hex()}
        case None if record.value is not None:
            fields["v"] = record.value
    return fields


PACKS: dict[str, Decoder] = {"senml-json": partial(_senml, False), "senml-cbor": partial(_senml, True)}
