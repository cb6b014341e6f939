"""SenML as RFC 8428 says it."""

import json
import math
from typing import Any

import cbor2
import pytest

from telemetry.senml import RELATIVE_BELOW, Record, SenmlError, base64url, decode_cbor, decode_json, resolve

T = 1_700_000_000
# RFC 8428 table 4.
NUMBERS = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6} | {
    label: number for number, label in enumerate(("n", "u", "v", "vs", "vb", "s", "t", "ut", "vd"))
}


def resolved(*records: dict[str, Any]) -> list[Record]:
    return list(resolve(records))


def as_cbor(records: list[dict[str, Any]]) -> bytes:
    return cbor2.dumps([{NUMBERS.get(label, label): value for label, value in r.items()} for r in records])


class TestResolve:
    """Sections 4.1 to 4.6 of the RFC."""

    def test_base_fields_hold_for_what_follows_until_they_change(self) -> None:
        found = resolved(
            {"bn": "a/", "bt": T, "bu": "Cel", "bv": 20, "n": "x", "v": 1.5},
            {"n": "y", "v": -0.5, "t": 2},
            {"bn": "b/", "bt": T + 10, "n": "x", "v": 0, "u": "%RH"},
            {"n": "z", "v": 1},
        )
        assert found == [
            Record("a/x", "Cel", T, 21.5),
            Record("a/y", "Cel", T + 2, 19.5),
            Record("b/x", "%RH", T + 10, 20.0),
            Record("b/z", "Cel", T + 10, 21.0),
        ]

    def test_a_records_own_fields_do_not_hold_for_the_next(self) -> None:
        first, second = resolved({"n": "a", "u": "Cel", "t": T, "v": 1}, {"n": "b", "v": 2})
        assert (first.unit, first.time) == ("Cel", T)
        assert (second.unit, second.time) == (None, 0)

    def test_a_record_of_base_fields_alone_gives_nothing(self) -> None:
        assert resolved({"bn": "a/", "bt": T}, {"n": "x", "v": 1}) == [Record("a/x", None, T, 1)]

    def test_sums_have_their_base_and_may_stand_alone(self) -> None:
        found = resolved({"bn": "m", "bs": 100, "bu": "J", "s": 5}, {"v": 1, "s": 7})
        assert found == [Record("m", "J", 0, None, None, 105), Record("m", "J", 0, 1, None, 107)]

    @pytest.mark.parametrize(
        ("value", "other"),
        [
            ({"vs": "open"}, "open"),
            ({"vb": False}, False),
            ({"vd": "aGkgCg"}, b"hi \n"),
            ({"vd": b"hi"}, b"hi"),
        ],
    )
    def test_other_values_have_no_unit(self, value: dict[str, Any], other: Any) -> None:
        assert resolved({"n": "door", "bu": "Cel", **value}) == [Record("door", None, 0, None, other)]

    def test_what_is_not_known_is_ignored(self) -> None:
        assert resolved({"n": "a", "v": 1, "fl": 4, "https://x/y": [1]}) == [Record("a", None, 0, 1)]

    def test_but_a_label_that_must_be_understood_is_not(self) -> None:
        with pytest.raises(SenmlError, match=r"'custom_' must be understood"):
            resolved({"n": "a", "v": 1}, {"n": "a", "v": 1, "custom_": 1})

    @pytest.mark.parametrize("version", [1, 5, 10])
    def test_versions_up_to_ours_are_read(self, version: int) -> None:
        assert resolved({"bver": version, "n": "a", "v": 1}, {"n": "b", "v": 2, "bver": version})

    @pytest.mark.parametrize("version", [0, -1, 11, 2**70, "10", 5.0, True, None])
    def test_other_versions_are_refused(self, version: object) -> None:
        with pytest.raises(SenmlError, match=r"bver|version"):
            resolved({"bver": version, "n": "a", "v": 1})

    def test_the_version_does_not_change_inside_a_pack(self) -> None:
        with pytest.raises(SenmlError, match="bver changes"):
            resolved({"bver": 5, "n": "a", "v": 1}, {"bver": 6, "n": "a", "v": 1})

    @pytest.mark.parametrize("name", ["", "-a", "/a", "a b", "ä", "a\n", "a#"])
    def test_names_keep_to_the_rfcs_characters(self, name: str) -> None:
        with pytest.raises(SenmlError, match="name"):
            resolved({"n": name, "v": 1})

    @pytest.mark.parametrize("name", ["urn:dev:ow:10e2073a01080063", "0", "a-b.c_d/e:f"])
    def test_names_the_rfc_allows(self, name: str) -> None:
        assert resolved({"n": name, "v": 1})[0].name == name

    @pytest.mark.parametrize(
        "fields",
        [
            {"n": "a"},
            {"t": 5},
            {"u": "Cel"},
            {"n": "a", "bv": 5},
            {"n": "a", "v": 1, "vs": "x"},
            {"n": "a", "vb": 1},
            {"n": "a", "vs": 1},
            {"n": "a", "vd": "a"},
            {"n": "a", "vd": "ä"},
            {"n": "a", "v": "1"},
            {"n": "a", "v": True},
            {"n": "a", "v": None},
            {"n": "a", "v": math.nan},
            {"n": "a", "v": math.inf},
            {"n": "a", "v": 10**400},
            {"n": "a", "v": 1e308, "bv": 1e308},
            {"n": "a", "s": 1e308, "bs": 1e308},
            {"n": "a", "v": 1, "t": 1e308, "bt": 1e308},
            {"n": "a", "v": 1, "t": "now"},
            {"n": "a", "v": 1, "u": 5},
            {"n": 5, "v": 1},
            {"bn": 5, "n": "a", "v": 1},
            {"bt": "x", "n": "a", "v": 1},
            {"bu": 1, "n": "a", "v": 1},
        ],
    )
    def test_what_breaks_the_rules_is_refused(self, fields: dict[str, Any]) -> None:
        with pytest.raises(SenmlError):
            resolved(fields)

    def test_times_below_2_to_the_28_are_relative_to_now(self) -> None:
        assert RELATIVE_BELOW == 268_435_456
        assert [record.time for record in resolved({"n": "a", "v": 1, "t": -5}, {"n": "a", "v": 1})] == [
            -5,
            0,
        ]


