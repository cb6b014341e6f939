"""Every checked vector of the protocols here decodes to its stated verdict and values."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.decode import PROTOCOLS, DecodeReport, decode, decode_all

VECTORS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))
for one in VECTORS:
    if "birth" in one:  # the id of the vector that holds it
        one["birth"] = next(other["hex"] for other in VECTORS if other["id"] == one["birth"])
ALIASES = {"pms7003": "pms5003"}
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
    assert {vector["protocol"] for vector in OURS} == set(PROTOCOLS) - ALIASES.keys()
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


PM = "424d001c00000008000800000008000800d20046002d001e00000000970002c5"
WARM_UP = "424d001c000000000000000000000000000000000000000000000000000000ab"


def verdicts(reports: list[DecodeReport]) -> list[str]:
    return [report.verdict.value for report in reports]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([PM], ["accept"]),
        ([PM, WARM_UP], ["accept", "ignore"]),
        ([PM + WARM_UP], ["accept", "ignore"]),
        ([PM + "0042" + PM + "424d"], ["accept", "accept"]),
        ([PM[:20], PM[20:]], ["accept"]),
        ([PM[:20], PM[20:40], PM[40:] + WARM_UP], ["accept", "ignore"]),
        ([PM[:-2] + "00", PM], ["reject", "accept"]),
        ([PM[:20]], ["reject"]),
        ([PM, PM[:20]], ["accept", "reject"]),
    ],
)
def test_each_frame_in_gives_a_report_however_the_bytes_are_cut(
    pieces: list[str], expected: list[str]
) -> None:
    assert verdicts(decode_all("pms5003", [bytes.fromhex(piece) for piece in pieces], {})) == expected


def test_each_line_gives_a_report() -> None:
    two = b"2009:05:28,23:04:04.902,00,0070.5,0073.9,00000773,0163.1,03\r\nrubbish\r\n"
    assert verdicts(decode_all("wavetronix-csv", [two], {})) == ["accept", "reject"]
    assert verdicts(decode_all("line-ndjson", [b'{"a":1}\n{"b":2}'], {})) == ["accept", "accept"]
    assert verdicts(decode_all("senml-json", [b"{}", b'[{"n":"t","v":1}]'], {})) == ["reject", "accept"]


def test_one_frame_is_reported_as_before() -> None:
    assert len(OURS) > 100
    for vector in OURS:
        data = bytes.fromhex(vector["hex"]) if "hex" in vector else vector["text"].encode()
        meta = {key: value for key, value in vector.items() if key not in UNKNOWN_TO_A_CALLER}
        assert decode_all(vector["protocol"], [data], meta) == [decode(vector["protocol"], data, meta)], (
            vector["id"]
        )


def test_an_alias_decodes_like_its_model() -> None:
    assert decode("pms7003", bytes.fromhex(PM), {}) == decode("pms5003", bytes.fromhex(PM), {})


def test_values_are_named_by_the_options_when_they_are_told() -> None:
    config = {"fields": {"water_level": {"path": 1, "unit": "cm"}}}
    report = decode("sdi12", b"0+3.14+271.8\r\n", {"reply_to": "0D0!", "config": config})
    assert report.readings == [{"quantity": "water_level", "value": 2.718, "unit": "m"}]


@pytest.mark.parametrize(
    ("protocol", "data", "decoded"),
    [
        ("sdi12", "0I!", {"command": "identify", "address": "0"}),
        ("sdi12", "?!", {"command": "query-address"}),
        ("sdi12", "5RC0!", {"command": "continuous-with-crc", "address": "5", "index": 0}),
        ("sdi12", "0M3!", {"command": "measure", "address": "0", "index": 3}),
        ("sdi12", "0D9!", {"command": "send-data", "address": "0", "index": 9}),
        ("sdi12", "0Ab!", {"command": "change-address", "address": "0", "new_address": "b"}),
        ("sdi12", "000512\r\n", {"address": "0", "ready_s": 5, "count": 12}),
        ("sdi12", "0\r\n", {"address": "0"}),
        ("sdi12", "0-1.5+.25+3\r\n", {"address": "0", "values": [-1.5, 0.25, 3.0]}),
        (
            "sdi12",
            "013NRSYSINC1000001.2101\r\n",
            {
                "address": "0",
                "sdi12_version": "1.3",
                "vendor": "NRSYSINC",
                "model": "100000",
                "version": "1.2",
            },
        ),
        ("davis-vantage", "LOOP 5\n", {"command": "loop", "count": 5}),
        ("davis-vantage", "LPS 2 1\n", {"command": "lps", "packets": 2, "count": 1}),
        ("davis-vantage", "\n\r", {"kind": "awake"}),
        ("davis-vantage", "\n", {"command": "wake"}),
        ("nmea0183", "$GPZDA,201530.00,04,07,2002,00,00*60\r\n", {"datetime": "2002-07-04T20:15:30"}),
    ],
)
def test_what_no_vector_shows(protocol: str, data: str, decoded: dict[str, Any]) -> None:
    report = decode(protocol, data.encode(), {})
    assert report.verdict == "accept", report
    assert holds(decoded, report.decoded, 1e-9), report


@pytest.mark.parametrize(
    ("protocol", "data"),
    [
        ("sds011", "aac0d4043a0aa1601dac"),
        ("sds011", "aac0d4043a0aa1601eab"),
        ("sds011", "aab409010000000000000000000000ffff08ab"),
        ("sps30", "7e00030000fd7e"),
        ("sps30", "7e00030001fb7e"),
        ("hlk-ld2451", "f4f3f2f107000200800e0004fff8f7f6f5"),
        ("hlk-ld2451", "f4f3f2f107000100800e0004fff8f7f6f6"),
        ("hlk-ld2451", "fdfcfbfa0500ff00010004030201"),
        ("davis-vantage", "25350a07067060bb"),
    ],
)
def test_a_wrong_byte_is_rejected(protocol: str, data: str) -> None:
    assert decode(protocol, bytes.fromhex(data), {}).verdict == "reject"


@pytest.mark.parametrize(
    ("data", "decoded"),
    [
        ("fdfcfbfa0400ff00010004030201", {"command": "open-configuration"}),
        ("fdfcfbfa06000200640205000403020100"[:-2], {"command": "set-detection", "max_distance_m": 100}),
        ("fdfcfbfa0400ff01000004030201", {"reply": "open-configuration", "ok": True}),
    ],
)
def test_the_configuration_of_the_traffic_radar(data: str, decoded: dict[str, Any]) -> None:
    assert holds(decoded, decode("hlk-ld2451", bytes.fromhex(data), {}).decoded, 0)


@pytest.mark.parametrize(
    ("data", "meta", "decoded"),
    [
        ("7e008001007d5e7e", {}, {"command": "auto-clean-interval"}),
        ("7e008001007d5e7e", {"direction": "to-device"}, {"command": "auto-clean-interval"}),
        ("7e008001007d5e7e", {"direction": "from-device"}, {"reply": "auto-clean-interval", "state": 1}),
        ("7e00030100fb7e", {}, {"reply": "read", "error": "wrong data length"}),
        ("fe7e007d314300ab7e", {"direction": "from-device"}, {"reply": "wake", "state": 67}),
        ("7e00d10007020200070002001a7e", {}, {"reply": "version", "firmware": "2.2"}),
    ],
)
def test_a_frame_that_reads_both_ways_is_told_apart_by_its_direction(
    data: str, meta: dict[str, str], decoded: dict[str, Any]
) -> None:
    report = decode("sps30", bytes.fromhex(data), meta)
    assert holds(decoded, report.decoded, 0), report


def test_a_frame_among_noise_is_a_list_of_one_unless_a_device_is_said_to_have_sent_it() -> None:
    noisy = bytes.fromhex("00aa" + "aac0d4043a0aa1601dab" + "aa")
    (single,) = decode("sds011", noisy, {}).decoded
    assert decode("sds011", noisy, {"direction": "from-device"}).decoded == single
