"""Generic line devices: which fields are published, and what is refused."""

import pytest

from edge.driver import BadFrameError, Measurement
from edge.drivers import line_delimited, line_ndjson

CLIMATE = {"temperature": {"path": "t", "unit": "degF"}, "humidity": {"path": "air.rh"}}
PLACES = {"temperature": {"path": 0, "unit": "Cel"}, "humidity": {"path": 2}}


def values(measurements: tuple[Measurement, ...]) -> dict[str, float]:
    return {one.quantity: one.value for one in measurements}


def test_paths_lead_into_an_object_and_units_are_converted() -> None:
    driver = line_ndjson({"fields": CLIMATE})
    assert driver.quantities == ("temperature", "humidity")
    decoded = driver.decode(b'\xef\xbb\xbf{"t":"50","air":{"rh":48.2}}\r')
    assert values(decoded.measurements) == {"temperature": 10.0, "humidity": 48.2}
    assert values(driver.decode(b'{"t":null}').measurements) == {}


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", b'{"t":NaN}', b'{"t":true}', b'{"t":"x"}', b'{"t":1} {"t":2}', b"\xff"]
)
def test_what_is_no_such_object_is_refused(line: bytes) -> None:
    with pytest.raises(BadFrameError):
        line_ndjson({"fields": CLIMATE}).decode(line)


@pytest.mark.parametrize(
    ("options", "line", "expected"),
    [
        ({"fields": PLACES}, b"21.5,x,48", {"temperature": 21.5, "humidity": 48.0}),
        ({"fields": PLACES}, b"nan,0,48", {"humidity": 48.0}),
        ({"fields": PLACES, "delimiter": ";"}, b" 21.5 ; ; ovf", {"temperature": 21.5}),
        ({"fields": PLACES, "delimiter": " "}, b"21.5   7  48", {"temperature": 21.5, "humidity": 48.0}),
        ({"fields": PLACES, "delimiter": "\t"}, b"21.5\t\t48", {"temperature": 21.5, "humidity": 48.0}),
        (
            {"fields": {"co2": {"path": "CO2"}}, "header": ["T", "CO2"]},
            b"21.5,612",
            {"co2": 612.0},
        ),
        (
            {"fields": {"co2": {"path": "CO2"}}, "delimiter": ";", "kv": "="},
            b"T=21.5;CO2=612",
            {"co2": 612.0},
        ),
        ({"fields": {"co2": {"path": "CO2"}}, "delimiter": ";", "kv": "="}, b"T=21.5", {}),
        (
            {"aprs": True},
            b"c090s010g000t050r000p000h00b10020",
            {
                "wind_direction": 90,
                "wind_speed": 4.4704,
                "temperature": 10,
                "humidity": 100,
                "pressure": 1002,
            },
        ),
        ({"aprs": True}, b"c...s...g...t...r...p...h..b10020", {"pressure": 1002}),
    ],
)
def test_delimited_lines(options: dict[str, object], line: bytes, expected: dict[str, float]) -> None:
    assert values(line_delimited(options).decode(line).measurements) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"fields": PLACES}, b"21.5,48"),
        ({"fields": PLACES}, b"temperature,x,humidity"),
        ({"fields": PLACES}, b"0x10,0,1"),
        ({"fields": {"co2": {"path": "c"}}, "header": ["t", "c"]}, b"5,612,7"),
        ({"fields": {"co2": {"path": "c"}}, "kv": "="}, b"5,c=612"),
        ({"aprs": True}, b"c090s010"),
    ],
)
def test_a_line_that_does_not_fit_is_refused(options: dict[str, object], line: bytes) -> None:
    with pytest.raises(BadFrameError):
        line_delimited(options).decode(line)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fields": {"co2": {"path": "c"}}},
        {"fields": {"co2": {"path": 0}}, "kv": "="},
        {"fields": PLACES, "delimiter": ",,"},
        {"fields": PLACES, "delimiter": "\n"},
        {"fields": PLACES, "kv": ","},
        {"fields": PLACES, "header": "a,b"},
        {"fields": {"co2": {"path": "c"}}, "kv": "=", "header": ["c"]},
        {"fields": PLACES, "aprs": "yes"},
    ],
)
def test_wrong_options_are_one_line(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        line_delimited(options)


def test_a_path_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="JMESPath"):
        line_ndjson({"fields": {"co2": {"path": "[["}}})
