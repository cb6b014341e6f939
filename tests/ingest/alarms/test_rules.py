"""Means against limits of regulation: averaged as the rule says, with enough data, at their hours, in their places."""

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from ingest.alarms.rules import HourMean, Rules
from ingest.telling import Known
from runtime.config import ConfigError
from runtime.limits import Limit, read
from telemetry.anomaly import Anomaly, AnomalyKind
from telemetry.times import HOUR_MS

T = 1_795_395_600_000  # 2026-11-23T08:00 in Hạ Long
KNOWN = {
    "pm-1": Known("Bụi, Bãi Cháy", "bai-chay", "gw-1", 60.0),
    "noise-1": Known("Ồn", "hon-gai", "gw-1", 1.0),
}
PM = Limit("QCVN 05", "pm25", 24, 45.0)
NO2 = Limit("QCVN 05", "no2", 1, 200.0)
NOISE = (
    Limit("QCVN 26", "noise_laeq", 1, 70.0, from_hour=6, to_hour=21),
    Limit("QCVN 26", "noise_laeq", 1, 55.0, from_hour=21, to_hour=6),
)


def hours(*values: float, end_ms: int = T, count: int = 60) -> list[HourMean]:
    """Hourly means, the last one ends at `end_ms`."""
    begin = end_ms - len(values) * HOUR_MS
    return [HourMean(begin + n * HOUR_MS, value, count) for n, value in enumerate(values)]


def look(
    rules: Rules, means: Sequence[HourMean], end_ms: int = T, *, series: tuple[str, str]
) -> list[Anomaly]:
    return rules.look(end_ms, {series: means}, KNOWN)


def test_a_mean_of_24_hours_above_its_limit() -> None:
    rules = Rules([PM])
    assert look(rules, hours(*[45.0] * 24), series=("pm-1", "pm25")) == []
    (one,) = look(rules, hours(*[45.0] * 20, *[57.0] * 4), series=("pm-1", "pm25"))
    assert (one.kind, one.site, one.value, one.high) == (AnomalyKind.LIMIT, "bai-chay", 47.0, 45.0)
    assert (one.start_ms, one.end_ms) == (T - HOUR_MS, None)
    assert (
        one.text
        == "Bụi, Bãi Cháy: mean PM2.5 over the 24 hours to 08:00 is 47.0 µg/m³, the limit (QCVN 05) is 45.0 µg/m³."
    )
    assert one.text_vi.endswith(
        "trung bình 24 giờ đến 08:00 là 47,0 µg/m³, giới hạn (QCVN 05) là 45,0 µg/m³."
    )


@pytest.mark.parametrize(("present", "told"), [(18, True), (17, False)])
def test_a_day_needs_three_quarters_of_its_hours(present: int, told: bool) -> None:
    means = hours(*[90.0] * 24)[:present]
    assert bool(look(Rules([PM]), means, series=("pm-1", "pm25"))) is told


@pytest.mark.parametrize(("count", "told"), [(45, True), (44, False)])
def test_an_hour_needs_three_quarters_of_its_readings(count: int, told: bool) -> None:
    assert bool(look(Rules([NO2]), hours(201.0, count=count), series=("pm-1", "no2"))) is told


def test_it_grows_is_told_once_and_ends_at_95_percent() -> None:
    rules = Rules([NO2])
    series = ("pm-1", "no2")
    (opened,) = look(rules, hours(210.0), series=series)
    assert look(rules, hours(205.0, end_ms=T + HOUR_MS), T + HOUR_MS, series=series) == []
    (worse,) = look(rules, hours(250.0, end_ms=T + 2 * HOUR_MS), T + 2 * HOUR_MS, series=series)
    assert (worse.id, worse.value, worse.score) == (opened.id, 250.0, 1.25)
    assert look(rules, hours(190.1, end_ms=T + 3 * HOUR_MS), T + 3 * HOUR_MS, series=series) == []
    (over,) = look(rules, hours(190.0, end_ms=T + 4 * HOUR_MS), T + 4 * HOUR_MS, series=series)
    assert (over.id, over.end_ms, over.value) == (opened.id, T + 3 * HOUR_MS, 250.0)
    assert over.text.endswith("; over after 4 h.")


def test_levels_are_averaged_by_energy() -> None:
    rules = Rules([Limit("rule", "noise_laeq", 8, 74.0)])
    means = hours(*[60.0] * 7, 84.0, count=3600)  # mean of the decibels 63, of the energy 75
    (one,) = look(rules, means, series=("noise-1", "noise_laeq"))
    assert one.value == pytest.approx(10 * math.log10((7 * 1e6 + 10**8.4) / 8), abs=0.001)


