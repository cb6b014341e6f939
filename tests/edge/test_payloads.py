"""MQTT payloads to dated measurements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.driver import BadFrameError
from edge.payloads import Dated, FieldSpec, JsonMapping, SenmlMapping

NOW = 1_700_000_000_000
CABINET = JsonMapping({"voltage": FieldSpec("u"), "energy": FieldSpec("meter.wh", "Wh")}, "t")


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (
            b'{"u":230.5,"meter":{"wh":1500},"t":1700000000123}',
            [Dated("voltage", 230.5, NOW + 123), Dated("energy", 1.5, NOW + 123)],
        ),
        (b'{"u":"230.5","t":1700000000.5}', [Dated("voltage", 230.5, NOW + 500)]),
        (b'{"u":1,"meter":null,"t":"2023-11-14T22:13:20.250Z"}', [Dated("voltage", 1.0, NOW + 250)]),
        (b'{"t":1700000000}', []),
    ],
)
def test_json(payload: bytes, found: list[Dated]) -> None:
    assert CABINET.decode(payload) == found


def test_without_a_time_path_the_arrival_counts() -> None:
    assert JsonMapping({"co2": FieldSpec("co2")}).decode(b'{"co2":400}') == [Dated("co2", 400.0, None)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{",
        b'{"u":true,"t":1}',
        b'{"u":"x","t":1}',
        b'{"u":1}',
        b'{"u":1,"t":"now"}',
        b'{"u":1,"t":"2023-11-14T22:13:20"}',
        b'{"u":1e999,"t":1}',
    ],
)
def test_json_that_is_refused(payload: bytes) -> None:
    with pytest.raises(BadFrameError):
        CABINET.decode(payload)


def test_senml_names_units_and_times() -> None:
    mapping = SenmlMapping(names={"LAeq": "noise_laeq"})
    pack = (
        b'[{"bn":"urn:dev:1:","n":"temperature","u":"K","t":1700000000.25,"v":300.15},'
        b'{"n":"LAeq","u":"dB","v":55,"t":-2},{"n":"ok","vb":true}]'
    )
    assert [(d.quantity, round(d.value, 6), d.time_ms) for d in mapping.decode(pack, NOW)] == [
        ("temperature", 27.0, NOW + 250),
        ("noise_laeq", 55.0, NOW - 2000),
    ]


def test_senml_without_time_is_dated_by_its_arrival() -> None:
    assert SenmlMapping().decode(b'[{"n":"a/co2","u":"ppm","v":400}]', NOW) == [Dated("co2", 400.0, None)]


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b'[{"n":"a/co2","v":"x"}]', b'[{"n":"a/co2","u":"Cel","v":1}]']
)
def test_senml_that_is_refused(payload: bytes) -> None:
    with pytest.raises(BadFrameError):
        SenmlMapping().decode(payload, NOW)


def test_a_wrong_mapping_is_one_line() -> None:
    with pytest.raises(ValueError, match="JMESPath") as caught:
        JsonMapping({"co2": FieldSpec("a[")})
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_bad_frame(payload: bytes) -> None:
    for decode in (
        CABINET.decode,
        lambda data: SenmlMapping().decode(data, NOW),
        lambda data: SenmlMapping(cbor=True).decode(data, NOW),
    ):
        try:
            decode(payload)
        except BadFrameError:
            continue
