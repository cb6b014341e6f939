"""The judge over hours of ordinary city life: quiet when all is well, awake when a fault is seeded."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from random import Random

import pytest

from ingest.judge import Judge
from ingest.rows import Rows
from ingest.telling import Known
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.reading import Reading

START_MS = 1_767_200_400_000  # 2026-01-01 00:00 in Hạ Long
HOURS = 5
Curve = Callable[[float, Random], float]


def daily(hour: float, low: float, high: float, peak: float) -> float:
    """A smooth day between low and high, highest at `peak` o'clock."""
    return low + (high - low) * (0.5 + 0.5 * math.cos((hour - peak) / 24 * 2 * math.pi))


def pm25(hour: float, rng: Random) -> float:
    return max(0.0, round(daily(hour, 12, 55, 7.5) + rng.gauss(0, 2.0)))


def pm10(hour: float, rng: Random) -> float:
    return max(0.0, round(daily(hour, 20, 90, 7.5) * rng.lognormvariate(0, 0.08)))


def co2(hour: float, rng: Random) -> float:
    return round(daily(hour, 410, 520, 6) + rng.gauss(0, 4))


def temperature(hour: float, rng: Random) -> float:
    return round(daily(hour, 24, 33, 14) + rng.gauss(0, 0.08), 1)


def humidity(hour: float, rng: Random) -> float:
    return min(100.0, round(daily(hour, 60, 101, 4) + rng.gauss(0, 0.3), 1))


def pressure(hour: float, rng: Random) -> float:
    return round(1010 + 2 * math.sin(hour / 12 * 2 * math.pi) + rng.gauss(0, 0.05), 1)


def noise(hour: float, rng: Random) -> float:
    passing = rng.expovariate(1 / 3.0) if rng.random() < 0.3 else 0.0
    return round(daily(hour, 48, 66, 17) + rng.gauss(0, 1.5) + passing, 1)


def wind_speed(hour: float, rng: Random) -> float:
    return round(max(0.0, daily(hour, -0.5, 5, 15) * rng.weibullvariate(1.1, 2.2)), 1)


def wind_direction(hour: float, rng: Random) -> float:
    return round(350 + 20 * math.sin(hour / 3) + rng.gauss(0, 15)) % 360


def illuminance(hour: float, rng: Random) -> float:
    sun = max(0.0, math.sin((hour - 6) / 12 * math.pi)) * 80_000
    return round(sun * (0.45 if math.sin(hour * 9) > 0.3 else 1.0) * rng.uniform(0.97, 1.03))


def speed(hour: float, rng: Random) -> float:
    return round(max(5.0, rng.gauss(daily(hour, 55, 32, 17), 9)), 1)


SERIES: dict[str, tuple[Curve, float]] = {
    "pm25": (pm25, 1),
    "pm10": (pm10, 1),
    "co2": (co2, 5),
    "temperature": (temperature, 2),
    "humidity": (humidity, 2),
    "pressure": (pressure, 2),
    "noise_level": (noise, 1),
    "wind_speed": (wind_speed, 2),
    "wind_direction": (wind_direction, 2),
    "illuminance": (illuminance, 2),
    "vehicle_speed": (speed, 0),
    "rain": (lambda hour, rng: 0.0, 2),
}


def life(
    quantity: str, seed: int, from_hour: float, hours: float, sensor: str = "sensor-1"
) -> Iterator[Reading]:
    """Healthy readings of one series."""
    curve, period = SERIES[quantity]
    rng = Random(f"{quantity}{seed}")
    at, end = START_MS + from_hour * 3_600_000, START_MS + (from_hour + hours) * 3_600_000
    amount = 0.0
    while at < end:
        hour = (at - START_MS) / 3_600_000 % 24
        value = curve(hour, rng)
        if quantity == "rain":  # a shower of half an hour, 0.2 mm a tip
            amount += 0.2 * (9 <= hour % 12 < 9.5 and rng.random() < 0.05)
            value = round(amount, 1)
        yield Reading(sensor, quantity, int(at), value)
        at += 1000 * (period or rng.expovariate(1 / 6.0))


def judged(readings: Iterable[Reading]) -> tuple[list[Anomaly], list[Reading]]:
    """What opened, and the readings that were flagged."""
    known = Known("Bãi Cháy 1", "bai-chay", "gw-1", 1.0)
    all_of_them = list(readings)
    rows = Rows.of_readings(all_of_them, 0)
    rows = rows._replace(arrived_ms=rows.observed_ms + 300)
    verdict = Judge().judge(rows, lambda _: known, now_ms=int(rows.observed_ms.min()))
    flagged = [reading for reading, flags in zip(all_of_them, verdict.flags, strict=True) if flags]
    return list({anomaly.id: anomaly for anomaly in verdict.changes}.values()), flagged


