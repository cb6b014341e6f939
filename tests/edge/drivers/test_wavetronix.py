"""A line for each vehicle: counted, its speed in km/h, of one lane when told so."""

import pytest

from edge.driver import BadFrameError, Measurement, Verdict
from edge.drivers import wavetronix_csv

LINE = b"2009:05:28,23:04:06.111,01,-058.0,0016.2,00000240,0151.0,01"


def test_against_the_lane_is_a_speed_all_the_same() -> None:
    decoded = wavetronix_csv({}).decode(LINE)
    assert decoded.fields is not None
    assert decoded.fields["speed_mph"] == -58.0
    assert decoded.measurements == (
        Measurement("vehicle_count", 1.0),
        Measurement("vehicle_speed", 93.341952),
    )


def test_another_lane_is_not_published() -> None:
    assert wavetronix_csv({"lane": 1}).decode(LINE).verdict is Verdict.ACCEPT
    assert wavetronix_csv({"lane": 2}).decode(LINE).measurements == ()


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"2009:05:28", b"2009:13:28"),
        (b"23:04", b"24:04"),
        (b",01,-", b",x,-"),
        (b"-058.0", b"nan"),
        (b"0016.2", b""),
        (b"240", b"2 40"),
        (b",01", b",01,9"),
        (b"2009", b"\xff009"),
    ],
)
def test_a_damaged_column_is_refused(good: bytes, bad: bytes) -> None:
    with pytest.raises(BadFrameError):
        wavetronix_csv({}).decode(LINE.replace(good, bad, 1))


@pytest.mark.parametrize("lane", [-1, "1", True, 1.5])
def test_a_wrong_lane_is_one_line(lane: object) -> None:
    with pytest.raises(ValueError, match=r"^lane must be 0 to 99"):
        wavetronix_csv({"lane": lane})
