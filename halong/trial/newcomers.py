"""Sensors that join a city which was watched for weeks, with faults in their first hours and days: what is found, and what is
told without a cause, when they begin with what others have shown and when they begin with nothing."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from firmware_sim.city import City, DevicePlan
from firmware_sim.city import plan as plan_city
from firmware_sim.faults import Fault, FaultKind
from halong.trial.plan import DAY_S, HOUR_S, LASTS_S, Done, Plan, concerned, schedule
from halong.trial.room import Room
from halong.trial.score import Recall, Told, meets, recalled
from halong.trial.street import START_S, Street, births
from storage.book import Book

OF_A_GATEWAY = 2
WATCHED_S = 3 * DAY_S  # after a sensor has joined
JOIN_WITHIN_S = DAY_S
# After joining: in each of these a fault of each sensor begins.
SPANS_S = ((2 * HOUR_S, 12 * HOUR_S), (27 * HOUR_S, 66 * HOUR_S))
KINDS = (
    FaultKind.SPIKE,
    FaultKind.STUCK,
    FaultKind.JITTER,
    FaultKind.RATE,
    FaultKind.NOISE,
    FaultKind.DRIFT,
    FaultKind.BIAS,
    FaultKind.ZERO,
    FaultKind.UNIT,
)
Say = Callable[[float], None]


class Newcomers(NamedTuple):
    """What is tried: `days` of the city before the first joins."""

    days: float
    period_s: float
    gateways: int
    seed: int


class Outcome(NamedTuple):
    """`spans` as SPANS_S; of those `told` of the sensors in their first three days `false` were where nothing was done."""

    sensors: int
    spans: tuple[Recall, ...]
    told: int
    false: int


def run(trial: Newcomers, *, say: Say = lambda share: None) -> tuple[Outcome, Outcome]:
    """Without what others have shown, and with it."""
    city = plan_city(trial.seed, trial.gateways)
    what = plan(city, trial)
    street = Street(city, what, period_s=trial.period_s)
    days = trial.days + (JOIN_WITHIN_S + WATCHED_S) / DAY_S
    with (
        tempfile.TemporaryDirectory() as directory,
        Book(Path(directory) / "a.sqlite") as one,
        Book(Path(directory) / "b.sqlite") as other,
    ):
        introduced = births(city, trial.period_s)
        rooms = [
            Room(book, introduced, START_S * 1000, priors=priors)
            for book, priors in ((one, False), (other, True))
        ]
        for sent in street.sent(days):
            for room in rooms:
                room.hear(sent)
            say((sent.at_ms / 1000 - START_S) / DAY_S / days)
        alone, among = (_outcome(room, what) for room in rooms)
    return alone, among


def text(trial: Newcomers, alone: Outcome, among: Outcome) -> str:
    """A table for people."""
    both = alone, among
    rows = [("", ["with nothing", "with priors"])]
    for number, (begin, end) in enumerate(SPANS_S):
        spans = [one.spans[number] for one in both]
        when = f"faults {begin / HOUR_S:g} to {end / HOUR_S:g} h after joining"
        delays = ["" if one.delay_s is None else f"{one.delay_s / 60:.0f} min" for one in spans]
        rows.append((f"{when}, found", [f"{one.found} of {one.done}" for one in spans]))
        rows.append(("  under the right name", [str(one.named) for one in spans]))
        rows.append(("  told after (median)", delays))
    false = [f"{one.false / max(1, one.sensors):.2f}" for one in both]
    rows.append(("false anomalies a sensor in three days", false))
    rows.append(("told, and true", [f"{one.told}, {1 - one.false / max(1, one.told):.0%}" for one in both]))
    what = (
        f"{alone.sensors} sensors join a city of {trial.gateways} gateways after {trial.days:g} days,"
        f" a reading every {trial.period_s:g} s, seed {trial.seed}"
    )
    return "\n".join([what, "", *(f"{name:45}{one:>14}{other:>14}" for name, (one, other) in rows)])


def as_json(trial: Newcomers, alone: Outcome, among: Outcome) -> dict[str, Any]:
    """For programs."""
    outcomes = {"with_nothing": alone, "with_priors": among}
    return {"trial": trial._asdict()} | {
        name: one._asdict() | {"spans": [span._asdict() for span in one.spans]}
        for name, one in outcomes.items()
    }


def _new(city: City, seed: int) -> list[DevicePlan]:
    rng = Random(f"{seed}/newcomers")
    found = []
    for gateway in city.gateways:
        fit = [one for one in gateway.devices if any(concerned(kind, one) for kind in KINDS)]
        found += rng.sample(fit, min(OF_A_GATEWAY, len(fit)))
    return found


def plan(city: City, trial: Newcomers) -> Plan:
    """The trial's usual faults on the others while they grow; one in each of SPANS_S on each that joins."""
    new = _new(city, trial.seed)
    rng = Random(f"{trial.seed}/newcomers/faults")
    names = {one.sensor for one in new}
    base = schedule(city, days=trial.days, seed=trial.seed, period_s=trial.period_s)
    faults = [one for one in base.faults if one.sensor not in names]
    done = [one for one in base.done if one.sensor not in names]
    joins = {one.sensor: trial.days * DAY_S + rng.uniform(0, JOIN_WITHIN_S) for one in new}
    places = {one.sensor: gateway for gateway in city.gateways for one in gateway.devices}
    for device in new:
        for span in SPANS_S:
            kind = rng.choice([one for one in KINDS if concerned(one, device)])
            quantity = rng.choice(concerned(kind, device))
            start_s = joins[device.sensor] + rng.uniform(*span)
            lasts_s = LASTS_S[kind] or trial.period_s
            faults.append(Fault(device.sensor, kind, start_s, lasts_s, quantity))
            gateway, of = places[device.sensor], (quantity,) if quantity else ()
            done.append(
                Done(kind, device.sensor, gateway.site.id, gateway.id, of, start_s, start_s + lasts_s)
            )
    return Plan(tuple(faults), base.happenings, base.outages, tuple(done), joins)


def _outcome(room: Room, plan: Plan) -> Outcome:
    told = [
        Told(one, room.told_ms[one.id])
        for one in room.anomalies.values()
        if one.sensor in plan.joins
        and 0 <= one.start_ms / 1000 - START_S - plan.joins[one.sensor] < WATCHED_S
    ]
    theirs = [one for one in plan.done if one.sensor in plan.joins]
    hits = {one: [t for t in told if meets(one, t.anomaly, START_S)] for one in plan.done}
    true = {t.anomaly.id for found in hits.values() for t in found}
    spans = tuple(
        recalled(
            [(one, hits[one]) for one in theirs if begin <= one.start_s - plan.joins[one.sensor] <= end],
            [],
            START_S,
        )
        for begin, end in SPANS_S
    )
    return Outcome(len(plan.joins), spans, len(told), len(told) - len(true))
