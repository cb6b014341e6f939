"""Counters and their two conservation laws."""

from ingest.account import Account, Latencies


def test_messages_and_readings_are_conserved_at_every_step():
    account = Account()
    account.accepted()
    account.accepted()
    account.refused()
    assert account.balanced
    account.decoded(5, 1)
    assert (account.readings_in_flight, account.records_bad, account.balanced) == (5, 1, True)
    account.undecodable()
    account.settled(5, stored=2, duplicate=1, quarantined=2)
    assert account.balanced
    counted = account.as_mapping()
    assert counted["messages_received"] == 3
    assert counted["messages_waiting"] == counted["readings_in_flight"] == 0
    assert "latencies" not in counted


def test_a_reading_that_vanishes_breaks_the_balance():
    account = Account()
    account.accepted()
    account.decoded(2, 0)
    account.settled(2, stored=1, duplicate=0, quarantined=0)
    assert not account.balanced


def test_latencies_keep_the_newest_and_answer_quantiles():
    latencies = Latencies(capacity=100)
    assert latencies.p50() is None
    for delay in range(1000):
        latencies.add(delay)
    assert (latencies.p50(), latencies.p99(), latencies.quantile(1.0)) == (950.0, 999.0, 999.0)
    account = Account()
    account.latencies.add(80)
    assert account.as_mapping()["latency_p99_ms"] == 80.0
