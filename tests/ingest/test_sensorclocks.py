"""A sensor whose clock is wrong: told when it is refused again, over when it is right, once through a restart."""

from ingest.sensorclocks import SensorClocks
from ingest.telling import Known
from telemetry.anomaly import AnomalyKind

KNOWN = {"meteo-1": Known("Khí tượng 1", "a", "gw-a", 2.0), "meteo-2": Known("Khí tượng 2", "a", "gw-a", 2.0)}
FAST = {"meteo-1": 900_000}
T = 1_795_395_600_000


def test_it_is_told_at_the_second_time_and_over_when_it_is_right() -> None:
    clocks = SensorClocks()
    assert clocks.look(FAST, [], KNOWN, T) == []
    (opened,) = clocks.look(FAST, ["meteo-2"], KNOWN, T + 1000)
    assert (opened.sensor, opened.kind, opened.site, opened.value) == (
        "meteo-1",
        AnomalyKind.CLOCK,
        "a",
        900.0,
    )
    assert opened.text == (
        "Khí tượng 1: its times are 15 min ahead of the hub's; its readings are set aside until its clock is right."
    )
    assert "nhanh hơn trung tâm 15 phút" in opened.text_vi
    assert clocks.look(FAST, ["meteo-1"], KNOWN, T + 2000) == []  # half of it is still wrong
    (closed,) = clocks.look({}, ["meteo-1"], KNOWN, T + 61_000)
    assert (closed.id, closed.end_ms) == (opened.id, T + 61_000)
    assert closed.text.endswith("; over after 60 s.")
    assert not clocks.watched


def test_one_wrong_time_is_no_wrong_clock() -> None:
    clocks = SensorClocks()
    for at in range(0, 10_000, 1000):
        assert clocks.look(FAST, [], KNOWN, T + at) == []
        assert clocks.look({}, ["meteo-1"], KNOWN, T + at + 500) == []


def test_another_life_goes_on_with_it() -> None:
    first, second = SensorClocks(), SensorClocks()
    first.look(FAST, [], KNOWN, T)
    (opened,) = first.look(FAST, [], KNOWN, T)
    second.resume([opened])
    assert second.look(FAST, [], KNOWN, T + 1000) == second.look(FAST, [], KNOWN, T + 2000) == []
    (closed,) = second.look({}, ["meteo-1"], KNOWN, T + 3000)
    assert closed.id == opened.id
