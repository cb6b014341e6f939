"""The fast decoder gives what the general one gives, whatever comes: readings, bad records, or the same refusal."""

import json
import struct
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry import packcolumns
from telemetry.packcolumns import decode_columns
from telemetry.packs import MAX_PAYLOAD, MAX_READINGS, TIME_BELOW, decode_pack, encode_pack
from telemetry.quantities import QUANTITIES
from telemetry.reading import Reading
from telemetry.senml import CBOR_NUMBERS, RELATIVE_BELOW, SenmlError
from tests.thorough import examples

T = 1_795_395_600.125
UNITS = {name: quantity.unit for name, quantity in QUANTITIES.items()}
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
quantities = st.sampled_from(sorted(QUANTITIES))
readings = st.builds(
    Reading,
    ids,
    quantities,
    st.integers(RELATIVE_BELOW * 1000, TIME_BELOW * 1000 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 2**31 - 1) | st.just(0),
)


def exact(values: list[float]) -> list[bytes]:
    """So that 0.0 and -0.0 differ."""
    return [struct.pack("d", value) for value in values]


def refusal(decode: Callable[[bytes], object], payload: bytes) -> str:
    """Its words; "" when it is none."""
    try:
        decode(payload)
    except SenmlError as error:
        return str(error)
    return ""


def assert_same(payload: bytes) -> None:
    words = refusal(decode_pack, payload)
    assert refusal(decode_columns, payload) == words
    if words:
        return
    pack, columns = decode_pack(payload), decode_columns(payload)
    rows = zip(*columns[1:6], strict=True)
    assert [Reading(*row) for row in rows] == list(pack.readings)
    assert exact(columns.value) == exact([reading.value for reading in pack.readings])
    assert (columns.site, columns.bad, len(columns)) == (pack.site, pack.bad, len(pack.readings))
    assert {type(number) for number in (*columns.observed_at, *columns.flags)} <= {int}


@given(site=ids, given_readings=st.lists(readings, min_size=1, max_size=20), cbor=st.booleans())
@examples(200)
def test_what_our_encoder_writes(site: str, given_readings: list[Reading], cbor: bool) -> None:
    payload = encode_pack(site, given_readings, cbor=cbor)
    assert_same(payload)
    assert packcolumns._decode_plain(payload) is not None


