"""What is done in a trial: ageing takes weeks, at places of its own, and changes nothing of the rest."""

from firmware_sim.city import plan
from firmware_sim.faults import FaultKind
from firmware_sim.happenings import HappeningKind
from halong.trial.plan import AGES_FROM_S, AGES_TIMES, DAY_S, Plan, schedule


def month(days: float = 30, seed: int = 7) -> Plan:
    return schedule(plan(seed), days=days, seed=seed, period_s=300.0)


def test_ageing_begins_after_a_week_and_is_over_before_the_end() -> None:
    for seed in (7, 11, 12):
        whole = month(seed=seed)
        aged = [one for one in whole.done if one.kind == FaultKind.AGEING]
        assert len(aged) == AGES_TIMES
        assert len({(one.site, one.quantities) for one in aged}) == AGES_TIMES
        assert all(AGES_FROM_S <= one.start_s < one.end_s <= 29 * DAY_S for one in aged)
        assert all(one.end_s - one.start_s >= 10 * DAY_S for one in aged)
        levels = {
            (one.site, quantity)
            for one in whole.happenings
            if one.kind is HappeningKind.REGIME
            for quantity in one.quantities
        }
        assert not {(one.site, *one.quantities) for one in aged} & levels


def test_a_short_trial_has_none_and_each_other_fault_as_often() -> None:
    assert not [one for one in month(days=10).faults if one.kind is FaultKind.AGEING]
    kinds = [one.kind for one in month().faults]
    assert {kinds.count(kind) for kind in FaultKind if kind is not FaultKind.AGEING} == {12}
