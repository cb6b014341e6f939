"""Who is told what: from an alarm, what was told of it, and what the channels want, to what is to be sent. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from storage import outbox
from storage.outbox import Notice, Told
from storage.quiet import Maintenance
from telemetry.alarm import Alarm, AlarmFamily, AlarmState, rank
from telemetry.anomaly import Severity


class Route(NamedTuple):
    """What one channel is for; empty sets are everything. With `after_ms` it hears only of what nobody has acknowledged
    that long after it opened."""

    channel: str
    severity: Severity = Severity.INFO
    sites: frozenset[str] = frozenset()
    families: frozenset[AlarmFamily] = frozenset()
    after_ms: int = 0

    def wants(self, alarm: Alarm) -> bool:
        """Whether it is for this alarm; one of no site (a storm, the hub's clock) is for every site."""
        return (
            rank(alarm.severity) >= rank(self.severity)
            and (not self.sites or not alarm.site or alarm.site in self.sites)
            and (not self.families or alarm.family in self.families)
        )


def in_maintenance(alarm: Alarm, works: Iterable[Maintenance], now_ms: int) -> bool:
    """Whether work goes on at its site, or at each of its sensors."""
    going_on = [one for one in works if one.start_ms <= now_ms < (one.ended_ms or one.end_ms)]
    sensors = {one.sensor for one in going_on if one.sensor}
    return any(one.site and one.site == alarm.site for one in going_on) or sensors.issuperset(alarm.sensors)


def notices(
    alarm: Alarm, routes: Sequence[Route], told: Told, now_ms: int, *, held: bool = False
) -> list[Notice]:
    """What is to be sent now, in order. `held`: maintenance; nothing begins then, what was begun is ended."""
    return [
        Notice(alarm, route.channel, state)
        for route in routes
        for state in _states(alarm, route, told, now_ms, held)
    ]


def _states(alarm: Alarm, route: Route, told: Told, now_ms: int, held: bool) -> list[str]:
    known = {state: severity for (channel, state), severity in told.items() if channel == route.channel}
    states: list[str] = []
    if not any(first in known for first in outbox.FIRST):
        if held or alarm.state is AlarmState.CLOSED or not route.wants(alarm):
            return []
        if route.after_ms and (alarm.acknowledged_ms or now_ms - alarm.opened_ms < route.after_ms):
            return []
        states.append(outbox.ESCALATED if route.after_ms else outbox.OPEN)
    elif not held and rank(alarm.severity) > max(map(rank, known.values())):
        states.append(f"{outbox.RAISED}-{alarm.severity}")
    if alarm.acknowledged_ms is not None:
        states.append(outbox.ACKNOWLEDGED)
    if alarm.state is AlarmState.CLOSED:
        states.append(outbox.CLOSED)
    return [state for state in states if state not in known]