plain = st.fixed_dictionaries(
    {
        "n": quantities,
        "u": st.sampled_from(sorted(UNITS.values())),
        "t": st.floats(RELATIVE_BELOW - 1, 2e9)
        | st.sampled_from([TIME_BELOW, TIME_BELOW - 0.0004, RELATIVE_BELOW, 17]),
        "v": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30),
    },
    optional={"bn": ids.map("{}/".format), "site": ids, "fl": st.integers(-1, 2**31)},
).map(lambda record: {**record, "u": UNITS[record["n"]]})
odd = st.dictionaries(
    st.sampled_from(
        ["bn", "n", "u", "t", "v", "site", "fl", "bt", "bu", "bv", "bver", "vs", "s", "ut", "x", "x_"]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.just(1.0)
    | st.just([]),
    max_size=3,
)


@given(
    first=plain.map(lambda record: {"bn": "pm-1/", "site": "bai-chay", **record}),
    rest=st.lists(st.tuples(plain, st.just({}) | odd).map(lambda two: {**two[0], **two[1]}), max_size=6),
    cbor=st.booleans(),
)
@examples(300)
def test_packs_that_are_nearly_plain(first: dict[str, Any], rest: list[dict[str, Any]], cbor: bool) -> None:
    records = [first, *rest]
    if cbor:
        numbered = [{CBOR_NUMBERS.get(label, label): cell for label, cell in one.items()} for one in records]
        assert_same(cbor2.dumps(numbered))
    else:
        assert_same(json.dumps(records).encode())


@given(cut=st.integers(0, 400), byte=st.integers(0, 255), at=st.integers(0, 300), cbor=st.booleans())
@examples(400)
def test_packs_with_a_spoiled_byte(cut: int, byte: int, at: int, cbor: bool) -> None:
    given_readings = [Reading(f"pm-{i % 2}", "pm25", 1_795_395_600_000 + i, i / 3, i % 3) for i in range(4)]
    payload = bytearray(encode_pack("s", given_readings, cbor=cbor))
    payload[at % len(payload)] = byte
    assert_same(bytes(payload[: cut or None]))


RECORD = {"bn": "pm-1/", "site": "s", "n": "pm25", "u": "ug/m3", "t": T, "v": 1}


@pytest.mark.parametrize(
    "changed",
    [
        {"v": -0.0}, {"v": True}, {"v": "1"}, {"t": 0}, {"t": 1e15}, {"fl": 1.0}, {"fl": 0.0}, {"fl": None}, {"fl": False},
        {"u": "Cel"}, {"u": ""}, {"u": None}, {"n": "joy"}, {"n": ""}, {"bn": ""}, {"bn": "pm-1"}, {"bn": "/"}, {"bn": None},
        {"bn": "PM/"}, {"bn": "a/b/"}, {"site": ""}, {"site": None}, {"site": "A"}, {"bv": 3}, {"custom_": 1}, {"custom": 1},
    ],
)  # fmt: skip
def test_one_label_is_odd(changed: dict[str, Any]) -> None:
    good = {key: value for key, value in RECORD.items() if key not in ("bn", "site")}
    assert_same(json.dumps([{**RECORD, **changed}, good]).encode())
    assert_same(json.dumps([RECORD, {**good, **changed}, good]).encode())


@pytest.mark.parametrize(
    "odd", [cbor2.CBORSimpleValue, float, lambda number: True if number == 1 else number + 0.0]
)
@pytest.mark.parametrize("label", ["n", "u", "t", "v"])
def test_a_cbor_label_that_only_equals_ours_is_none(odd: Callable[[int], Any], label: str) -> None:
    numbered = {CBOR_NUMBERS.get(name, name): cell for name, cell in RECORD.items()}
    number = CBOR_NUMBERS[label]
    spoiled = {odd(key) if key == number else key: cell for key, cell in numbered.items()}
    assert_same(cbor2.dumps([spoiled]))
    assert_same(
        cbor2.dumps([numbered, {key: cell for key, cell in spoiled.items() if key not in (-2, "site")}])
    )


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"[null]", b"{}", b"[" * 5000, b" \n[]", b"\xff",
        b'[{"bn":"pm-1/","site":"s","n":"pm25","u":"ug/m3","t":1e9,"v":1e999}]',
        b'[{"bn":"pm-1/","site":"s","n":"pm25","u":"ug/m3","t":1e9,"v":%s}]' % (b"9" * 400),
        b'[{"bn":"pm-1/","site":"s","n":"pm25","u":"ug/m3","t":1e9,"v":%s}]' % (b"9" * 40),
        b'[{"bn":"pm-1/","site":"s","n":"pm25","u":"ug/m3","t":1e9,"v":NaN}]',
        b'[{"bn":"pm-1/","bn":"pm-2/","site":"s","n":"pm25","u":"ug/m3","t":1e9,"v":1,"v":2}]',
        b'[{"bn":"pm-1/","site":"s","n":"pm25","u":"ug/m3","t":1e9,"v":1}] ',
        b'[{"bn":"pm-1/","site":"s","n":"pm25","u":"ug/m3","t":1e9,"v":1}]x',
        b'[{"bn":"pm-1\\u002f","site":"s","n":"pm25","u":"ug\\/m3","t":1000000000,"v":1}]',
    ],
)  # fmt: skip
def test_odd_bytes(payload: bytes) -> None:
    assert_same(payload)


@given(value=st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
@example(value="-0")
@examples(200)
def test_numbers_are_read_alike_to_the_last_bit(value: str) -> None:
    assert_same(f'[{{"bn":"a/","site":"s","n":"pm25","u":"ug/m3","t":1795395600.0005,"v":{value}}}]'.encode())


def test_the_bounds_are_the_same() -> None:
    good = {key: value for key, value in RECORD.items() if key not in ("bn", "site")}
    for records in (MAX_READINGS, MAX_READINGS + 1):
        assert_same(json.dumps([RECORD, *[good] * (records - 1)], separators=(",", ":")).encode())
    assert_same(json.dumps([RECORD]).encode() + b" " * MAX_PAYLOAD)


@pytest.mark.parametrize("payload", [b"", b"[]", b"\x80", b"\x81\xa0", b"\xa0", b"\x81\x01", b"\x80\x00"])
def test_next_to_nothing(payload: bytes) -> None:
    assert_same(payload)
    assert packcolumns._decode_plain(payload) is None


@given(payload=st.binary(max_size=60))
@examples(300)
def test_any_bytes(payload: bytes) -> None:
    assert_same(payload)