def test_ordinary_hours_raise_next_to_nothing():
    night, day = (
        [
            reading
            for quantity in SERIES
            for reading in life(quantity, 1, from_hour, HOURS, f"from-{from_hour}")
        ]
        for from_hour in (1, 13)
    )
    anomalies, flagged = judged(night + day)
    assert [anomaly.text for anomaly in anomalies] == []
    spikes = Counter(reading.series for reading in flagged)
    # Of 9,000 to 18,000: a horn is a spike, one reading of it is no anomaly.
    assert max(spikes.values()) <= 12


FAULTS = {
    "pm25": 180.0,
    "pm10": 400.0,
    "co2": 2500.0,
    "temperature": 45.0,
    "humidity": 12.0,
    "pressure": 980.0,
    "noise_level": 112.0,
    "wind_speed": 40.0,
    "illuminance": 190_000.0,
    "vehicle_speed": 240.0,
}


@pytest.mark.parametrize("quantity", FAULTS)
def test_a_seeded_spike_is_found_and_closed(quantity: str):
    readings = list(life(quantity, 2, 14, 1))
    middle = len(readings) // 2
    for index in range(middle, middle + 5):
        before = readings[index]
        readings[index] = Reading(before.sensor, quantity, before.observed_at, FAULTS[quantity])
    (anomaly,), flagged = judged(readings)
    assert anomaly.kind is AnomalyKind.SPIKE
    assert anomaly.start_ms == readings[middle].observed_at
    assert anomaly.end_ms == readings[middle + 5].observed_at
    assert set(readings[middle : middle + 5]) <= set(flagged)
    assert anomaly.low is not None
    assert anomaly.high is not None
    assert anomaly.low <= readings[middle - 1].value <= anomaly.high < FAULTS[quantity] or quantity in (
        "humidity",
        "pressure",
    )
    assert "Bãi Cháy 1" in anomaly.text
    assert "usual now" in anomaly.text
    assert "bình thường" in anomaly.text_vi


@pytest.mark.parametrize("quantity", ["pm25", "noise_level", "wind_speed", "pm10"])
def test_a_seeded_stuck_value_is_found_within_two_minutes_and_closed(quantity: str):
    readings = list(life(quantity, 3, 14, 1))
    middle = len(readings) // 2
    stop = middle + 150
    for index in range(middle, stop):
        before = readings[index]
        readings[index] = Reading(before.sensor, quantity, before.observed_at, readings[middle].value)
    (anomaly,), flagged = judged(readings)
    assert anomaly.kind is AnomalyKind.STUCK
    assert readings[middle - 3].observed_at <= anomaly.start_ms <= readings[middle].observed_at
    assert anomaly.end_ms is not None
    assert readings[stop].observed_at <= anomaly.end_ms <= readings[stop + 5].observed_at
    assert flagged[0].observed_at - anomaly.start_ms <= 120_000
    assert "has stood at exactly" in anomaly.text


def test_a_vane_that_turns_through_north_is_calm_and_a_level_that_stays_is_accepted():
    rng = Random(4)
    readings = [
        Reading(
            "v", "temperature", START_MS + i * 2000, 25 + (9 if i >= 500 else 0) + round(rng.gauss(0, 0.1), 1)
        )
        for i in range(1500)
    ]
    (anomaly,), flagged = judged(readings)
    assert anomaly.end_ms is not None
    assert anomaly.end_ms - anomaly.start_ms < 600_000
    assert all(reading.observed_at < START_MS + 1_300_000 for reading in flagged)


def test_a_counter_is_judged_by_its_increase_and_a_reset_is_no_spike():
    readings = [Reading("e", "energy", START_MS + i * 10_000, 500 + i * 0.01) for i in range(200)]
    readings += [Reading("e", "energy", START_MS + (200 + i) * 10_000, i * 0.01) for i in range(100)]
    assert judged(readings) == ([], [])
    jump = Reading("e", "energy", START_MS + 3_000_000, 80.0)
    (anomaly,), flagged = judged([*readings, jump])
    assert flagged == [jump]
    assert "per minute" in anomaly.text


def test_a_gap_does_not_make_a_spike_of_the_new_day():
    readings = [*life("temperature", 5, 2, 1), *life("temperature", 5, 14, 1)]
    assert judged(readings) == ([], [])


def test_impossible_values_open_one_range_anomaly():
    readings = list(life("humidity", 6, 14, 0.5))
    for index in range(400, 420):
        readings[index] = Reading("sensor-1", "humidity", readings[index].observed_at, 132.0)
    (anomaly,), flagged = judged(readings)
    assert anomaly.kind is AnomalyKind.RANGE
    assert anomaly.text == (
        "Bãi Cháy 1: relative humidity reads 132.0 %, only 0.0 to 100.0 % is possible; over after 40 s."
    )
    assert len(flagged) == 20
