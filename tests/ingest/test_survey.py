"""The bank over minutes of live readings: calm over weeks of ordinary life, awake for what goes on."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.account import Account
from ingest.batch import Batch, Packet
from ingest.calendar import holidays_vn, holidays_vn_around
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.registry import Registry
from ingest.survey import Survey, Told
from storage import snapshots
from storage.book import Book
from telemetry.anomaly import AnomalyKind
from telemetry.packs import encode_pack
from telemetry.reading import Flag, Reading
from telemetry.topics import PackName, up

T = 1_767_200_400_000  # 2026-01-01 00:00 in Hạ Long
MINUTE = 60_000
KEY = ("pm-1", "pm25")


def days(count: int, seed: int = 1) -> NDArray[np.float64]:
    """Minute values of PM2.5 with a daily course, weather and noise."""
    rng = np.random.default_rng(seed)
    hours = np.arange(count * 1440) / 60
    weather = np.zeros(len(hours))
    for step in range(1, len(hours)):
        weather[step] = 0.999 * weather[step - 1] + rng.normal(0, 0.15)
    return 30 + 12 * np.cos((hours - 7.5) / 24 * 2 * np.pi) + weather + rng.normal(0, 1.5, len(hours))


def told(
    survey: Survey,
    values: NDArray[np.float64],
    start: int = T,
    key: tuple[str, str] = KEY,
    every: int = MINUTE,
) -> dict[int, Told]:
    at = start + np.arange(len(values), dtype=np.int64) * every
    return survey.look([key], np.zeros(len(values), np.int64), at, values, [every / 1000])


def test_a_bias_of_hours_is_told_once_and_ends() -> None:
    survey = Survey(frozenset())
    values = days(5)
    values[6000:6060] += 45
    found = told(survey, values)
    kinds = {kind for row in found for kind, _ in found[row] if row >= 6000}
    assert kinds == {AnomalyKind.UNUSUAL}  # there is nobody to ask, and people make dust
    rows = [row for row in found if row >= 6000]
    assert 6000 <= rows[0] <= 6020
    assert rows[-1] <= 6000 + 240
    (first,) = found[rows[0]]
    assert first[1].score >= 1
    assert first[1].low is not None
    assert first[1].high is not None
    assert first[1].high < first[1].value
    assert found[rows[-1]][0][1].score < 0.5
    assert sum(row < 6000 for row in found) <= 20


def test_a_fast_sensor_is_looked_at_by_its_minutes() -> None:
    """Ten readings a minute come in batches that are cut anywhere; the same is told as by the minutes' means."""
    rng = np.random.default_rng(2)
    minutes = days(2)
    minutes[2500:2560] = 0.0
    seconds = np.repeat(minutes, 10)
    whole, cut = Survey(frozenset()), Survey(frozenset())
    at = T + np.arange(len(seconds), dtype=np.int64) * 6000
    expected = told(whole, minutes)
    heard: list[tuple[int, AnomalyKind]] = []
    begin = 0
    while begin < len(seconds):
        end = begin + int(rng.integers(1, 2000))
        part = slice(begin, end)
        for row, findings in sorted(
            cut.look([KEY], np.zeros(len(at[part]), np.int64), at[part], seconds[part], [6.0]).items()
        ):
            heard += [((begin + row) // 10 - 1, kind) for kind, _ in findings]
        begin = end
    assert AnomalyKind.ZERO in {kind for _, kind in heard}
    assert heard == [(row, kind) for row, findings in sorted(expected.items()) for kind, _ in findings]


def test_what_comes_again_or_late_is_not_looked_at() -> None:
    values = days(1)
    once, again = Survey(frozenset()), Survey(frozenset())
    expected = told(once, values)
    half = len(values) // 2
    first = told(again, values[:half])
    assert told(again, values[:half] + 500) == {}
    rest = told(again, values[half:], T + half * MINUTE)
    assert first | {row + half: findings for row, findings in rest.items()} == expected


@pytest.mark.parametrize(("sensor", "quantity"), [("v", "wind_direction"), ("e", "energy")])
def test_directions_and_counters_are_left_to_others(sensor: str, quantity: str) -> None:
    survey = Survey(frozenset())
    assert told(survey, days(1), key=(sensor, quantity)) == {}
    assert len(survey) == 0


def test_series_are_bounded() -> None:
    survey = Survey(frozenset(), max_series=3)
    for number in range(9):
        told(survey, np.ones(2), key=(f"s-{number}", "pm25"))
    assert len(survey) == 3


def test_ordinary_weeks_of_twenty_sensors_tell_little() -> None:
    survey = Survey(frozenset())
    series = np.stack([days(12, seed) for seed in range(20)])[:, ::10]  # every ten minutes
    keys = [(f"pm-{number}", "pm25") for number in range(20)]
    episodes = 0
    open_at = dict.fromkeys(range(20), -(10**9))
    for step in range(series.shape[1]):
        at = np.full(20, T + step * 10 * MINUTE)
        for row in survey.look(keys, np.arange(20), at, series[:, step], [600.0] * 20):
            episodes += step - open_at[row] > 6
            open_at[row] = step
    assert episodes <= 5  # of 34,560 readings: hardly more than one in 10,000


def test_what_is_told_is_flagged_opened_kept_at_redelivery_and_closed(tmp_path: Path) -> None:
    values = days(2).round(1)
    values[2700:2740] += 60
    with Book(tmp_path / "book.sqlite") as book:
        account = Account()
        intake = Intake(
            root="t", registry=Registry(book), judge=Judge(), account=account, survey=Survey(frozenset())
        )

        def send(first: int, seq: int) -> Batch:
            readings = [
                Reading("pm-1", "pm25", T + row * MINUTE, float(values[row]))
                for row in range(first, first + 4)
            ]
            batch, name = Batch(), PackName("gw-1", "aaaa", seq)
            packet = Packet(
                up("t", "bai-chay", name), encode_pack("bai-chay", readings), T + (first + 4) * MINUTE
            )
            assert intake.add(packet, batch)
            intake.check(batch)
            while intake.judge(batch, packet.arrived_ms):
                pass
            return batch

        flags: list[int | None] = []
        anomalies = []
        for seq, first in enumerate(range(0, 2880, 4)):
            batch = send(first, seq)
            flags += batch.columns.flags
            anomalies += batch.anomalies
            if first == 2712:
                again = send(2704, 5000)
    marked = [row for row, flag in enumerate(flags) if (flag or 0) & Flag.UNUSUAL]
    assert marked
    assert 2700 <= marked[0] <= 2708
    biases = [anomaly for anomaly in anomalies if anomaly.kind is AnomalyKind.BIAS]
    assert len({anomaly.id for anomaly in biases}) == 1
    assert biases[0].end_ms is None
    assert biases[-1].end_ms is not None
    assert "stays away from its usual" in biases[0].text
    assert again.columns.flags == flags[2704:2708]
    assert again.anomalies == []


def test_a_restart_in_between_changes_nothing(tmp_path: Path) -> None:
    values, half = days(2), 2001
    values[2500:2540] += 60
    expected = told(Survey(frozenset()), values)
    before, after = Survey(frozenset()), Survey(frozenset())
    first = told(before, values[:half])
    with Book(tmp_path / "book.sqlite") as book:
        with book.writing() as database:
            snapshots.keep(database, before.dump())
        before.dumped()
        assert before.dump() == []
        with book.reading() as database:
            states, damaged = snapshots.kept(database)
        assert (after.load(states), damaged) == (0, 0)
    rest = told(after, values[half:], T + half * MINUTE)
    assert any(row >= 2500 - half for row in rest)
    assert first | {row + half: findings for row, findings in rest.items()} == expected


def test_a_state_of_another_release_is_left_out() -> None:
    survey = Survey(frozenset())
    told(survey, np.ones(3))
    ((sensor, quantity, state),) = survey.dump()
    strange = [(sensor, quantity, b"1234" + state[4:]), ("s-2", quantity, b""), ("s-3", quantity, state)]
    other = Survey(frozenset())
    assert other.load(strange) == 2
    assert len(other) == 1


def test_tet_and_the_national_day_are_holidays() -> None:
    found = holidays_vn([2026])
    for day in ("2026-01-01", "2026-02-17", "2026-04-30", "2026-05-01", "2026-09-02"):
        assert int(np.datetime64(day, "D").astype(np.int64)) in found
    assert int(np.datetime64("2026-03-11", "D").astype(np.int64)) not in found
    assert found <= holidays_vn_around(T)
