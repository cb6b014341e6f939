"""The plan: the same for a seed, and never two faults on one target before it has recovered."""

from hypothesis import given
from hypothesis import strategies as st

from halong.chaos.plan import FAULTS, LASTS, RECOVERS_S, Kind, Target, schedule

AGENTS = [(kind, f"gw-{number}") for number in range(4) for kind in (Target.AGENT, Target.UPLINK)]
HUB = [(Target.HUB, "hub"), (Target.HUB_LINK, "hub"), (Target.BROKER, "broker"), (Target.STRANGER, "rogue")]
STORE = [(Target.STORE, "influxd"), (Target.STORE_LINK, "store")]
KIND_OF = {(kind, target): target for target, (kinds, _) in FAULTS.items() for kind in kinds}


@given(seed=st.integers(0), faults=st.integers(1, 120), store=st.booleans())
def test_a_plan_is_the_same_for_a_seed_and_in_the_order_of_time(seed: int, faults: int, store: bool) -> None:
    targets = AGENTS + HUB + STORE * store
    plan = schedule(seed, faults, targets, 0.9)
    assert plan == schedule(seed, faults, targets, 0.9)
    assert len(plan) == faults
    assert plan == sorted(plan)
    for fault in plan:
        least, _, most = LASTS[fault.kind]
        assert least <= fault.seconds <= most
        assert 0 <= fault.draw < 1


@given(seed=st.integers(0))
def test_a_target_recovers_before_it_is_hurt_again(seed: int) -> None:
    busy_until: dict[tuple[Target, str], float] = {}
    targets = AGENTS + HUB + STORE
    for fault in schedule(seed, 150, targets, 0.5):
        (hurt,) = (
            target for target in targets if target[1] == fault.target and fault.kind in FAULTS[target[0]][0]
        )
        assert fault.at_s >= busy_until.get(hurt, 0.0) - 0.001
        busy_until[hurt] = fault.at_s + fault.seconds + RECOVERS_S[hurt[0]] - 0.001


def test_a_long_plan_has_every_kind_on_every_target() -> None:
    plan = schedule(1, 1000, AGENTS + HUB + STORE, 0.9)
    assert {fault.kind for fault in plan} == set(Kind)
    assert {fault.target for fault in plan} == {name for _, name in AGENTS + HUB + STORE}
    assert schedule(2, 1000, AGENTS + HUB + STORE, 0.9) != plan
