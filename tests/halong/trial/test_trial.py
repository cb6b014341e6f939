"""A short trial: what was done is found, what is told is mostly true, it is the same again, and backlog changes nothing."""

from functools import cache
from pathlib import Path

import pytest

from firmware_sim.city import DevicePlan, plan
from firmware_sim.faults import FaultKind
from firmware_sim.happenings import Happening, HappeningKind
from halong.trial import report
from halong.trial.plan import Plan
from halong.trial.room import Room
from halong.trial.run import Result, Trial, run
from halong.trial.score import NAMES
from halong.trial.street import START_S, Street, births
from storage.book import Book
from telemetry.anomaly import Anomaly, AnomalyKind

SHORT = Trial(days=2, period_s=300.0, gateways=2, seed=11)


@cache
def short() -> Result:
    return run(SHORT)


def test_what_was_done_is_found_and_what_is_told_is_mostly_true() -> None:
    score = short().score
    assert set(score.recall) <= set(NAMES)
    assert len(score.recall) >= 14
    done, found = (sum(one[place] for one in score.recall.values()) for place in (0, 1))
    assert found >= 0.6 * done
    for kind in (FaultKind.RANGE, FaultKind.SILENCE, FaultKind.STUCK):
        assert score.recall[kind].found == score.recall[kind].named == score.recall[kind].done > 0
    told, true = (sum(one[place] for one in score.precision.values()) for place in (0, 1))
    assert true >= 0.5 * told


def test_the_first_morning_is_no_news() -> None:
    """Street lights go off and the sun rises where nobody has seen a morning yet."""
    day = run(Trial(days=1, period_s=300.0, gateways=5, seed=7))
    before = min(one.start_s for one in day.plan.done)
    assert before > 8 * 3600
    assert [one.text for one in day.anomalies.values() if one.start_ms < (START_S + before) * 1000] == []


def test_a_trial_is_the_same_again() -> None:
    again = run(SHORT)
    assert again.anomalies == short().anomalies
    assert again.alarms == short().alarms
    assert again.flags == short().flags


def test_a_restart_in_order_changes_nothing() -> None:
    """Not a flag, not an anomaly, not an alarm: every 50 minutes, whatever is going on."""
    restarted = run(SHORT, restarts_s=tuple(range(0, 172_800, 3000)))
    assert restarted.flags == short().flags
    assert restarted.anomalies == short().anomalies
    assert restarted.alarms == short().alarms
    told = {one.kind for one in short().anomalies.values()}
    assert {AnomalyKind.SILENCE, AnomalyKind.GAP, AnomalyKind.GATEWAY} <= told


def test_a_kill_changes_only_series_with_late_readings_since_the_last_snapshot() -> None:
    """Three kills in quiet hours change nothing; one while a backlog is delivered concerns that gateway's series alone."""
    (outage,) = short().plan.outages
    quiet = tuple(
        at_s for at_s in (60_150.0, 100_150.0, 150_150.0) if not outage.start_s < at_s < outage.end_s + 7200
    )
    assert len(quiet) >= 2
    killed = run(SHORT, kills_s=quiet)
    assert killed.flags == short().flags
    assert told(killed) == told(short())
    amid = run(SHORT, kills_s=(outage.end_s + 450.0,))
    late = {device.sensor for device in devices(outage.gateway)}
    changed = {key[0] for key in amid.flags.items() ^ short().flags.items() for key in [key[0]]}
    assert changed <= late
    assert {sensor for sensor, _ in told(amid) ^ told(short())} <= late


def test_a_restart_while_a_rhythm_is_missing_changes_nothing(tmp_path: Path) -> None:
    """The lights of the fifth evening stay off. One hub lives on, one begins anew in order, is killed, and again."""
    city = plan(7, 1)
    (gateway,) = city.gateways
    cabinet = tuple(device for device in gateway.devices if "current" in device.quantities)
    city = city._replace(gateways=(gateway._replace(devices=cabinet),))
    off_s = 4 * 86_400 + 17.5 * 3600
    dark = Happening(gateway.site.id, HappeningKind.RHYTHM, ("current", "power"), off_s, 4 * 3600)
    restarts = {1.5 * 3600: False, 2 * 3600: True, 2.5 * 3600: False}  # since then: whether killed
    with Book(tmp_path / "a.sqlite") as one, Book(tmp_path / "b.sqlite") as other:
        lives, dies = (Room(book, births(city, 600.0), START_S * 1000) for book in (one, other))
        for sent in Street(city, Plan((), (dark,), (), ()), period_s=600.0).sent(4.95):
            lives.hear(sent)
            dies.hear(sent)
            since_s = sent.at_ms / 1000 - START_S - off_s
            if since_s in restarts:
                assert AnomalyKind.RHYTHM in {
                    found.kind for found in lives.anomalies.values() if not found.end_ms
                }
                dies.restart(sent.at_ms, killed=restarts.pop(since_s))
    assert not restarts
    missing = [one for one in lives.anomalies.values() if one.kind is AnomalyKind.RHYTHM]
    assert {one.quantity for one in missing} == {"current", "power"}
    assert all(one.end_ms for one in missing)
    assert lives.anomalies == dies.anomalies
    assert lives.alarms == dies.alarms
    assert lives.flags == dies.flags


def told(result: Result) -> set[tuple[str, Anomaly]]:
    return {(one.sensor, one) for one in result.anomalies.values()}


def devices(gateway: str) -> tuple[DevicePlan, ...]:
    (found,) = (one for one in plan(SHORT.seed, SHORT.gateways).gateways if one.id == gateway)
    return found.devices


def test_what_a_gateway_delivers_afterwards_raises_nothing() -> None:
    result = short()
    (outage,) = result.plan.outages
    of = {one.sensor for one in result.plan.done if one.gateway == outage.gateway}
    begin, end = (round((START_S + at_s) * 1000) for at_s in (outage.start_s, outage.end_s))
    inside = [
        one
        for one in result.anomalies.values()
        if begin + 300_000 <= one.start_ms < end - 300_000 and one.sensor in of
    ]
    assert [one.kind for one in inside if one.kind is not AnomalyKind.GATEWAY] == []
    assert result.late > 0


def test_the_result_in_words_and_as_a_picture() -> None:
    result = short()
    page = report.put_into(
        f"# A\n\n{report.BEGIN}\nbefore it\n{report.END}\nend\n", report.markdown(result, "a.svg")
    )
    assert "before it" not in page
    assert page.startswith("# A\n")
    assert page.endswith("end\n")
    assert report.WORDS["stuck"] in report.text(result)
    assert report.svg(result).count("<rect") == 1 + 3 * len(result.score.recall) + 2 * len(
        result.score.precision
    )
    assert report.as_json(result)["done"]["stuck"]["recall"] == 1.0
    with pytest.raises(ValueError, match="no lines"):
        report.put_into("# nothing", "x")
