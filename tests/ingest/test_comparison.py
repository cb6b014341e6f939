"""The sentence that says how unlike its hour it is, in both languages."""

import pytest

from ingest import comparison
from ingest.detectors.finding import Finding
from telemetry.anomaly import AnomalyKind

MONDAY = 1_795_395_600_000  # 2026-11-23, 08:00 in Hạ Long
NATIONAL_DAY = 1_788_310_800_000  # 2026-09-02, 08:00
K = AnomalyKind


def say(kind: AnomalyKind, quantity: str, value: float, expected: float, **more: int) -> tuple[str, str]:
    since_ms = more.pop("since_ms", MONDAY)
    finding = Finding(2.0, value, since_ms, expected, expected - 5, expected + 5, by_hour=True, **more)
    return comparison.say(kind, "Bụi mịn 1", "Bãi Cháy", quantity, finding)


@pytest.mark.parametrize(
    ("told", "english", "vietnamese"),
    [
        (
            say(K.UNUSUAL, "pm25", 93.0, 30.0, agree=2),
            "PM2.5 at Bãi Cháy is 3.1 times what is usual for a Monday 08:00; two neighbours agree",
            "Bụi PM2.5 tại Bãi Cháy bằng 3,1 lần mức bình thường lúc 8 giờ thứ Hai; 2 cảm biến bên cạnh cũng thấy như vậy",
        ),
        (
            say(K.UNUSUAL, "pm25", 371.0, 30.0),
            "PM2.5 at Bãi Cháy is 12 times what is usual for a Monday 08:00",
            "Bụi PM2.5 tại Bãi Cháy bằng 12 lần mức bình thường lúc 8 giờ thứ Hai",
        ),
        (
            say(K.UNUSUAL, "pm25", 1.0, 30.0),
            "PM2.5 at Bãi Cháy is 1.0 µg/m³, 29.0 µg/m³ below what is usual for a Monday 08:00",
            "Bụi PM2.5 tại Bãi Cháy là 1,0 µg/m³, thấp hơn 29,0 µg/m³ so với mức bình thường lúc 8 giờ thứ Hai",
        ),
        (
            say(K.UNUSUAL, "temperature", 34.1, 28.0),
            "Air temperature at Bãi Cháy is 34.1 °C, 6.1 °C above what is usual for a Monday 08:00",
            "Nhiệt độ không khí tại Bãi Cháy là 34,1 °C, cao hơn 6,1 °C so với mức bình thường lúc 8 giờ thứ Hai",
        ),
        (
            say(K.BIAS, "pm25", 10.0, 25.0, against=1),
            "Bụi mịn 1: PM2.5 is 0.4 times what is usual for a Monday 08:00 and stays there; one neighbour does not see it",
            (
                "Bụi mịn 1: bụi PM2.5 bằng 0,4 lần mức bình thường lúc 8 giờ thứ Hai và giữ nguyên như vậy;"
                " 1 cảm biến bên cạnh không thấy như vậy"
            ),
        ),
        (
            say(K.DRIFT, "co2", 500.0, 440.0),
            "Bụi mịn 1: CO₂ is 500 ppm, 60 ppm above what is usual for a Monday 08:00 and came there slowly",
            "Bụi mịn 1: CO₂ là 500 ppm, cao hơn 60 ppm so với mức bình thường lúc 8 giờ thứ Hai, lệch dần",
        ),
    ],
)
def test_how_many_times_or_by_how_much(told: tuple[str, str], english: str, vietnamese: str) -> None:
    assert told == (english, vietnamese)


def test_a_holiday_is_named() -> None:
    english, vietnamese = say(K.UNUSUAL, "vehicle_count", 40.0, 10.0, since_ms=NATIONAL_DAY)
    assert "what is usual for 08:00 on a public holiday (National Day)" in english
    assert "lúc 8 giờ ngày lễ (Quốc khánh)" in vietnamese


@pytest.mark.parametrize(
    ("before", "expected", "value", "word", "sign"),
    [(3.0, 14.0, 3.2, "rise", "+"), (14.0, 3.0, 13.8, "fall", "-")],
)
def test_a_rhythm_that_is_missing_has_its_usual_size_what_came_of_it_and_since_when(
    before: float, expected: float, value: float, word: str, sign: str
) -> None:
    finding = Finding(
        2.0,
        value,
        MONDAY,
        expected,
        expected - 1,
        expected + 1,
        by_hour=True,
        before=before,
        before_ms=MONDAY - 5_400_000,
    )
    english, vietnamese = comparison.say(K.RHYTHM, "Tủ điện 1", "Bãi Cháy", "current", finding)
    assert english == (
        f"Current at Bãi Cháy: the {word} that is usual for a Monday 08:00 does not come:"
        f" {sign}0.20 A since 06:30, where {sign}11.00 A is usual"
    )
    assert vietnamese == (
        f"Dòng điện tại Bãi Cháy: mức {'tăng' if word == 'rise' else 'giảm'} thường có lúc 8 giờ thứ Hai không xảy ra:"
        f" {sign}0,20 A kể từ 06:30, trong khi bình thường là {sign}11,00 A"
    )


@pytest.mark.parametrize(
    ("quantity", "value", "expected", "against", "english", "vietnamese"),
    [
        (
            "pm25",
            14.1,
            17.2,
            4,
            (
                "Bụi mịn 1: PM2.5 has drifted 18 % below its four neighbours since 23 November 2026:"
                " 14.1 µg/m³ where they lead to expect 17.2 µg/m³"
            ),
            (
                "Bụi mịn 1: bụi PM2.5 lệch dần thấp hơn 4 cảm biến bên cạnh 18 % kể từ ngày 23/11/2026:"
                " 14,1 µg/m³ trong khi dự kiến là 17,2 µg/m³"
            ),
        ),
        (
            "temperature",
            27.5,
            26.0,
            0,
            (
                "Bụi mịn 1: air temperature has drifted 1.5 °C above its neighbours since 23 November 2026:"
                " 27.5 °C where they lead to expect 26.0 °C"
            ),
            (
                "Bụi mịn 1: nhiệt độ không khí lệch dần cao hơn các cảm biến bên cạnh 1,5 °C kể từ ngày 23/11/2026:"
                " 27,5 °C trong khi dự kiến là 26,0 °C"
            ),
        ),
    ],
)
def test_what_has_drifted_over_weeks_says_how_much_since_which_day_and_against_how_many(
    quantity: str, value: float, expected: float, against: int, english: str, vietnamese: str
) -> None:
    finding = Finding(2.0, value, MONDAY, expected, against=against)
    assert comparison.walked("Bụi mịn 1", quantity, finding) == (english, vietnamese)
