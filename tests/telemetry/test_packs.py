"""The packs between gateway and ingest: exact, bounded, one bad record hurts only itself."""

import json
import math
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry.packs import MAX_PAYLOAD, MAX_READINGS, TIME_BELOW, decode_pack, encode_pack
from telemetry.quantities import QUANTITIES
from telemetry.quarantine import Reason
from telemetry.reading import Flag, Reading
from telemetry.senml import RELATIVE_BELOW, SenmlError, decode_cbor, decode_json
from tests.telemetry.test_senml import NUMBERS, as_cbor

T = 1_700_000_000


def packed(*records: dict[str, Any], site: str = "s") -> bytes:
    first, *rest = records
    return json.dumps([{"site": site, **first}, *rest]).encode()


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