@pytest.mark.parametrize(
    ("level", "end_hour", "told"),
    [
        (71.0, 8, True),
        (69.0, 8, False),
        (56.0, 22, True),
        (56.0, 21, False),
        (56.0, 6, True),
        (56.0, 7, False),
    ],
)
def test_night_and_day_have_their_own_limits(level: float, end_hour: int, told: bool) -> None:
    end_ms = T + (end_hour - 8) * HOUR_MS
    means = hours(level, end_ms=end_ms, count=3600)
    assert bool(look(Rules(NOISE), means, end_ms, series=("noise-1", "noise_laeq"))) is told


def test_places_and_days() -> None:
    here = Limit("r", "no2", 1, 1.0, sites=("hon-gai",))
    elsewhere = Limit("r", "no2", 1, 1.0, not_sites=("bai-chay",))
    over = Limit("r", "no2", 1, 1.0, until=date(2026, 11, 22))
    to_come = Limit("r", "no2", 1, 1.0, since=date(2026, 11, 24))
    today = Limit("r", "no2", 1, 1.0, since=date(2026, 11, 23), until=date(2026, 11, 23))
    for limit, told in ((here, 0), (elsewhere, 0), (over, 0), (to_come, 0), (today, 1)):
        assert len(look(Rules([limit]), hours(9.0), series=("pm-1", "no2"))) == told


def test_the_first_limit_that_fits_counts() -> None:
    rules = Rules([Limit("special", "no2", 1, 300.0, sites=("bai-chay",)), NO2])
    assert look(rules, hours(250.0), series=("pm-1", "no2")) == []


def test_a_sensor_that_says_nothing_any_more_ends_it_after_three_hours() -> None:
    rules = Rules([NO2])
    (opened,) = look(rules, hours(210.0), series=("pm-1", "no2"))
    assert rules.look(T + 2 * HOUR_MS, {}, KNOWN) == []
    (over,) = rules.look(T + 3 * HOUR_MS, {}, KNOWN)
    assert (over.id, over.end_ms) == (opened.id, T)


def test_another_life_goes_on_and_the_same_hour_again_changes_nothing() -> None:
    limits = [NO2, Limit("QCVN 05", "no2", 24, 100.0)]
    first, later = Rules(limits), Rules(limits)
    opened = look(first, hours(*[210.0] * 24), series=("pm-1", "no2"))
    assert len({one.id for one in opened}) == 2
    later.resume(opened)
    assert look(later, hours(*[210.0] * 24), series=("pm-1", "no2")) == []
    assert {one.id for one in later.look(T + 5 * HOUR_MS, {}, KNOWN)} == {one.id for one in opened}


def test_the_shipped_limits_are_those_of_the_regulation_and_say_that_they_are_to_be_checked() -> None:
    limits = {(one.quantity, one.hours, one.since, one.from_hour): one.limit for one in read("")}
    assert limits == {
        ("pm25", 24, None, 0): 50.0,
        ("pm25", 24, date(2026, 1, 1), 0): 45.0,
        ("pm10", 24, None, 0): 100.0,
        ("so2", 1, None, 0): 350.0,
        ("so2", 24, None, 0): 125.0,
        ("no2", 1, None, 0): 200.0,
        ("no2", 24, None, 0): 100.0,
        ("co", 1, None, 0): 30000.0,
        ("co", 8, None, 0): 10000.0,
        ("o3", 1, None, 0): 200.0,
        ("o3", 8, None, 0): 120.0,
        ("noise_laeq", 1, None, 6): 70.0,
        ("noise_laeq", 1, None, 21): 55.0,
        ("noise_level", 1, None, 6): 70.0,
        ("noise_level", 1, None, 21): 55.0,
    }
    text = (Path(__file__).parents[3] / "runtime" / "limits.toml").read_text(encoding="utf-8")
    assert "must check every one of them" in text
    commented = "\n".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ["))
    assert commented.count("[[limits]]") == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ('quantity = "pm3"', "no quantity 'pm3'"),
        ('quantity = "vehicle_count"', "has no mean"),
        ("hours = 2", "hours"),
        ("from_hour = 30", "from_hour"),
        ("limit = 0", "above 0"),
        ('quantiti = "no2"', "did you mean 'quantity'"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, change: str, says: str) -> None:
    keys = {"rule": '"r"', "quantity": '"no2"', "hours": "1", "limit": "5.0"}
    name, _, value = change.partition(" = ")
    text = "\n".join(f"{key} = {content}" for key, content in (keys | {name: value}).items())
    (tmp_path / "limits.toml").write_text(f"[[limits]]\n{text}\n")
    with pytest.raises(ConfigError, match=says):
        read(str(tmp_path / "limits.toml"))
    assert read("none") == ()
