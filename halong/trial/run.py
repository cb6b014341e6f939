"""A trial from beginning to end: the city speaks, the room listens, what was told is scored."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from firmware_sim.city import plan as plan_city
from halong.trial.plan import DAY_S, Plan, schedule
from halong.trial.room import Room
from halong.trial.score import Score, Told, score
from halong.trial.street import START_S, Street, births
from storage.book import Book
from telemetry.alarm import Alarm
from telemetry.anomaly import Anomaly


class Trial(NamedTuple):
    """What a trial is made of: the same trial gives the same result."""

    days: float
    period_s: float
    gateways: int
    seed: int


class Result(NamedTuple):
    """`stored` readings of `sensors` sensors; `late` of them came late or again, `quarantined` were refused.

    `flags` are those of every reading that has any, by (sensor, quantity, ms).
    """

    trial: Trial
    sensors: int
    stored: int
    flagged: int
    late: int
    quarantined: int
    score: Score
    plan: Plan
    anomalies: dict[str, Anomaly]
    alarms: dict[str, Alarm]
    flags: dict[tuple[str, str, int], int]


def run(
    trial: Trial,
    *,
    restarts_s: tuple[float, ...] = (),
    kills_s: tuple[float, ...] = (),
    say: Callable[[float], None] = lambda share: None,
) -> Result:
    """`restarts_s` and `kills_s` are when the hub starts anew, in order or not, in seconds since the beginning; `say` hears
    what share is done."""
    city = plan_city(trial.seed, trial.gateways)
    plan = schedule(city, days=trial.days, seed=trial.seed, period_s=trial.period_s)
    street = Street(city, plan, period_s=trial.period_s)
    ends = sorted([(at_s, False) for at_s in restarts_s] + [(at_s, True) for at_s in kills_s])
    with tempfile.TemporaryDirectory() as directory, Book(Path(directory) / "book.sqlite") as book:
        room = Room(book, births(city, trial.period_s), START_S * 1000)
        for sent in street.sent(trial.days):
            room.hear(sent)
            since_s = sent.at_ms / 1000 - START_S
            while ends and ends[0][0] <= since_s:
                room.restart(sent.at_ms, killed=ends.pop(0)[1])
            say(since_s / DAY_S / trial.days)
    sensors = sum(len(gateway.devices) for gateway in city.gateways)
    found = score(
        plan.done,
        [Told(one, room.told_ms[one.id]) for one in room.anomalies.values()],
        room.alarms.values(),
        start_s=START_S,
        days=trial.days,
        sensors=sensors,
    )
    return Result(
        trial,
        sensors,
        room.stored,
        len(room.flags),
        room.late,
        room.quarantined,
        found,
        plan,
        room.anomalies,
        room.alarms,
        room.flags,
    )
