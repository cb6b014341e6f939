"""Who is silent, and why nobody is blamed for somebody else's silence."""

import numpy as np
import pytest

from ingest.arrivals import Heard
from ingest.silence import HUB_ITSELF, Silence
from ingest.telling import Known
from telemetry.anomaly import Anomaly, AnomalyKind, Severity

T = 1_767_200_400_000
SENSORS = {
    "pm-1": Known("Bãi Cháy bụi", "bai-chay", "gw-1", 1.0, "Bãi Cháy"),
    "slow": Known("Trạm", "bai-chay", "gw-1", 60.0),
    "radar": Known("Radar", "bai-chay", "gw-1", 0.0),
}
GATEWAYS = {"gw-1": "bai-chay"}


class Day:
    """A Silence and a clock in seconds."""

    def __init__(self, *, listens: bool = True) -> None:
        self.silence, self.now = Silence(), 0
        if listens:
            self.silence.listen(T)
        self.said: list[Anomaly] = []

    def run(
        self, until: int, *, speaking: tuple[str, ...] = (), beating: tuple[str, ...] = ()
    ) -> list[Anomaly]:
        """Pass the seconds; what was told meanwhile."""
        said = []
        while self.now < until:
            self.now += 1
            for sensor in speaking:
                if not SENSORS[sensor].period_s or self.now % SENSORS[sensor].period_s == 0:
                    self.silence.sensor_heard(sensor, self.ms)
            for gateway in beating:
                if self.now % 5 == 0:
                    self.silence.gateway_beat(gateway, self.ms)
            said += self.silence.check(self.ms, SENSORS, GATEWAYS)
        self.said += said
        return said

    @property
    def ms(self) -> int:
        return T + self.now * 1000


def test_nobody_is_silent_while_all_speak():
    assert Day().run(700, speaking=("pm-1", "slow"), beating=("gw-1",)) == []


def test_a_sensor_is_silent_after_ten_seconds_and_told_once_and_closed():
    day = Day()
    day.run(100, speaking=("pm-1", "slow"), beating=("gw-1",))
    (opened,) = day.run(200, speaking=("slow",), beating=("gw-1",))
    assert (opened.kind, opened.sensor, opened.site) == (AnomalyKind.SILENCE, "pm-1", "bai-chay")
    assert opened.start_ms == T + 100_000
    assert opened.end_ms is None
    assert opened.text == "Bãi Cháy bụi: no reading since 2026-01-01 00:01:40, one every 1 s is usual."
    assert "không có số liệu" in opened.text_vi
    (closed,) = day.run(210, speaking=("pm-1", "slow"), beating=("gw-1",))
    assert (closed.id, closed.end_ms) == (opened.id, T + 201_000)
    assert closed.text.endswith("every 1 s is usual; over after 101 s.")


def test_what_comes_again_is_no_sign_of_life_and_a_clock_that_was_set_back_is() -> None:
    day = Day()
    day.run(100, beating=("gw-1",))

    def hear(*ages_s: int) -> None:
        at_ms = day.ms - np.array([age * 1000 for age in ages_s], np.int64)
        of = np.zeros(len(at_ms), np.int64)
        day.silence.readings_heard(Heard(["pm-1"], of, at_ms, np.full(len(at_ms), day.ms)), SENSORS)

    hear(-30, 0)  # its clock is ahead
    day.run(109, beating=("gw-1",))
    hear(0)
    day.run(118, beating=("gw-1",))
    hear(4, 9, 18)
    (opened,) = day.run(122, beating=("gw-1",))
    assert (opened.sensor, opened.start_ms) == ("pm-1", T + 109_000)
    hear(13)
    assert day.run(125, beating=("gw-1",)) == []
    hear(1)
    (closed,) = day.run(126, beating=("gw-1",))
    assert closed.id == opened.id


def test_a_slow_sensor_has_three_periods():
    day = Day()
    day.run(120, speaking=("pm-1", "slow"), beating=("gw-1",))
    assert day.run(300, speaking=("pm-1",), beating=("gw-1",)) == []
    (opened,) = day.run(302, speaking=("pm-1",), beating=("gw-1",))
    assert opened.sensor == "slow"


def test_a_sensor_never_heard_may_warm_up_first():
    day = Day()
    assert day.run(240, speaking=("slow",), beating=("gw-1",)) == []
    (opened,) = day.run(250, speaking=("slow",), beating=("gw-1",))
    assert opened.sensor == "pm-1"


def test_a_dead_gateway_is_one_anomaly_and_its_sensors_get_time_after_its_return():
    day = Day()
    day.run(100, speaking=("pm-1", "slow"), beating=("gw-1",))
    day.silence.gateway_left("gw-1", day.ms, orderly=False)
    (opened,) = day.run(1000)
    assert (opened.kind, opened.sensor, opened.severity) == (AnomalyKind.GATEWAY, "gw-1", Severity.CRITICAL)
    assert opened.text == "Gateway gw-1 at Bãi Cháy lost its connection; its sensors cannot be heard."
    assert opened.site == "bai-chay"
    (closed,) = day.run(1009, beating=("gw-1",))
    assert (closed.id, closed.end_ms) == (opened.id, T + 1_005_000)
    assert day.run(1100, speaking=("pm-1", "slow"), beating=("gw-1",)) == []


def test_a_gateway_without_heartbeat_is_dead_after_twenty_seconds():
    day = Day()
    day.run(100, speaking=("pm-1", "slow"), beating=("gw-1",))
    (opened,) = day.run(130, speaking=("pm-1", "slow"))
    assert "no heartbeat" in opened.text
    assert opened.start_ms == T + 100_000


