"""The arithmetic of the ledger; against the simulator it is tested in tests/contracts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.inventory import SensorPeriod
from storage.ledger import Figures, figures, promises, total
from storage.manifests import ManifestRow
from telemetry.inventory import Sensor
from telemetry.times import HOUR_MS

T = 1_767_200_400_000 - 1_767_200_400_000 % HOUR_MS


def told(journal: str = "aaaa", **counts: Any) -> ManifestRow:
    return ManifestRow(sensor="pm-1", hour_ms=T, journal=journal, gateway="gw-1", received_ms=T, **counts)


def of(*manifests: ManifestRow, **known: Any) -> Figures:
    defaults = {"stored": 0, "quarantined": 0, "promised": 3600, "retired": False, "may_be_partial": False}
    return figures(manifests, **{**defaults, **known})


def test_lives_of_an_agent_add_up() -> None:
    found = of(
        told(expected=2000, read=1990, accepted=1980, duplicate=10, bad=3, late=4),
        told("bbbb", expected=1600, read=1500, accepted=1500),
        stored=3400,
        quarantined=30,
    )
    assert (found.expected, found.read, found.accepted, found.duplicate) == (3600, 3490, 3480, 10)
    assert (found.bad, found.late, found.pending, found.lost, found.estimated) == (3, 4, 50, 0, 0)
    assert found.completeness == pytest.approx(3400 / 3600)


def test_what_is_not_here_is_lost_only_when_it_was_given_up_or_the_gateway_is_retired() -> None:
    one = told(expected=3600, read=3600, accepted=3600, given_up=100)
    assert [(f.lost, f.pending) for f in (of(one, stored=3000), of(one, stored=3550))] == [
        (100, 500),
        (50, 0),
    ]
    retired = of(one, stored=3000, retired=True)
    assert (retired.lost, retired.pending) == (600, 0)


def test_without_a_manifest_the_period_speaks_and_says_so() -> None:
    found = of(stored=3000, quarantined=100)
    assert (found.expected, found.read, found.accepted, found.estimated) == (3600, None, None, 1)
    assert (found.pending, found.lost) == (500, 0)
    assert of(stored=3000, retired=True).lost == 600
    event_driven = of(stored=7, promised=None)
    assert (event_driven.expected, event_driven.pending, event_driven.completeness) == (None, 0, None)


def test_a_manifest_of_a_part_of_the_hour_is_estimated() -> None:
    """An earlier life has told of half an hour; the one that died with its journal took the rest with it."""
    half = told(expected=1800, read=1800, accepted=1800)
    found = of(half, stored=1800, retired=True, may_be_partial=True)
    assert (found.expected, found.lost, found.estimated) == (3600, 1800, 1)
    more_than_told = of(half, stored=2400)
    assert (more_than_told.expected, more_than_told.pending, more_than_told.estimated) == (3600, 1200, 1)
    assert of(half, stored=1800).estimated == 0  # its sensor said so much: a radar leaves speeds out


def test_what_a_stranger_sent_makes_up_for_nothing() -> None:
    one = told(expected=100, read=100, accepted=100)
    found = of(one, stored=90, quarantined=10, foreign=10)
    assert (found.pending, found.quarantined, found.estimated) == (10, 10, 0)
    assert of(stored=90, quarantined=10, promised=100, foreign=10).pending == 10
    assert of(one, stored=90, quarantined=10).pending == 0  # those of the gateway itself do


@given(
    st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99),
    st.none() | st.integers(0, 99), st.booleans(), st.booleans(),
)  # fmt: skip
def test_nothing_vanishes(
    accepted: int, given_up: int, stored: int, aside: int, promised: int | None, retired: bool, partial: bool
) -> None:
    one = told(expected=accepted, read=accepted, accepted=accepted, given_up=min(given_up, accepted))
    found = of(
        one, stored=stored, quarantined=aside, promised=promised, retired=retired, may_be_partial=partial
    )
    assert found.lost >= 0
    assert found.pending >= 0
    assert stored + aside + found.lost + found.pending >= accepted
    if not found.estimated:
        assert stored + aside + found.lost + found.pending == accepted


def test_what_is_unknown_in_one_hour_does_not_hide_the_others() -> None:
    whole = total([of(told(expected=5, read=4, accepted=4), stored=4), of(stored=2, promised=6)])
    assert (whole.expected, whole.read, whole.accepted, whole.stored) == (11, 4, 4, 6)
    assert (whole.hours, whole.estimated, whole.pending) == (2, 1, 4)
    assert total([of(promised=None)]).expected is None


def test_the_inventory_promises_only_while_a_gateway_lists_the_sensor() -> None:
    sensor = Sensor("pm-1", "pms5003", ("pm25", "pm10"), 10.0)
    moved = [
        SensorPeriod(sensor, "bai-chay", "gw-1", T - HOUR_MS, T + 1_800_000, None, adopted=False),
        SensorPeriod(sensor, "hon-gai", "gw-2", T + 1_800_000, None, T + HOUR_MS + 600_000, adopted=False),
    ]
    found = promises(moved, {}, T, T + 5 * HOUR_MS)
    assert {hour: (p.site, p.expected) for (_, hour), p in found.items()} == {
        T: ("hon-gai", 720),
        T + HOUR_MS: ("hon-gai", 120),
    }
    gone = promises(moved[:1], {"gw-1": T + 900_000}, T, T + HOUR_MS)
    assert [p.expected for p in gone.values()] == [180]
    radar = SensorPeriod(
        Sensor("r-1", "ops243", ("vehicle_speed",)), "x", "gw-1", T, None, None, adopted=False
    )
    assert promises([radar], {}, T, T + HOUR_MS)["r-1", T].expected is None


def test_what_one_sensor_has_beyond_what_was_expected_hides_no_gap_of_another() -> None:
    gap = of(told(expected=10, read=6, accepted=6), stored=6, invalid=1)
    more = of(told(expected=10, read=12, accepted=12), stored=12)
    event_driven = of(promised=None, stored=500)
    whole = total([gap, more, event_driven])
    assert (gap.good, more.good, event_driven.good) == (5, 10, 0)
    assert (whole.stored, whole.expected, whole.completeness) == (518, 20, 0.75)
