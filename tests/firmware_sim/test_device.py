"""When a free-running device speaks next."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.device import next_due

PERIODS = st.floats(0.1, 3600)


@given(due_s=st.floats(0, 2e9), period_s=PERIODS, late=st.floats(0, 0.99))
def test_being_late_by_less_than_a_period_does_not_shift_the_beat(
    due_s: float, period_s: float, late: float
) -> None:
    assert next_due(due_s, period_s, due_s + late * period_s) == due_s + period_s


@given(due_s=st.floats(0, 2e9), period_s=PERIODS, late_s=st.floats(0, 1e5))
def test_it_is_never_due_at_once_again(due_s: float, period_s: float, late_s: float) -> None:
    now_s = due_s + late_s
    assert now_s < next_due(due_s, period_s, now_s) <= now_s + period_s
