"""Weeks of a sensor that drifts, through the deciding half of the service: told once, whatever restarts or comes again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest import memory
from ingest.account import Account
from ingest.batch import Batch, Packet
from ingest.detectors.lanes import F64
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.registry import Registry
from ingest.silence import Silence
from ingest.survey import Survey
from storage.amendments import Pages
from storage.book import Book
from telemetry.anomaly import Anomaly, AnomalyKind, Severity
from telemetry.corrections import Correction
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth
from telemetry.packs import encode_pack
from telemetry.reading import Flag, Reading
from telemetry.topics import PackName, up

HOUR_MS = 3_600_000
START_MS = 1_793_379_600_000  # 2026-10-31 00:00 in Hạ Long
DAYS, SITES = 22, 5
BACK, CALIBRATED = 19 * 24, 20 * 24
Flags = dict[tuple[str, int], int]


def warmth() -> F64:
    """(sensors, hours): one weather; s-0 walks off by 0.4 °C a day from the ninth day on, and faster on the day before BACK."""
    rng, hours = np.random.default_rng(4), np.arange(DAYS * 24)
    weather = 25 + 3 * np.sin(hours / 24 * 2 * np.pi / 5.3) + 4 * np.sin(hours / 24 * 2 * np.pi)
    values = weather + rng.uniform(-1, 1, (SITES, 1)) + rng.normal(0, 0.15, (SITES, len(hours)))
    values[0] += 0.4 * np.maximum(hours / 24 - 9, 0)
    values[0, BACK - 36 : BACK - 12] += np.linspace(0, 14, 24)
    return np.round(values, 1)


class Hub:
    """Hears an hour of all sites at a time."""

    def __init__(self, book: Book) -> None:
        for site in range(SITES):
            sensor = Sensor(f"s-{site}", "mqtt-senml", ("temperature",), 3600.0, f"Nhiệt kế {site}")
            place = Site(f"site-{site}", f"Nơi {site}", 20.9, 107.0, "homes")
            book.register(Birth(f"gw-{site}", place, (sensor,), (1, 1), START_MS), START_MS)
        self.book, self.anomalies, self.flags = book, dict[str, Anomaly](), Flags()
        self.told: list[tuple[int, str]] = []
        self.others: list[tuple[int, AnomalyKind, str]] = []
        self.kept: dict[tuple[str, str], bytes] = {}
        self.stored: list[Reading] = []
        self.begin()

    def begin(self) -> None:
        self.registry, self.judge, self.survey = Registry(self.book), Judge(), Survey(frozenset())
        self.minds = self.judge, self.survey, Silence()
        memory.load(((*series, state) for series, state in self.kept.items()), *self.minds)
        self.intake = Intake(
            root="t", registry=self.registry, judge=self.judge, account=Account(), survey=self.survey
        )

    def hear(self, hour: int, values: F64, flags: int = 0, *, late_ms: int = 20_000) -> None:
        at_ms, batch = START_MS + hour * HOUR_MS, Batch()
        readings = [
            Reading(f"s-{site}", "temperature", at_ms, float(values[site]), flags) for site in range(SITES)
        ]
        for site, one in enumerate(readings):
            name = PackName(f"gw-{site}", "aaaa", hour)
            place = f"site-{site}"
            self.intake.add(Packet(up("t", place, name), encode_pack(place, [one]), at_ms + late_ms), batch)
        self.intake.check(batch)
        while self.intake.judge(batch, at_ms + late_ms):
            continue
        for row, found in enumerate(batch.columns.flags):
            if found is not None:
                self.flags[batch.columns.sensor[row], batch.columns.observed_at[row]] = found
        for one in [*batch.anomalies, *self.judge.expire(at_ms + late_ms)]:
            if one.kind is not AnomalyKind.CALIBRATION:
                self.others += [(hour, one.kind, one.sensor)] if one.end_ms is None else []
            else:
                self.told += [(hour, one.id)] if one.id not in self.anomalies else []
                self.anomalies[one.id] = one
        self.stored += readings

    def save(self) -> None:
        states = memory.dump(*self.minds, 0)
        self.kept |= {(sensor, quantity): state for sensor, quantity, state in states}
        memory.dumped(*self.minds)

    def resume(self, now_ms: int) -> None:
        opened = [one for one in self.anomalies.values() if one.end_ms is None]
        self.judge.resume(opened, now_ms)
        self.survey.resume(opened)

    def kill(self, now_ms: int) -> None:
        self.begin()
        known = self.registry.sensors()
        newer = [
            (known[one.sensor], one)
            for one in self.stored
            if one.observed_at > self.judge.newest_ms(one.series)
        ]
        memory.relive(newer, *self.minds, now_ms)
        self.resume(now_ms)


def live(path: Path, between: Callable[[Hub, int], None] = lambda hub, hour: None) -> Hub:
    with Book(path / "book.sqlite") as book:
        hub, values = Hub(book), warmth()
        for hour in range(DAYS * 24):
            hub.hear(hour, values[:, hour])
            between(hub, hour)
        return hub


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return live(tmp_path_factory.mktemp("plain"))


def test_a_calibration_that_drifts_is_told_once_with_its_evidence(plain: Hub) -> None:
    ((hour, told),) = plain.told
    one = plain.anomalies[told]
    assert 11 * 24 <= hour <= 17 * 24
    assert (one.sensor, one.end_ms, one.severity) == ("s-0", None, Severity.WARNING)
    assert one.value is not None
    assert one.expected is not None
    assert one.value - one.expected > 2
    assert abs(one.start_ms - (START_MS + 9 * 24 * HOUR_MS)) <= 3 * 24 * HOUR_MS
    assert one.text.startswith("Nhiệt kế 0: air temperature has drifted ")
    assert " above its four neighbours since " in one.text
    assert " cao hơn 4 cảm biến bên cạnh " in one.text_vi
    assert AnomalyKind.DRIFT not in {kind for _, kind, _ in plain.others}  # the fast day is explained
    days = {at_ms // (24 * HOUR_MS) for (sensor, at_ms), found in plain.flags.items() if found}
    assert len(days) >= DAYS - hour // 24 - 1


def test_restarts_kills_and_what_comes_again_change_nothing(plain: Hub, tmp_path: Path) -> None:
    values = warmth()

    def between(hub: Hub, hour: int) -> None:
        if hour % 2 == 0:  # what a kill loses is the last hour
            hub.save()
            hub.begin()
            hub.resume(START_MS + hour * HOUR_MS + 30_000)
        if hour % 7 == 0:
            hub.kill(START_MS + hour * HOUR_MS + 30_000)
        if hour % 3 == 0:
            hub.hear(hour, values[:, hour], late_ms=40_000)  # again
            hub.hear(max(hour - 30, 0), values[:, max(hour - 30, 0)] + 9, late_ms=30 * HOUR_MS)  # backlog

    hub = live(tmp_path, between)
    assert hub.told == plain.told
    assert hub.anomalies == plain.anomalies
    assert hub.flags == plain.flags


def forget(hub: Hub, hour: int, series: list[tuple[str, str]]) -> None:
    """The hub ends, and what was written of these series is damaged."""
    hub.save()
    hub.kept = {key: state for key, state in hub.kept.items() if key not in series}
    hub.begin()
    hub.resume(START_MS + hour * HOUR_MS + 30_000)


ALL = [(f"s-{site}", "temperature") for site in range(SITES)]


@pytest.mark.parametrize(
    ("lost", "ends"),
    [(ALL, "never"), (ALL[:1], "is back"), (ALL, "calibrated"), (ALL[:1], "calibrated at once")],
)
def test_where_nothing_is_remembered_a_drift_goes_on_and_ends_when_it_should(
    tmp_path: Path, plain: Hub, lost: list[tuple[str, str]], ends: str
) -> None:
    ((told_at, told),) = plain.told
    forgot, end, days = told_at + 30, told_at + 30 + 11 * 24, told_at // 24 + 20
    values = np.hstack([warmth(), warmth()])[:, : days * 24]
    weather = values[1:].mean(0)
    values[0, forgot:] = weather[forgot:] + (values[0] - weather)[forgot - 24 : forgot].mean()
    if ends == "is back":
        values[0, end:] = weather[end:] + (values[0] - weather)[: 8 * 24].mean()
    marks = {"calibrated": end, "calibrated at once": forgot + 1}
    with Book(tmp_path / "book.sqlite") as book:
        hub = Hub(book)
        for hour in range(days * 24):
            hub.hear(hour, values[:, hour], int(Flag.CALIBRATING) if hour == marks.get(ends) else 0)
            if hour == forgot:
                forget(hub, hour, lost)
        assert hub.told == plain.told
        end_ms = hub.anomalies[told].end_ms
        if ends == "never":
            assert end_ms is None
            again = [at_ms for (sensor, at_ms), found in hub.flags.items() if found and sensor == "s-0"]
            assert max(again) > START_MS + (days - 2) * 24 * HOUR_MS
        else:
            assert end_ms is not None
            after_h = (end_ms - START_MS) / HOUR_MS - marks.get(ends, end)
            assert 0 < after_h <= 4 * 24


def test_a_drift_that_is_remembered_to_be_none_ends(tmp_path: Path, plain: Hub) -> None:
    """Written down before it was told of, and what came then is not in the store."""
    ((told_at, told),) = plain.told
    values = warmth()
    with Book(tmp_path / "book.sqlite") as book:
        hub = Hub(book)
        for hour in range(told_at + 1):
            if hour == told_at - 48:
                hub.save()
            hub.hear(hour, values[:, hour])
        assert hub.told == plain.told
        hub.begin()
        hub.resume(START_MS + told_at * HOUR_MS)
        for hour in range(told_at + 1, told_at + 49):
            hub.hear(hour, values[1:].mean(0)[hour] + np.zeros(SITES))
        assert hub.anomalies[told].end_ms is not None


@pytest.mark.parametrize("amended", ["at the cabinet", "in the book"])
def test_a_silence_of_a_day_does_not_end_it_and_a_calibration_or_a_correction_does(
    amended: str, tmp_path: Path
) -> None:
    values = warmth()
    with Book(tmp_path / "book.sqlite") as book:
        hub = Hub(book)
        for hour in range(DAYS * 24):
            if BACK - 24 <= hour < BACK:
                over = hub.judge.expire(START_MS + hour * HOUR_MS)
                assert [one for one in over if one.kind is AnomalyKind.CALIBRATION] == []
                continue
            if hour == CALIBRATED and amended == "in the book":
                now_ms = START_MS + hour * HOUR_MS
                Pages(book).correct(
                    "s-0",
                    "temperature",
                    Correction(offset=-4.4),
                    now_ms,
                    None,
                    reason="drifts",
                    who="a",
                    now_ms=now_ms,
                )
            calibrating = hour == CALIBRATED and amended == "at the cabinet"
            hub.hear(hour, values[:, hour], int(Flag.CALIBRATING) if calibrating else 0)
        ((_, told),) = hub.told
        end_ms = hub.anomalies[told].end_ms
        assert end_ms is not None
        assert 0 < end_ms - (START_MS + CALIBRATED * HOUR_MS) <= 2 * 24 * HOUR_MS
        assert hub.anomalies[told].text.endswith(" days.")
