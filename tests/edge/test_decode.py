"""Every checked vector of the protocols here decodes to its stated verdict and values."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.decode import PROTOCOLS, decode

VECTORS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))
for one in VECTORS:
    if "birth" in one:  # the id of the vector that holds it
        one["birth"] = next(other["hex"] for other in VECTORS if other["id"] == one["birth"])
OURS = [vector for vector in VECTORS if vector["protocol"] in PROTOCOLS]
UNKNOWN_TO_A_CALLER = {
    "verdict",
    "decoded",
    "hex",
    "text",
    "protocol",
    "id",
    "origin",
    "source",
    "verified_by",
    "note",
    "reason",
}


def holds(stated: Any, found: Any, tolerance: float) -> bool:
    """All that is stated is found; more may be."""
    if isinstance(stated, dict):
        return isinstance(found, dict) and all(
            key in found and holds(value, found[key], tolerance) for key, value in stated.items()
        )
    if isinstance(stated, list):
        return (
            isinstance(found, list)
            and len(found) == len(stated)
            and all(map(lambda s, f: holds(s, f, tolerance), stated, found))
        )
    if isinstance(stated, float | int) and not isinstance(stated, bool):
        return isinstance(found, float | int) and abs(stated - found) <= tolerance
    return bool(stated == found)


@pytest.mark.parametrize("vector", OURS, ids=[vector["id"] for vector in OURS])
@pytest.mark.parametrize("told", ["everything", "only what the bytes cannot say"])
def test_vector(vector: dict[str, Any], told: str) -> None:
    data = bytes.fromhex(vector["hex"]) if "hex" in vector else vector["text"].encode()
    meta = {key: value for key, value in vector.items() if key not in UNKNOWN_TO_A_CALLER}
    if told != "everything":
        meta.pop("direction")
    report = decode(vector["protocol"], data, meta)
    assert report.verdict == vector["verdict"], report
    if vector["decoded"] is not None:
        assert holds(vector["decoded"], report.decoded, vector.get("tolerance", 1e-9)), report
    json.dumps(report.decoded)
    json.dumps(report.readings)


def test_there_are_vectors_for_each_protocol() -> None:
    assert {vector["protocol"] for vector in OURS} == set(PROTOCOLS)
    assert len(OURS) > 70


def test_readings_are_in_canonical_units() -> None:
    station = decode(
        "modbus-rtu",
        bytes.fromhex("0103060005000f03fb9c05"),
        {"request_hex": "010301fb000375c6", "device": "air-station"},
    )
    assert {"quantity": "pressure", "value": 1019.0, "unit": "hPa"} in station.readings
    radar = decode("ops243", b'{"speed":10,"direction":"inbound","unit":"mph"}', {})
    assert radar.readings == [{"quantity": "vehicle_speed", "value": 16.09344, "unit": "km/h"}]


def test_a_board_temperature_that_is_not_supplied_is_not_published() -> None:
    report = decode("mhz19", bytes.fromhex("ff8601f40000000085"), {})
    assert [reading["quantity"] for reading in report.readings] == ["co2"]


@pytest.mark.parametrize(
    ("protocol", "data"),
    [
        ("pms5003", b""),
        ("mhz19", b"\xff"),
        ("modbus-rtu", b"\x01\x03\x02"),
        ("senml-json", b"{}"),
        ("senml-cbor", b"\xff"),
        ("line-ndjson", b"[1]"),
    ],
)
def test_too_little_is_rejected_with_a_reason(protocol: str, data: bytes) -> None:
    report = decode(protocol, data, {})
    assert report.verdict == "reject"
    assert report.reason


def test_an_unknown_protocol_is_named_with_its_neighbour() -> None:
    with pytest.raises(ValueError, match="did you mean 'pms5003'"):
        decode("pms5030", b"", {})
