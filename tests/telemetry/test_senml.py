"""SenML as RFC 8428 says it, and the packs between gateway and ingest: exact, bounded, one bad record hurts only itself."""

import json
import math
from contextlib import suppress
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry.quantities import QUANTITIES
from telemetry.quarantine import Reason
from telemetry.reading import Flag, Reading
from telemetry.senml import (
    MAX_PAYLOAD,
    MAX_READINGS,
    RELATIVE_BELOW,
    TIME_BELOW,
    Record,
    SenmlError,
    base64url,
    decode_cbor,
    decode_json,
    decode_pack,
    encode_pack,
    resolve,
)

T = 1_700_000_000
NUMBERS = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6} | {
    label: number for number, label in enumerate(("n", "u", "v", "vs", "vb", "s", "t", "ut", "vd"))
}  # RFC 8428 table 4


def resolved(*records: dict[str, Any]) -> list[Record]:
    return list(resolve(records))


def packed(*records: dict[str, Any], site: str = "s") -> bytes:
    first, *rest = records
    return json.dumps([{"site": site, **first}, *rest]).encode()


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


def readings() -> st.SearchStrategy[Reading]:
    return st.builds(
        Reading,
        sensor=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
        quantity=st.sampled_from(sorted(QUANTITIES)),
        observed_at=st.integers(RELATIVE_BELOW * 1000, TIME_BELOW * 1000 - 1),
        value=st.floats(allow_nan=False, allow_infinity=False),
        flags=st.integers(0, 2**31 - 1),
    )