class TestCbor:
    """Section 6: the same with integer labels."""

    def test_integer_labels_mean_the_same_as_names(self) -> None:
        records: list[dict[str, Any]] = [
            {"bver": 5, "bn": "a/", "bt": T, "bu": "Cel", "bv": 1, "bs": 2, "n": "x", "v": 1.5, "s": 1},
            {"n": "y", "vs": "on", "t": 1, "ut": 5},
            {"n": "z", "vb": True},
        ]
        assert decode_cbor(as_cbor(records)) == decode_json(json.dumps(records).encode())

    def test_bytes_are_bytes(self) -> None:
        assert decode_cbor(as_cbor([{"n": "a", "vd": b"\0\xff"}]))[0].other == b"\0\xff"
        assert base64url(b"\0\xff") == "AP8"

    def test_a_decimal_fraction_is_a_number(self) -> None:
        payload = b"\x81\xa2\x00\x61a\x02" + bytes.fromhex("c48220190fff")  # 4095 * 10^-1
        assert decode_cbor(payload) == [Record("a", None, 0, 409.5)]

    def test_labels_of_other_types_are_ignored(self) -> None:
        assert decode_cbor(cbor2.dumps([{0: "a", 2: 1, b"x": 1, 99: 1, 1.5: 1, "fl": 2}]))[0].value == 1

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"\xff",
            cbor2.dumps({0: "a", 2: 1}),
            cbor2.dumps([[1]]),
            cbor2.dumps([{0: "a", 2: 1}]) + b"\0",
            cbor2.dumps([{0: "a", 2: 1}])[:-1],
            cbor2.dumps([{0: "a", 2: float("nan")}]),
            b"\x81" * 5000 + b"\0",
            bytes.fromhex("9bffffffffffffffff"),
            bytes.fromhex("d81c81d81d00"),
        ],
    )
    def test_what_is_no_pack_is_refused(self, payload: bytes) -> None:
        with pytest.raises(SenmlError):
            decode_cbor(payload)
