"""What an agent counts: by hour, in parts that add up, whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from edge.account import LATE_MS, MAX_GAP_MS, Account, Count
from telemetry.inventory import Sensor
from telemetry.reading import Reading
from telemetry.times import HOUR_MS

HOUR = 1_699_999_200_000
PM = Sensor("pm-1", "pms5003", ("pm25", "pm10"), 1.0)
RADAR = Sensor("radar-1", "ops243", ("vehicle_speed",))


def by_hour(counts: list[Count], sensor: str = "pm-1") -> dict[int, Count]:
    return {count.hour_ms: count for count in counts if count.sensor == sensor}


def test_readings_count_in_the_hour_they_were_observed_in() -> None:
    account = Account([PM, RADAR])
    last = HOUR + HOUR_MS - 1
    said = [Reading("pm-1", q, at, 1.0) for at in (last, last + 1) for q in ("pm25", "pm10")]
    account.read([*said, said[-1]])
    account.duplicate(said[-1])
    account.accepted(said, last + 1 + LATE_MS)
    account.bad("radar-1", HOUR, 3)
    counts = account.take()
    first, second = by_hour(counts)[HOUR], by_hour(counts)[HOUR + HOUR_MS]
    assert (first.observations, first.read, first.accepted, first.duplicate, first.late) == (1, 2, 2, 0, 2)
    assert (second.observations, second.read, second.accepted, second.duplicate, second.late) == (
        1,
        3,
        2,
        1,
        0,
    )
    assert (by_hour(counts, "radar-1")[HOUR].bad, first.quantities) == (3, 2)
    assert account.take() == []


@given(
    period_s=st.floats(0.001, 3600),
    cuts=st.dictionaries(st.integers(1, 3 * HOUR_MS - 1), st.booleans(), max_size=20),
)
def test_periods_add_up_however_an_hour_is_cut(period_s: float, cuts: dict[int, bool]) -> None:
    sensor = Sensor("pm-1", "pms5003", ("pm25",), period_s)

    def watched(cuts: dict[int, bool]) -> dict[int, int]:
        found: dict[int, int] = {}
        until: dict[str, int] = {"pm-1": HOUR}
        for cut, is_new_life in sorted({0: True, **cuts, 3 * HOUR_MS: False}.items()):
            if is_new_life:
                account = Account([sensor])
                account.resume(until, HOUR + cut)
            account.watch(HOUR + cut)
            for count in account.take():
                found[count.hour_ms] = found.get(count.hour_ms, 0) + (count.periods or 0)
                until["pm-1"] = max(until["pm-1"], count.until_ms)
        return found

    assert watched(cuts) == watched({})


def test_a_whole_hour_of_a_second_is_3600_periods_and_event_driven_has_none() -> None:
    account = Account([PM, RADAR])
    account.watch(HOUR)
    account.watch(HOUR + HOUR_MS)
    counts = account.take()
    assert by_hour(counts)[HOUR].periods == 3600
    assert by_hour(counts, "radar-1")[HOUR].periods is None
    assert by_hour(counts, "radar-1")[HOUR].until_ms == HOUR + HOUR_MS


def test_a_new_life_claims_the_time_without_an_agent_but_not_for_new_sensors() -> None:
    now = HOUR + 5 * HOUR_MS + 10_000
    account = Account([PM, Sensor("pm-2", "pms5003", ("pm25",), 1.0)])
    account.resume({"pm-1": HOUR + 1000, "pm-9": HOUR}, now)
    account.watch(now)
    counts = account.take()
    assert [count.periods for _, count in sorted(by_hour(counts).items())] == [
        3599,
        3600,
        3600,
        3600,
        3600,
        10,
    ]
    assert by_hour(counts, "pm-2") == by_hour(counts, "pm-9") == {}


def test_a_gap_is_claimed_seven_days_back_at_most_and_never_from_the_future() -> None:
    account = Account([PM])
    account.resume({"pm-1": HOUR - 100 * MAX_GAP_MS}, HOUR)
    account.watch(HOUR)
    assert sum(count.periods or 0 for count in account.take()) == MAX_GAP_MS // 1000
    account.resume({"pm-1": HOUR + MAX_GAP_MS}, HOUR)
    account.watch(HOUR + 2000)
    assert [count.periods for count in account.take()] == [2]


def test_a_clock_that_goes_back_counts_nothing_twice() -> None:
    account = Account([PM])
    for now_ms in (HOUR, HOUR + 600_000, HOUR + 300_000, HOUR + 900_000):
        account.watch(now_ms)
    assert [count.periods for count in account.take()] == [900]
    account.watch(HOUR - 2 * HOUR_MS)  # it was wrong before
    account.watch(HOUR - 2 * HOUR_MS + 5000)
    assert [count.periods for count in account.take()] == [5]


def test_other_sensors_from_now_on() -> None:
    account = Account([PM])
    account.watch(HOUR)
    account.follow([PM, RADAR])
    account.watch(HOUR + 1000)
    assert {count.sensor for count in account.take()} == {"pm-1"}
    account.follow([RADAR])
    account.watch(HOUR + 2000)
    assert {count.sensor for count in account.take()} == {"radar-1"}
