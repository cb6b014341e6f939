"""What a satellite receiver's sentences tell."""

import pytest

from edge.driver import BadFrameError, Verdict
from edge.drivers.nmea import Fix, Nmea0183, fix


def sentence(body: str) -> bytes:
    checksum = 0
    for byte in body.encode():
        checksum ^= byte
    return f"${body}*{checksum:02X}".encode()


def told(body: str) -> Fix | None:
    return fix(Nmea0183().decode(sentence(body)).fields or {})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "GNRMC,030000.250,A,2057.18,N,10704.2,E,0,,240926,,,A",
            Fix(1790218800250, 20.953, 107.07, True),
        ),
        ("GPRMC,093016.00,V,,,,,,,070625,,,N", Fix(1749288616000, None, None, False)),
        (
            "GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E",
            Fix(785285686000, 49.274166667, -123.185333333, False),
        ),
        ("GPZDA,030000,24,09,2026,00,00", Fix(1790218800000, None, None, False)),
        ("GPGGA,030000,2057.18,N,10704.2,E,1,04,2.6,5,M,,M,,", Fix(None, 20.953, 107.07, True)),
        ("GPGGA,030000,,,,,0,00,,,M,,M,,", Fix(None, None, None, False)),
        ("GPGGA,030000,2057.18,N,10704.2,E,8,04,2.6,5,M,,M,,", Fix(None, 20.953, 107.07, False)),
        ("GPGLL,2057.18,S,10704.2,W,030000,A", Fix(None, -20.953, -107.07, True)),
        ("GPVTG,54.7,T,34.4,M,5.5,N,10.2,K", None),
    ],
)
def test_the_fix_of_a_sentence(body: str, expected: Fix | None) -> None:
    assert told(body) == expected


def test_a_leap_second_and_a_lower_case_checksum_are_read() -> None:
    line = sentence("GPRMC,235960,A,2057.18,N,10704.2,E,0,,311226,,,A")
    fields = Nmea0183().decode(line[:-2] + line[-2:].lower()).fields
    assert fields is not None
    assert fields["datetime"] == "2026-12-31T23:59:59"


@pytest.mark.parametrize("body", ["GPGSV,3,1,11,03,03,111,00", "PMTK001,314,3"])
def test_other_sentences_are_ignored(body: str) -> None:
    assert Nmea0183().decode(sentence(body)).verdict is Verdict.IGNORE


@pytest.mark.parametrize(
    "body",
    [
        "GPRMC,225446,A,9116.45,N,12311.12,W,0,0,191194,,",
        "GPRMC,225446,A,4960.45,N,12311.12,W,0,0,191194,,",
        "GPRMC,225446,A,4916.45,E,12311.12,W,0,0,191194,,",
        "GPRMC,225446,X,4916.45,N,12311.12,W,0,0,191194,,",
        "GPRMC,225446,A,4916.45,N,12311.12,W,0,0,311194,,",
        "GPRMC,265446,A,4916.45,N,12311.12,W,0,0,191194,,",
        "GPRMC,225446,A",
        "GPGGA,030000,,,,,x,00,,,M,,M,,",
    ],
)
def test_nonsense_behind_a_good_checksum_is_refused(body: str) -> None:
    with pytest.raises(BadFrameError):
        Nmea0183().decode(sentence(body))