class TestPack:
    """What travels from gateway to ingest."""

    @given(
        site=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
        items=st.lists(readings(), min_size=1),
        cbor=...,
    )
    def test_decoding_an_encoded_pack_is_identity(self, site: str, items: list[Reading], cbor: bool) -> None:
        pack = decode_pack(encode_pack(site, items, cbor=cbor))
        assert pack.site == site
        assert pack.bad == ()
        assert list(pack.readings) == items

    @given(ms=st.integers(0, TIME_BELOW * 1000 - 1))
    @example(ms=253_402_300_799_999)
    def test_integer_milliseconds_survive_as_seconds_in_json(self, ms: int) -> None:
        assert round(json.loads(json.dumps(ms / 1000)) * 1000) == ms

    def test_the_bytes_are_plain_senml(self) -> None:
        pm = Reading("pm-1", "pm25", T * 1000 + 123, 12.0)
        later = msgspec.structs.replace(pm, observed_at=pm.observed_at + 1)
        co2 = Reading("co2-1", "co2", T * 1000, 400.0, int(Flag.DEVICE))
        assert encode_pack("bai-chay", [pm, later, co2]) == (
            b'[{"bn":"pm-1/","site":"bai-chay","n":"pm25","u":"ug/m3","t":1700000000.123,"v":12.0},'
            b'{"n":"pm25","u":"ug/m3","t":1700000000.124,"v":12.0},'
            b'{"bn":"co2-1/","n":"co2","u":"ppm","t":1700000000.0,"v":400.0,"fl":2}]'
        )

    def test_any_senml_writer_may_send_one(self) -> None:
        pack = decode_pack(
            b' \r\n[{"bn":"pm-1/","bt":1700000000,"bu":"ug/m3","site":"s","n":"pm25","v":1,"t":0.25},'
            b'{"n":"pm10","v":2,"u":"mg/m3"},{"bn":"","n":"t-1/temperature","u":"K","v":273.15}]'
        )
        assert pack.bad == ()
        assert pack.readings == (
            Reading("pm-1", "pm25", T * 1000 + 250, 1.0),
            Reading("pm-1", "pm10", T * 1000, 2000.0),
            Reading("t-1", "temperature", T * 1000, 0.0),
        )

    @pytest.mark.parametrize(
        ("record", "reason"),
        [
            ({"n": "pm25"}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": "12"}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": None}, Reason.BAD_RECORD),
            ({"n": "pm25", "vs": "high"}, Reason.BAD_RECORD),
            ({"n": "pm25", "s": 5}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": 1, "t": 5}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": 1, "t": -1e300}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": 1, "t": 1e306}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": 1, "t": TIME_BELOW}, Reason.BAD_RECORD),
            ({"n": "pm 25", "v": 1}, Reason.BAD_RECORD),
            ({"n": "x/pm25", "v": 1}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": 1, "fl": -1}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": 1, "fl": True}, Reason.BAD_RECORD),
            ({"n": "pm25", "v": 1, "fl": 2**31}, Reason.BAD_RECORD),
            ({"n": "pressure", "v": 1e308, "u": "kPa"}, Reason.BAD_RECORD),
            ({"n": "pm26", "v": 1}, Reason.UNKNOWN_QUANTITY),
            ({"n": "pm25", "v": 1, "u": "Cel"}, Reason.UNIT),
        ],
    )
    @pytest.mark.parametrize("cbor", [False, True])
    def test_a_bad_record_is_set_aside_and_its_neighbours_are_not(
        self, record: dict[str, Any], reason: Reason, cbor: bool
    ) -> None:
        good = {"n": "co2", "t": T, "v": 400}
        records = [{"bn": "a-1/", "site": "s", **good}, {"t": T, **record}, {**good, "t": T + 1}]
        pack = decode_pack(as_cbor(records) if cbor else json.dumps(records).encode())
        assert [reading.observed_at for reading in pack.readings] == [T * 1000, T * 1000 + 1000]
        (bad,) = pack.bad
        assert bad.reason is reason
        assert bad.detail
        assert bad.record["n"] == f"a-1/{record['n']}"

    def test_a_record_set_aside_can_be_understood_on_its_own(self) -> None:
        pack = decode_pack(packed({"bn": "a/", "bt": T, "bu": "Cel", "n": "pm25", "v": 1}))
        (bad,) = pack.bad
        assert bad.record == {"n": "a/pm25", "bt": T, "bu": "Cel", "v": 1}
        (again,) = decode_pack(packed(dict(bad.record))).bad
        assert again == bad

    @pytest.mark.parametrize(
        "spoiled",
        [
            {"bn": 5, "n": "pm25", "t": T, "v": 1},
            {"bn": "b/", "bver": "x", "n": "pm25", "t": T, "v": 1},
            {"bver": 11, "n": "pm25", "t": T, "v": 1},
            {"bn": "b/", "new_": 1, "n": "pm25", "t": T, "v": 1},
            {"bt": None, "n": "pm25", "t": T, "v": 1},
        ],
    )
    def test_a_broken_base_field_spoils_the_pack_because_the_next_record_would_be_another_sensors(
        self, spoiled: dict[str, Any]
    ) -> None:
        good = {"n": "pm25", "t": T, "v": 1}
        with pytest.raises(SenmlError):
            decode_pack(packed({"bn": "a/", **good}, spoiled, good))

    @pytest.mark.parametrize("site", [None, 5, "", "Bãi Cháy", "a/b"])
    def test_a_pack_without_a_site_is_refused(self, site: object) -> None:
        payload = json.dumps([{"site": site, "bn": "a/", "n": "pm25", "t": T, "v": 1}]).encode()
        with pytest.raises(SenmlError, match="site"):
            decode_pack(payload)

    def test_limits(self) -> None:
        record = {"n": "pm25", "t": T, "v": 1}
        assert (
            len(decode_pack(packed({"bn": "a/"}, *[record] * (MAX_READINGS - 1))).readings)
            == MAX_READINGS - 1
        )
        with pytest.raises(SenmlError, match="1001 records"):
            decode_pack(packed({"bn": "a/"}, *[record] * MAX_READINGS))
        with pytest.raises(SenmlError, match="above 65536"):
            decode_pack(packed({"bn": "a/", "x": "x" * MAX_PAYLOAD, **record}))
        for nothing in (b"[]", b"\x80"):
            with pytest.raises(SenmlError, match="empty"):
                decode_pack(nothing)

    @given(
        payload=st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda data: b"\x82" + data))
    )
    def test_arbitrary_bytes_raise_only_senml_error(self, payload: bytes) -> None:
        for decode in (decode_pack, decode_json, decode_cbor):
            with suppress(SenmlError):
                decode(payload)

    @given(data=st.data(), cbor=...)
    def test_an_almost_good_pack_gives_finite_readings_bad_records_or_senml_error(
        self, data: st.DataObject, cbor: bool
    ) -> None:
        anything = st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]),
            st.just(T), st.just("pm25"), st.just("a/"), st.just("Cel"), st.sampled_from([1e308, -1e308, 10**40]),
        )  # fmt: skip
        labels = st.sampled_from([*NUMBERS, "fl", "site", "x_"])
        records = data.draw(st.lists(st.dictionaries(labels, anything, max_size=6), max_size=4))
        first = {"bn": "a/", "n": "pm25", "t": T, "v": 1, "site": "s"}
        payload = as_cbor([first, *records]) if cbor else json.dumps([first, *records]).encode()
        try:
            pack = decode_pack(payload)
        except SenmlError:
            return
        assert len(pack.readings) + len(pack.bad) <= len(records) + 1
        for reading in pack.readings:
            assert math.isfinite(reading.value)
            assert RELATIVE_BELOW * 1000 <= reading.observed_at < TIME_BELOW * 1000

    @given(
        flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 7)), min_size=1, max_size=3), cbor=...
    )
    def test_flipped_bits_raise_only_senml_error(self, flips: list[tuple[int, int]], cbor: bool) -> None:
        payload = bytearray(
            encode_pack("s", [Reading("a", "pm25", T * 1000 + i, i / 3) for i in range(4)], cbor=cbor)
        )
        for at, bit in flips:
            payload[at % len(payload)] ^= 1 << bit
        try:
            pack = decode_pack(bytes(payload))
        except SenmlError:
            return
        assert len(pack.readings) + len(pack.bad) <= 4
