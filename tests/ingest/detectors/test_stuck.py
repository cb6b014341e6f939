"""The stuck detector on its own."""

from random import Random

from ingest.detectors.stuck import Stuck
from telemetry.anomaly import AnomalyKind
from tests.ingest.detectors import alone
from tests.ingest.detectors.alone import Alone

RNG = Random(1)


def fed(name: str, values: list[float], step_ms: int = 1000) -> tuple[Alone, int]:
    return alone.fed(Stuck(), name, values, step_ms), (len(values) + 1) * step_ms


def stand(detector: Alone, at_ms: int, value: float, times: int, step_ms: int = 1000) -> list[float]:
    """Scores while the value stands still."""
    scores = []
    for index in range(times):
        finding = detector.score(at_ms + index * step_ms, value)
        scores.append(0.0 if finding is None else finding.score)
        detector.learn(at_ms + index * step_ms, value)
    return scores


def first(scores: list[float]) -> int | None:
    return next((index for index, score in enumerate(scores) if score >= 1), None)


def test_a_lively_series_that_stops_is_stuck_after_a_minute():
    detector, at = fed("pm25", [round(20 + RNG.gauss(0, 2), 1) for _ in range(200)])
    assert first(stand(detector, at, 20.05, 200)) == 60


def test_integers_that_repeat_by_nature_need_a_longer_run():
    detector, at = fed("pm25", [12.0 + (RNG.random() < 0.1) for _ in range(600)])
    found = first(stand(detector, at, 12.0, 600))
    assert found is None or found > 120


def test_a_series_that_never_changed_is_not_judged():
    detector, at = fed("pm25", [7.0] * 1000)
    assert first(stand(detector, at, 7.0, 1000)) is None


def test_calm_nights_dry_counters_and_saturated_air_are_not_stuck():
    for name, rest in (("wind_speed", 0.0), ("illuminance", 0.0), ("humidity", 100.0), ("rain", 4.2)):
        detector, at = fed(name, [round(50 + RNG.gauss(0, 5), 1) for _ in range(200)])
        assert first(stand(detector, at, rest, 5000)) is None


def test_the_longest_healthy_run_is_remembered():
    values = [value for _ in range(40) for value in (*[5.0] * 15, 6.0, 5.5)]
    detector, at = fed("noise_level", values)
    found = first(stand(detector, at, 50.0, 400))
    assert found is not None
    assert found >= 45


def test_a_fault_does_not_raise_the_bar_for_the_next():
    detector, at = fed("pm25", [round(20 + RNG.gauss(0, 2), 1) for _ in range(200)])
    stand(detector, at, 33.3, 500)
    for index in range(50):
        detector.learn(at + 500_000 + index * 1000, round(20 + RNG.gauss(0, 2), 1))
    assert first(stand(detector, at + 550_000, 33.3, 100)) == 60


def test_sentences():
    detector, at = fed("pm25", [20.0 + index % 7 for index in range(200)])
    stand(detector, at, 33.0, 61)
    finding = detector.score(at + 61_000, 33.0)
    assert finding is not None
    text, text_vi = detector.explain("Bãi Cháy", finding)
    assert (
        text
        == "Bãi Cháy: PM2.5 has stood at exactly 33.0 µg/m³ for 62 readings, it usually changes with every one"
    )
    assert text_vi == (
        "Bãi Cháy: bụi PM2.5 đứng yên ở đúng 33,0 µg/m³ trong 62 lần đo liên tiếp, bình thường mỗi lần đo đều thay đổi"
    )
    text, text_vi = detector.explain("Bãi Cháy", finding._replace(usual=3))
    assert text.endswith(" for 62 readings, at most 3 in a row are usual")
    assert text_vi.endswith(", bình thường nhiều nhất 3 lần liên tiếp")
    text, text_vi = detector.explain("Bãi Cháy", finding._replace(readings=1))
    assert text == "Bãi Cháy: PM2.5 stands still, or all but still, at 33.0 µg/m³, longer than it ever does"
    assert text_vi == "Bãi Cháy: bụi PM2.5 đứng yên, hoặc gần như đứng yên, ở 33,0 µg/m³, lâu hơn mọi khi"


def lively(name: str, level: float, kind: AnomalyKind = AnomalyKind.ZERO) -> tuple[Alone, int]:
    values = [round(level + RNG.gauss(0, level / 20), 2) for _ in range(200)]
    return alone.fed(Stuck(), name, values, kind=kind), (len(values) + 1) * 1000


def test_a_fall_to_exactly_0_is_a_dead_zero_after_a_minute_and_not_stuck():
    for name, level in (("pm25", 20.0), ("temperature", 28.0), ("pressure", 1010.0), ("humidity", 80.0)):
        detector, at = lively(name, level)
        assert first(stand(detector, at, 0.0, 100)) == 60
        detector, at = lively(name, level, AnomalyKind.STUCK)
        assert max(stand(detector, at, 0.0, 4000)) == 0


def test_at_rest_counters_and_directions_have_no_dead_zero():
    for name in ("wind_speed", "illuminance", "vehicle_speed", "current", "rain", "wind_direction"):
        detector, at = lively(name, 50.0)
        assert max(stand(detector, at, 0.0, 500)) <= 0


def test_what_comes_to_0_slowly_or_stands_elsewhere_is_stuck_if_anything():
    for approach, stays in (([3.0, 2.5, 1.0, 0.5], 0.0), ([], 33.3)):
        for kind, found in ((AnomalyKind.ZERO, None), (AnomalyKind.STUCK, 60)):
            detector, at = lively("pm25", 20.0, kind)
            for value in approach:
                detector.learn(at, value)
                at += 1000
            assert first(stand(detector, at, stays, 100)) == found


def test_a_series_that_often_falls_to_0_for_a_while_needs_three_times_as_long_and_a_fault_teaches_nothing():
    detector, at = lively("pm25", 20.0)
    for _ in range(3):
        stand(detector, at, 0.0, 50)
        stand(detector, at + 50_000, 20.0 + RNG.random(), 10)
        at += 60_000
    for _ in range(2):
        assert first(stand(detector, at, 0.0, 400)) == 149
        stand(detector, at + 400_000, 20.0 + RNG.random(), 10)
        at += 410_000


def test_the_sentences_of_a_dead_zero():
    detector, at = (
        alone.fed(Stuck(), "pm25", [20.0 + index % 7 for index in range(200)], kind=AnomalyKind.ZERO),
        201_000,
    )
    stand(detector, at, 0.0, 61)
    finding = detector.score(at + 61_000, 0.0)
    assert finding is not None
    assert detector.explain("Bãi Cháy", finding) == (
        "Bãi Cháy: PM2.5 fell from 23.0 µg/m³ to exactly 0 and has stood there for 62 readings",
        "Bãi Cháy: bụi PM2.5 tụt từ 23,0 µg/m³ xuống đúng 0 và đứng yên ở đó trong 62 lần đo liên tiếp",
    )
    assert detector.explain("Bãi Cháy", finding._replace(expected=None)) == (
        "Bãi Cháy: PM2.5 reads exactly 0, which it seldom does",
        "Bãi Cháy: bụi PM2.5 báo đúng 0, trong khi hiếm khi như vậy",
    )
