"""The account finds what it must find: each kind of wrong is planted once."""

from halong.account import Timeless, compare
from halong.pairing import Sequences, Window

PERIODS = {"pm": 1.0}
T = 1_700_000_000_000


def series(*readings: tuple[int, float], sensor: str = "pm") -> Sequences:
    sequences = Sequences()
    for at, value in readings:
        sequences.add(sensor, "pm25", T + at, value)
    return sequences


def steady(count: int, delay: int = 0, drop: frozenset[int] = frozenset()) -> Sequences:
    return series(*((1000 * i + delay, float(i % 3)) for i in range(count) if i not in drop))


def test_a_perfect_run_balances() -> None:
    account = compare(steady(50), steady(50, 5), steady(50, 5), periods_s=PERIODS)
    assert account.balanced
    assert (account.emitted, account.accepted, account.stored) == (50, 50, 50)
    assert (account.missed, account.foreign) == (0, 0)


def test_a_reading_that_the_store_lacks_is_lost() -> None:
    account = compare(steady(50), steady(50, 5), steady(50, 5, frozenset({7})), periods_s=PERIODS)
    assert account.lost == 1
    assert not account.balanced
    assert f"lost: pm pm25 at {T + 7005}" in account.examples


def test_a_quarantined_reading_is_not_lost() -> None:
    quarantined = frozenset({("pm", "pm25", T + 7005)})
    account = compare(
        steady(50), steady(50, 5), steady(50, 5, frozenset({7})), periods_s=PERIODS, quarantined=quarantined
    )
    assert account.lost == 0


def test_a_reading_stored_twice_is_a_duplicate() -> None:
    stored = steady(50, 5)
    stored.add("pm", "pm25", T + 5, 0.0)
    assert compare(steady(50), steady(50, 5), stored, periods_s=PERIODS).duplicates == 1


def test_another_value_under_the_same_identity_is_altered() -> None:
    account = compare(series((0, 1.0)), series((5, 1.0)), series((5, 2.0)), periods_s=PERIODS)
    assert account.altered == 1


def test_a_missed_reading_is_unexplained_unless_a_window_covers_it() -> None:
    drop = frozenset({20})
    seen = steady(50, 5, drop)
    assert compare(steady(50), seen, seen, periods_s=PERIODS).unexplained == 1
    window = Window("pm", T + 19_500, T + 20_500, "agent down")
    account = compare(steady(50), seen, seen, periods_s=PERIODS, windows=[window])
    assert (account.missed, account.unexplained) == (1, 0)
    assert account.causes == {"agent down": 1}
    elsewhere = Window("other", T + 19_500, T + 20_500, "agent down")
    assert compare(steady(50), seen, seen, periods_s=PERIODS, windows=[elsewhere]).unexplained == 1


def test_a_constant_series_with_one_gap_blames_the_gap_and_not_its_end() -> None:
    sent = series(*((1000 * i, 5.0) for i in range(30)))
    seen = series(*((1000 * i + 5, 5.0) for i in range(30) if i != 10))
    window = Window("pm", T + 9_900, T + 10_100, "agent down")
    assert compare(sent, seen, seen, periods_s=PERIODS, windows=[window]).balanced


def test_a_reading_no_device_sent_is_foreign() -> None:
    seen = steady(10, 5)
    seen.add("pm", "pm25", T + 4500, 77.0)
    assert compare(steady(10), seen, seen, periods_s=PERIODS).foreign == 1


def test_a_changed_value_is_missed_and_foreign() -> None:
    account = compare(series((0, 1.0)), series((5, 1.5)), series((5, 1.5)), periods_s=PERIODS)
    assert (account.missed, account.foreign, account.unexplained) == (1, 1, 1)


def test_latency_is_from_the_last_byte_to_the_commit() -> None:
    account = compare(
        series((0, 1.0)),
        series((5, 1.0)),
        series((5, 1.0)),
        periods_s=PERIODS,
        committed_ms={("pm", "pm25", T + 5): T + 250},
    )
    assert account.latencies_ms.tolist() == [250.0]