def test_a_gateway_that_comes_back_at_once_is_not_told():
    day = Day()
    day.run(100, speaking=("pm-1", "slow"), beating=("gw-1",))
    day.silence.gateway_left("gw-1", day.ms, orderly=False)
    assert day.run(102) == []
    day.silence.gateway_beat("gw-1", day.ms)
    assert day.run(200, speaking=("pm-1", "slow"), beating=("gw-1",)) == []


def test_an_orderly_farewell_is_only_information():
    day = Day()
    day.silence.gateway_left("gw-1", day.ms, orderly=True)
    (opened,) = day.run(10)
    assert (opened.severity, "was shut down" in opened.text) == (Severity.INFO, True)


def test_a_deaf_hub_blames_nobody_and_starts_afresh():
    day = Day()
    day.run(100, speaking=("pm-1", "slow"), beating=("gw-1",))
    day.silence.deafen(day.ms)
    assert day.run(500) == []
    day.silence.listen(day.ms)
    assert day.run(508) == []
    assert day.run(600, speaking=("pm-1", "slow"), beating=("gw-1",)) == []


def test_a_restart_neither_tells_again_nor_forgets():
    day = Day()
    day.run(100, speaking=("pm-1", "slow"), beating=("gw-1",))
    (opened,) = day.run(150, speaking=("slow",), beating=("gw-1",))
    later = Day()
    later.silence.resume([opened])
    later.now = 160
    assert later.run(300, speaking=("slow",), beating=("gw-1",)) == []
    (closed,) = later.run(310, speaking=("pm-1", "slow"), beating=("gw-1",))
    assert closed.id == opened.id


def another(before: Day, kept: dict[str, bytes], away_s: int = 0) -> Day:
    """A restart in order; `kept` is what the lives before have written down."""
    kept |= before.silence.dump(before.ms)
    before.silence.dumped()
    day = Day(listens=False)
    for sensor, state in kept.items():
        assert day.silence.load(sensor, state)
    day.silence.resume([one for one in before.said if one.end_ms is None])
    day.said, day.now = before.said, before.now + away_s
    day.silence.listen(day.ms)
    return day


@pytest.mark.parametrize("stops", [(), (5,), (104, 106, 109), (110, 118, 119)])
def test_a_restart_in_order_changes_nothing(stops: tuple[int, ...]) -> None:
    """One falls silent, the gateway dies."""
    day, kept = Day(), dict[str, bytes]()
    for until in (*stops, 400):
        day.run(min(until, 100), speaking=("slow", "pm-1"), beating=("gw-1",))
        day.run(min(until, 110), speaking=("slow",), beating=("gw-1",))
        day.run(until)
        day = another(day, kept)
    silent, dead = day.said
    assert (silent.kind, silent.start_ms, silent.score) == (AnomalyKind.SILENCE, T + 100_000, 11.0)
    assert (dead.kind, dead.start_ms) == (AnomalyKind.GATEWAY, T + 110_000)


def test_while_the_hub_is_away_for_seconds_nobody_is_silent() -> None:
    day = Day()
    day.run(104, speaking=("pm-1", "slow"), beating=("gw-1",))
    day = another(day, {}, away_s=5)
    assert day.run(119, speaking=("slow",), beating=("gw-1",)) == []
    (opened,) = day.run(120, speaking=("slow",), beating=("gw-1",))
    assert (opened.sensor, opened.start_ms) == ("pm-1", T + 104_000)


def test_a_life_that_begins_late_gives_everybody_a_fresh_start() -> None:
    day = Day()
    day.run(100, speaking=("pm-1", "slow"), beating=("gw-1",))
    later = Day(listens=False)
    for sensor, state in day.silence.dump(day.ms).items():
        assert later.silence.load(sensor, state)
    later.now = 200
    later.silence.listen(later.ms)
    assert later.run(209) == []
    assert later.run(300, speaking=("pm-1", "slow"), beating=("gw-1",)) == []


@pytest.mark.parametrize("is_all", [True, False])
def test_of_what_a_killed_life_heard_the_newest_is_enough_for_nobody_to_be_silent_or_to_miss_anything(
    is_all: bool,
) -> None:
    day = Day()
    heard = Heard(["pm-1"], np.zeros(1, np.int64), np.array([day.ms]), np.array([day.ms]))
    day.silence.readings_heard(heard, SENSORS)
    for kill in (200, 400, 600):
        kept, day = day.silence.dump(day.ms), Day(listens=False)
        for sensor, state in kept.items():
            assert day.silence.load(sensor, state)
        day.now = kill
        day.silence.relive("pm-1", SENSORS["pm-1"], np.array([day.ms - 1000]), day.ms, is_all=is_all)
        day.silence.listen(day.ms)
        day.run(kill + 8, beating=("gw-1",))
        if day.said:
            break
    assert [one.kind for one in day.said] == [AnomalyKind.GAP] * is_all


def test_what_is_no_memory_is_refused() -> None:
    silence = Silence()
    for sensor in (HUB_ITSELF, "pm-1"):
        for state in (b"", b"\x93", b"none", bytes(300)):
            assert not silence.load(sensor, state)


def test_a_sensor_taken_out_of_service_is_silent_no_more():
    day = Day()
    day.run(100, speaking=("pm-1", "slow"), beating=("gw-1",))
    (opened,) = day.run(150, speaking=("slow",), beating=("gw-1",))
    (closed,) = day.silence.check(day.ms, {"slow": SENSORS["slow"]}, GATEWAYS)
    assert (closed.id, closed.end_ms) == (opened.id, day.ms)
