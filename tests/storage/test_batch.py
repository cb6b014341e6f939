"""Columns made ready: sorted, each key once, in few narrow time ranges."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.batch import CLUSTER_GAP_MS, CLUSTERS_MAX, prepare, refuse
from storage.store import Columns, Series
from tests.thorough import examples

rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50) | st.integers(0, 10**7)), max_size=60)


def columns_of(given_rows: list[tuple[str, int]]) -> Columns:
    number = len(given_rows)
    return Columns(
        [sensor for sensor, _ in given_rows],
        ["s"] * number,
        ["q"] * number,
        [at for _, at in given_rows],
        [float(index) for index in range(number)],
        [None if index % 2 else index for index in range(number)],
        [None] * number,
    )


@examples(80)
@given(rows)
def test_each_key_once_the_first_stays_in_time_order(given_rows: list[tuple[str, int]]) -> None:
    columns = columns_of(given_rows)
    ids = {Series("b", "s", "q"): 0}
    batch = prepare(columns, refuse(columns), ids)
    if batch is None:
        assert given_rows == []
        return
    names = {number: series.sensor for series, number in (ids | batch.new).items()}
    assert sorted(names) == list(range(len(names)))
    first: dict[tuple[str, int], int] = {}
    for index, row in enumerate(given_rows):
        first.setdefault(row, index)
    arrays = batch.arrays
    keys = [
        (names[s], t) for s, t in zip(arrays["series"].tolist(), arrays["observed_at"].tolist(), strict=True)
    ]
    assert sorted(keys) == sorted(first)
    assert [t for _, t in keys] == sorted(t for _, t in keys)
    assert arrays["value"].tolist() == [float(first[key]) for key in keys]
    assert arrays["flags"].tolist() == [None if first[key] % 2 else first[key] for key in keys]
    assert batch.repeated == len(given_rows) - len(first)
    assert len(batch) == len(first)


@examples(80)
@given(rows.filter(bool))
def test_clusters_hold_every_row_and_are_few(given_rows: list[tuple[str, int]]) -> None:
    columns = columns_of(given_rows)
    batch = prepare(columns, (), {})
    assert batch is not None
    clusters = batch.clusters()
    assert len(clusters) <= CLUSTERS_MAX
    assert clusters == sorted(clusters)
    for at in columns.observed_at:
        assert sum(low <= at <= high for low, high in clusters) == 1


def test_live_and_backlog_are_two_clusters() -> None:
    hour = 3_600_000
    columns = columns_of([("a", 10 * hour), ("a", 0), ("a", 10 * hour + CLUSTER_GAP_MS), ("b", 5)])
    batch = prepare(columns, (), {})
    assert batch is not None
    assert batch.clusters() == [(0, 5), (10 * hour, 10 * hour + CLUSTER_GAP_MS)]


def test_refused_rows_are_left_out() -> None:
    columns = columns_of([("a", 1), ("a", 2)])
    columns.value[0] = float(np.inf)
    refused = refuse(columns)
    assert [(one.index, one.reason) for one in refused] == [(0, "inf is not a finite number")]
    batch = prepare(columns, refused, {})
    assert batch is not None
    assert batch.arrays["observed_at"].tolist() == [2]
    columns.value[1] = float("nan")
    assert prepare(columns, refuse(columns), {}) is None


def test_numbers_that_do_not_fit_are_refused() -> None:
    columns = columns_of([("a", 1), ("a", 2), ("a", 3), ("a", 4)])
    columns.flags = [-1, 2**31, 0, 0]
    columns.late_s = [None, None, 2**31, None]
    assert [one.index for one in refuse(columns)] == [0, 1, 2]
