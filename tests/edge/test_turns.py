"""Turns on a shared bus: own periods, and dead devices that step back."""

from edge.turns import Turns


def run(turns: Turns, dead: set[int], until: float, cost: float = 0.0) -> list[tuple[float, int]]:
    """Every turn up to `until`; a turn of a dead device costs `cost` seconds."""
    now, taken = 0.0, []
    while True:
        index, due = turns.next()
        now = max(now, due)
        if now > until:
            return taken
        taken.append((now, index))
        now += cost if index in dead else 0.0
        turns.done(index, now, answered=index not in dead)


def test_each_device_keeps_its_own_period() -> None:
    taken = run(Turns([1.0, 2.0], 0.0), set(), 6.0)
    assert [at for at, index in taken if index == 0] == [0, 1, 2, 3, 4, 5, 6]
    assert [at for at, index in taken if index == 1] == [0, 2, 4, 6]


def test_a_dead_device_skips_one_two_four_then_eight_turns() -> None:
    taken = run(Turns([1.0], 0.0), {0}, 40.0)
    assert [at for at, _ in taken] == [0, 2, 5, 10, 19, 28, 37]


def test_the_others_keep_their_period_beside_a_dead_one() -> None:
    taken = run(Turns([2.0, 2.0, 2.0], 0.0), {1}, 20.9, cost=0.5)
    for alive in (0, 2):
        assert len([at for at, index in taken if index == alive]) == 11


def test_a_change_is_told_once() -> None:
    turns = Turns([1.0], 0.0)
    answers = [True, False, False, True, True, False]
    assert [turns.done(0, 0.0, answered=answer) for answer in answers] == [
        False,
        True,
        False,
        True,
        False,
        True,
    ]


def test_turns_that_passed_while_the_bus_was_busy_are_not_made_up_for() -> None:
    turns = Turns([1.0], 0.0)
    turns.done(0, 7.4, answered=True)
    assert turns.next() == (0, 8.0)
