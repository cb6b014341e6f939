"""The benchmark measures what it says: each race does its work on both sides, and the ratio is ours over the peer's."""

from pathlib import Path

import pytest

from bench.__main__ import races
from bench.race import Race, run


def test_every_race_runs_on_both_sides(tmp_path: Path) -> None:
    found = list(races(tmp_path))
    assert len({race.name for race in found}) == len(found) >= 6
    for race in found:
        race.ours(race.prepare())
        race.peer(race.prepare())
        assert race.amount > 0


def test_each_side_takes_its_turn_and_the_ratio_follows() -> None:
    turns: list[str] = []
    prepared = iter(range(10))
    race = Race(
        "x",
        "x/s",
        10,
        lambda: next(prepared),
        lambda n: turns.append(f"o{n}"),
        lambda n: turns.append(f"p{n}"),
        "y",
    )
    result = run(race, seconds=0)
    assert turns == [f"{'op'[n % 2]}{n}" for n in range(10)]
    assert result.ratio == pytest.approx(result.ours / result.peer)
    assert result.low <= result.high