def test_without_journals_emitted_is_compared_with_the_store() -> None:
    account = compare(steady(10), Sequences(), steady(10, 40, frozenset({3})), periods_s=PERIODS)
    assert (account.missed, account.unexplained, account.accepted) == (1, 1, 0)


def test_a_reading_that_is_kept_without_a_date_explains_one_that_is_missing() -> None:
    drop = frozenset({20, 23})  # both have the value 2.0
    seen = steady(50, 5, drop)
    undatable = Timeless("pm", "pm25", 2.0, T + 10_000, T + 30_000, "undatable")
    both = compare(steady(50), seen, seen, periods_s=PERIODS, timeless=[undatable, undatable])
    assert (both.missed, both.unexplained, both.causes, both.lost) == (2, 0, {"undatable": 2}, 0)
    assert compare(steady(50), seen, seen, periods_s=PERIODS, timeless=[undatable]).unexplained == 1
    for other in (
        undatable._replace(value=1.0),
        undatable._replace(sensor="other"),
        undatable._replace(latest_ms=T + 19_000),
        undatable._replace(earliest_ms=T + 24_000),
    ):
        assert compare(steady(50), seen, seen, periods_s=PERIODS, timeless=[other]).unexplained == 2


def test_what_was_held_is_paired_in_order_however_late_and_what_was_not_is_missed() -> None:
    """Five readings wait while their agent stands still; the first is thrown away, the others are read in one burst."""
    sent, seen, kept = Sequences(), Sequences(), Sequences()
    for at, value in ((0, 21.0), (1000, 20.0), (2000, 22.0), (3000, 20.0), (3200, 21.0), (4000, 20.0)):
        sent.add("pm-1", "pm25", T + at, value)
    for at, value in ((3541, 20.0), (3575, 22.0), (3608, 20.0), (3640, 21.0), (4000, 20.0)):
        for readings in (seen, kept):
            readings.add("pm-1", "pm25", T + at, value)
    held = [Window("pm-1", T - 100, T + 3500, "agent standing still")]
    account = compare(sent, seen, kept, periods_s={"pm-1": 1.0}, held=held)
    assert (account.missed, account.unexplained, account.foreign, account.lost) == (1, 1, 0, 0)
    assert account.examples[0].endswith(f"21.0 at {T}")
    account = compare(sent, seen, kept, periods_s={"pm-1": 1.0})
    assert account.unexplained > 1
    assert account.foreign > 0


def test_what_has_an_excuse_does_not_take_the_place_of_what_has_none() -> None:
    sent, seen, kept = Sequences(), Sequences(), Sequences()
    for at in (0, 900):
        sent.add("pm-1", "pm25", T + at, 20.0)
    for readings in (seen, kept):
        readings.add("pm-1", "pm25", T + 1050, 20.0)  # a little late: the machine was busy
    windows = [Window("pm-1", T - 100, T + 100, "agent down")]
    account = compare(sent, seen, kept, periods_s={"pm-1": 3.0}, windows=windows)
    assert (account.missed, account.unexplained, dict(account.causes)) == (1, 0, {"agent down": 1})


def test_a_burst_beside_what_is_close_in_time_is_paired_as_it_was_sent() -> None:
    """As one run had it: the third of the burst has the value of the first, and is close to the last one sent."""
    sent, seen = Sequences(), Sequences()
    for at, value in ((-1001, 57.0), (0, 56.0), (997, 57.0), (1998, 56.0)):
        sent.add("pm-1", "pm25", T + at, value)
    for at, value in ((1866, 57.0), (1900, 56.0), (1933, 57.0), (1999, 56.0)):
        seen.add("pm-1", "pm25", T + at, value)
    held = [Window("pm-1", T - 2722, T + 1931, "agent standing still")]
    account = compare(sent, seen, seen, periods_s={"pm-1": 1.0}, held=held)
    assert (account.missed, account.foreign) == (0, 0)
