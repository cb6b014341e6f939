"""Sensors that join later: nobody speaks before, each gets its faults, and where nobody is grown all begin alike."""

from functools import cache

from firmware_sim.city import plan as plan_city
from halong.trial import newcomers
from halong.trial.newcomers import SPANS_S, Newcomers, Outcome
from halong.trial.plan import DAY_S
from halong.trial.street import START_S, Street
from telemetry.packs import decode_pack

SHORT = Newcomers(days=0.5, period_s=600.0, gateways=1, seed=2)


@cache
def short() -> tuple[Outcome, Outcome]:
    return newcomers.run(SHORT)


def test_who_joins_says_nothing_before_and_is_given_a_fault_in_each_span() -> None:
    city = plan_city(SHORT.seed, SHORT.gateways)
    plan = newcomers.plan(city, SHORT)
    assert len(plan.joins) == 2 * SHORT.gateways
    for sensor, joins_s in plan.joins.items():
        after = [one.start_s - joins_s for one in plan.done if one.sensor == sensor]
        assert all(begin <= one <= end for one, (begin, end) in zip(after, SPANS_S, strict=True))
        assert DAY_S / 2 <= joins_s <= 1.5 * DAY_S
    first: dict[str, int] = {}
    for sent in Street(city, plan, period_s=SHORT.period_s).sent(1.7):
        for packet in sent.packets:
            for reading in decode_pack(packet.payload).readings:
                first.setdefault(reading.sensor, reading.observed_at)
    late = {sensor: at_ms / 1000 - START_S for sensor, at_ms in first.items() if sensor in plan.joins}
    assert late.keys() == plan.joins.keys()
    assert all(0 <= at_s - plan.joins[sensor] <= SHORT.period_s for sensor, at_s in late.items())
    assert len(first) == 5


def test_where_nobody_is_grown_there_are_no_priors() -> None:
    alone, among = short()
    assert alone == among
    assert [one.done for one in alone.spans] == [2, 2]
    assert sum(one.found for one in alone.spans) > 0
    assert alone.told >= alone.false


def test_the_outcome_in_words_and_for_programs() -> None:
    table = newcomers.text(SHORT, *short())
    assert f"{short()[0].spans[0].found} of 2" in table
    assert newcomers.as_json(SHORT, *short())["with_priors"]["spans"][0]["done"] == 2
