"""Numbers and durations for people."""

import pytest

from ingest import words
from telemetry.quantities import QUANTITIES


def test_amounts_carry_the_unit_people_write():
    assert words.amount("pm25", 412) == "412.0 µg/m³"
    assert words.amount_vi("pm25", 412) == "412,0 µg/m³"
    assert words.amount("wind_direction", 350.2) == "350°"
    assert words.amount("vehicle_count", 12) == "12"
    assert words.amount("temperature", -0.01) == "0.0 °C"
    assert words.band("humidity", 1, 2) == "1.0 to 2.0 %"
    assert words.band_vi("humidity", 1, 2) == "1,0 đến 2,0 %"


def test_titles_stand_inside_a_sentence():
    assert (words.title("pm25"), words.title("temperature")) == ("PM2.5", "air temperature")
    assert (words.title_vi("pm25"), words.title_vi("co2")) == ("bụi PM2.5", "CO₂")
    assert all(words.title(name) and words.title_vi(name) for name in QUANTITIES)


@pytest.mark.parametrize(
    ("ms", "english", "vietnamese"),
    [
        (45_000, "45 s", "45 giây"),
        (720_000, "12 min", "12 phút"),
        (11_100_000, "3 h 5 min", "3 giờ 5 phút"),
        (10_800_000, "3 h", "3 giờ"),
        (259_200_000, "3 days", "3 ngày"),
    ],
)
def test_durations(ms: int, english: str, vietnamese: str):
    assert (words.duration(ms), words.duration_vi(ms)) == (english, vietnamese)
