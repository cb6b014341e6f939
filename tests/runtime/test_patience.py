"""How long silence is believed."""

from runtime.patience import Patience


def test_it_ends_after_what_was_heard_and_doubles_in_vain() -> None:
    patience = Patience(10.0, longest_s=35.0)
    assert not patience.is_over(1e9)
    patience.heard(100.0)
    assert [now for now in range(100, 260) if patience.is_over(float(now))] == [111, 132, 168, 204, 240]
    patience.heard(300.0)
    assert not patience.is_over(310.0)
    assert patience.silent_s(310.0) == 10.0
    assert patience.is_over(310.1)


def test_what_could_not_come_is_not_missed() -> None:
    patience = Patience(10.0)
    patience.resumed(5.0)
    assert not patience.is_over(1e9)
    patience.heard(0.0)
    patience.resumed(100.0)
    assert not patience.is_over(110.0)
    assert patience.is_over(110.1)
    patience = Patience(10.0)
    patience.expected(0.0)
    assert patience.is_over(10.1)
