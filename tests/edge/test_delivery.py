"""The sending side alone: credit, lanes, re-send, strikes."""

from random import Random

from edge.delivery import (
    ASIDE_LAST_S,
    LIVE_WINDOW_MS,
    MAX_STRIKES,
    RESEND_FIRST_S,
    SILENT_CREDIT_S,
    Delivery,
    Lane,
)
from telemetry.messages import Ack, Epoch

J = "aa11"


def keys(*numbers: int) -> list[tuple[str, int]]:
    return [(J, number) for number in numbers]


def connected(credit: int = 4) -> Delivery:
    delivery = Delivery(Random(1), credit=credit, backlog_rate=1000)
    delivery.connected(0.0)
    delivery.plan(10.0)  # lets the backlog's rate cap fill
    return delivery


def test_nothing_goes_without_a_connection() -> None:
    assert Delivery(Random(1)).plan(0.0) == ((), 0, 0)


def test_at_most_credit_packs_are_outstanding() -> None:
    delivery = connected(credit=4)
    assert delivery.plan(10.0).live == 4
    delivery.sent(keys(0, 1, 2), Lane.LIVE, 10.0)
    assert delivery.plan(10.0).live == 1
    delivery.heard_ack(Ack({J: [(0, 1)]}, 0, 4), 10.0)
    assert delivery.plan(10.0).live == 3
    assert set(delivery.known) == {(J, 2)}


def test_the_backlog_leaves_half_of_the_credit_to_live_packs() -> None:
    delivery = connected(credit=4)
    assert delivery.plan(10.0).backlog == 2
    delivery.sent(keys(0, 1), Lane.BACKLOG, 10.0)
    plan = delivery.plan(10.0)
    assert (plan.live, plan.backlog) == (2, 0)


def test_the_backlog_is_rate_capped() -> None:
    delivery = Delivery(Random(1), credit=1000, backlog_rate=5)
    delivery.connected(0.0)
    assert delivery.plan(100.0).backlog == 5
    delivery.sent(keys(*range(5)), Lane.BACKLOG, 100.0)
    assert delivery.plan(100.0).backlog == 0
    assert delivery.plan(100.4).backlog == 2


def test_an_unacknowledged_pack_is_sent_again_later_and_later() -> None:
    delivery = connected()
    delivery.sent(keys(0), Lane.LIVE, 0.0)
    delivery.arrived((J, 0))
    gaps, now = [], 0.0
    for _ in range(7):
        before = now
        while not delivery.plan(now).resend:
            now += 0.5
        delivery.sent(keys(0), Lane.LIVE, now)
        delivery.arrived((J, 0))
        gaps.append(now - before)
    assert gaps[0] >= 0.8 * RESEND_FIRST_S
    assert gaps == sorted(gaps[:5]) + gaps[5:], "doubles until its bound"
    assert max(gaps) <= 300 * 1.2 + 0.5


def test_a_new_connection_and_a_new_epoch_send_everything_again_at_once() -> None:
    delivery = connected()
    delivery.sent(keys(0, 1), Lane.LIVE, 10.0)
    for key in keys(0, 1):
        delivery.arrived(key)
    assert delivery.plan(10.0).resend == ()
    delivery.disconnected(11.0)
    delivery.connected(11.0)
    assert set(delivery.plan(11.0).resend) == set(keys(0, 1))
    delivery.sent(keys(0, 1), Lane.LIVE, 11.0)
    for key in keys(0, 1):
        delivery.arrived(key)
    assert delivery.heard_epoch(Epoch("e1", online=True), 11.5)
    assert set(delivery.plan(11.5).resend) == set(keys(0, 1))
    assert not delivery.heard_epoch(Epoch("e1", online=True), 11.6), "the same epoch again is no news"


def test_credit_zero_stops_everything_and_a_probe_goes_when_nobody_repeats_it() -> None:
    delivery = connected()
    delivery.sent(keys(0, 1), Lane.LIVE, 10.0)
    for key in keys(0, 1):
        delivery.arrived(key)
    delivery.heard_ack(Ack({}, 0, 0), 11.0)
    assert delivery.plan(11.0 + SILENT_CREDIT_S - 0.1) == ((), 0, 0)
    plan = delivery.plan(11.0 + SILENT_CREDIT_S)
    assert len(plan.resend) == 1
    assert plan.live == 0
    delivery.heard_ack(Ack({}, 0, 8), 60.0)
    assert set(delivery.plan(60.0).resend) == set(keys(0, 1)), "credit is back: at once"
    assert delivery.plan(60.0).live == 6


def test_an_offline_ingest_is_waited_for() -> None:
    delivery = connected()
    delivery.heard_epoch(Epoch("e1", online=False), 10.0)
    assert delivery.plan(11.0) == ((), 0, 0)
    delivery.heard_epoch(Epoch("e2", online=True), 12.0)
    assert delivery.plan(12.0).live == 4


def test_a_pack_that_breaks_the_connection_three_times_is_set_aside_and_its_neighbours_go() -> None:
    delivery = connected(credit=4)
    delivery.sent(keys(0, 1, 2), Lane.LIVE, 10.0)
    poison, fallen, now = (J, 1), (), 10.0
    for _ in range(20):
        if fallen:
            break
        fallen = delivery.disconnected(now)
        now += 1
        delivery.connected(now)
        for _ in range(3):
            resend = delivery.plan(now).resend
            delivery.sent(resend, Lane.LIVE, now)
            for key in resend:
                if key != poison:
                    delivery.arrived(key)
            if poison in resend:
                assert resend == (poison,), "a suspect travels alone"
                break
    assert fallen == (poison,)
    assert set(delivery.set_aside) == {poison}
    assert MAX_STRIKES == 3
    assert set(delivery.known) == set(keys(0, 1, 2)), (
        "it is no candidate any more, the others wait for their ack"
    )


def test_the_live_window_is_five_minutes() -> None:
    assert LIVE_WINDOW_MS == 5 * 60 * 1000


def test_a_pack_set_aside_is_tried_again_alone_and_less_often_each_time() -> None:
    delivery = connected(credit=4)
    delivery.forget((J, 1), 10.0)  # the journal could not give it
    assert delivery.recall(69.0) == ()
    now, wait = 70.0, 60.0
    for _ in range(8):
        assert delivery.recall(now) == ((J, 1),)
        assert delivery.plan(now) == (((J, 1),), 0, 0)
        delivery.sent(keys(1), Lane.LIVE, now)
        assert delivery.disconnected(now) == ((J, 1),), "one break is enough the second time"
        delivery.connected(now)
        wait = min(ASIDE_LAST_S, wait * 2)
        assert delivery.recall(now + wait - 1) == ()
        now += wait
    assert wait == ASIDE_LAST_S
    assert delivery.recall(now) == ((J, 1),)
    delivery.heard_ack(Ack({J: [(1, 1)]}, 0, 4), now)
    assert not delivery.known
