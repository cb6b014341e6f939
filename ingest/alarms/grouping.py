"""From anomalies to alarms: what belongs together is one alarm, what flickers is one, a storm is one. Pure.

Every anomaly joins the alarm of its group, which lives until all its anomalies have been over for a while. So several
sensors of a site that see the same are one alarm, episodes that follow each other are one, and a dead gateway is one: the
silence of its sensors waits while the gateway's own alarm is open. All times are the hub's clock, in ms.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.alarms import sentences
from ingest.telling import Known
from storage.quiet import Mute
from telemetry.alarm import Alarm, AlarmFamily, AlarmState, alarm_id, family_of, rank
from telemetry.anomaly import Anomaly, AnomalyKind, Severity

MEMBERS_MAX = 500  # of one alarm; further ones change nothing
DONE_MAX = 10_000
LATE_MS = 600_000  # what was over for so long when it was heard of calls nobody
STORM_ALARMS = 20
STORM_MS = 600_000
STORM = "storm"
AGREE = 3  # so many sensors of a site that see the same are not a mere note
_ALONE = frozenset({AnomalyKind.GATEWAY, AnomalyKind.CLOCK, AnomalyKind.CLAIM})
_WEEKS = "calibration"  # an alarm of its own: what happens to the sensor meanwhile is told beside it


class Timing(NamedTuple):
    """How long a silence lasts before it is an alarm (its gateway may be dead), and all is over before an alarm is."""

    settle_ms: int = 30_000
    linger_ms: int = 300_000
    gateway_linger_ms: int = 60_000


TIMING = Timing()


class Group:
    """One open alarm."""

    def __init__(self, key: str, first: Anomaly, opened_ms: int) -> None:
        self.key, self.opened_ms = key, opened_ms
        self.id = alarm_id(key, first.start_ms)
        self.start_ms = first.start_ms
        self.members: dict[str, Anomaly] = {}
        self.calm_ms: int | None = None  # since when nothing of it lasts
        self.acknowledged: tuple[int, str] | None = None

    @property
    def lasts(self) -> bool:
        """Whether one of its anomalies does."""
        return any(one.end_ms is None for one in self.members.values())

    def leader(self) -> Anomaly:
        """The anomaly that speaks for all: the gravest."""
        return max(self.members.values(), key=lambda one: (rank(one.severity), one.score, -one.start_ms))

    def alarm(self, known: Mapping[str, Known], closed_ms: int | None = None) -> Alarm:
        """As it is stored and told; closed at `closed_ms` it ended when the last of its anomalies did."""
        leader, members = self.leader(), list(self.members.values())
        end_ms = None
        if closed_ms is not None:
            end_ms = max(closed_ms if one.end_ms is None else one.end_ms for one in members)
        sensors = tuple(dict.fromkeys([leader.sensor, *(one.sensor for one in members)]))
        severity = leader.severity
        if family_of(leader.kind) is AlarmFamily.CITY and len(sensors) >= AGREE and severity is Severity.INFO:
            severity = Severity.WARNING
        storm = self.key == STORM
        tell = sentences.storm if storm else sentences.group
        text, text_vi = tell(leader, members, known, None if end_ms is None else end_ms - self.start_ms)
        state = AlarmState.ACKNOWLEDGED if self.acknowledged else AlarmState.OPEN
        return Alarm(
            id=self.id,
            group=self.key,
            family=family_of(leader.kind),
            kind=leader.kind,
            severity=Severity.CRITICAL if storm else severity,
            state=state if end_ms is None else AlarmState.CLOSED,
            site="" if storm else leader.site,
            sensors=sensors,
            quantity=leader.quantity,
            start_ms=self.start_ms,
            end_ms=end_ms,
            score=leader.score,
            value=leader.value,
            expected=leader.expected,
            low=leader.low,
            high=leader.high,
            text=text,
            text_vi=text_vi,
            anomalies=tuple(self.members),
            opened_ms=self.opened_ms,
            acknowledged_ms=self.acknowledged[0] if self.acknowledged else None,
            acknowledged_by=self.acknowledged[1] if self.acknowledged else "",
        )


def group_key(anomaly: Anomaly) -> str:
    """What anomalies of one alarm share: the site for what happens in the city and for readings that do not come, else the
    sensor."""
    place = anomaly.site or anomaly.sensor
    if anomaly.kind is AnomalyKind.CLOCK:
        return f"clock/{place}"
    if anomaly.kind is AnomalyKind.CALIBRATION:
        return f"{_WEEKS}/{anomaly.sensor}"
    if anomaly.kind in _ALONE:
        return f"{anomaly.kind}/{anomaly.sensor}"
    if anomaly.kind in (AnomalyKind.SILENCE, AnomalyKind.GAP):
        return f"silence/{place}"
    if anomaly.kind is AnomalyKind.LIMIT:
        return f"limit/{place}/{anomaly.quantity}"
    if family_of(anomaly.kind) is AlarmFamily.CITY:
        return f"city/{place}"
    return f"health/{anomaly.sensor}"


def muted(anomaly: Anomaly, mutes: Iterable[Mute]) -> bool:
    """Whether an operator has said that this pattern is no alarm."""
    return any(
        one.sensor == anomaly.sensor
        and one.quantity in ("", anomaly.quantity)
        and one.kind in ("", anomaly.kind)
        for one in mutes
    )


class Grouping:
    """Open alarms and what may become one."""

    def __init__(self, timing: Timing = TIMING) -> None:
        self._timing = timing
        self._groups: dict[str, Group] = {}
        self._of: dict[str, Group] = {}  # by the anomaly
        self._settling: dict[str, tuple[Anomaly, int]] = {}
        self._done: dict[str, None] = {}  # anomalies of closed alarms
        self._opened: deque[int] = deque(maxlen=STORM_ALARMS)

    def resume(
        self, opened: Iterable[Alarm], closed: Iterable[Alarm], anomalies: Mapping[str, Anomaly]
    ) -> None:
        """Go on with the alarms of an earlier process life; `anomalies` are theirs, by id."""
        for alarm in opened:
            members = [anomalies[one] for one in alarm.anomalies if one in anomalies]
            if not members:
                continue
            group = Group(alarm.group, members[0], alarm.opened_ms)
            group.id, group.start_ms = alarm.id, alarm.start_ms
            if alarm.acknowledged_ms is not None:
                group.acknowledged = alarm.acknowledged_ms, alarm.acknowledged_by
            self._groups[alarm.group] = group
            for one in members:
                self._join(group, one)
        for alarm in closed:
            self._forget(alarm.anomalies)

    def lasting(self) -> set[str]:
        """Alarms of which an anomaly goes on."""
        return {group.id for group in self._groups.values() if group.lasts}

    def acknowledge(self, alarm: str, at_ms: int, who: str, known: Mapping[str, Known]) -> Alarm | None:
        """Somebody looks after it (named by its own id or that of one of its anomalies); None when that is no news."""
        group = self._of.get(alarm) or next((g for g in self._groups.values() if g.id == alarm), None)
        if group is None or group.acknowledged is not None:
            return None
        group.acknowledged = at_ms, who
        return group.alarm(known)

    def step(
        self,
        changes: Iterable[Anomaly],
        now_ms: int,
        *,
        known: Mapping[str, Known],
        mutes: Sequence[Mute] = (),
    ) -> list[Alarm]:
        """Alarms that opened, changed or closed."""
        told: dict[str, Group] = {}
        for anomaly in changes:
            group = self._take(anomaly, now_ms, mutes)
            if group is not None:
                told[group.key] = group
        for group in self._settle(now_ms, known, mutes):
            told[group.key] = group
        closed = [group for group in list(self._groups.values()) if self._is_over(group, now_ms, mutes)]
        for group in closed:
            told.pop(group.key, None)
            self._close(group)
        return [g.alarm(known) for g in told.values()] + [g.alarm(known, now_ms) for g in closed]

    def _take(self, anomaly: Anomaly, now_ms: int, mutes: Sequence[Mute]) -> Group | None:
        """Its alarm, when this changes one or opens one."""
        group = self._of.get(anomaly.id)
        if group is not None:
            before, group.members[anomaly.id] = group.members[anomaly.id], anomaly
            group.calm_ms = None
            return group if before != anomaly else None
        if anomaly.id in self._done or muted(anomaly, mutes):
            return None
        if anomaly.end_ms is not None and (anomaly.id in self._settling or now_ms - anomaly.end_ms > LATE_MS):
            self._settling.pop(anomaly.id, None)
            return None
        if anomaly.kind is AnomalyKind.SILENCE and anomaly.end_ms is None:
            _, since_ms = self._settling.get(anomaly.id, (anomaly, now_ms))
            self._settling[anomaly.id] = anomaly, since_ms
            return None
        if anomaly.kind is AnomalyKind.SILENCE:
            return None  # over before anybody could be called
        return self._open(anomaly, now_ms)

    def _settle(self, now_ms: int, known: Mapping[str, Known], mutes: Sequence[Mute]) -> list[Group]:
        """Silences that are not explained by a dead gateway and have lasted."""
        opened = []
        dead = {
            one.sensor
            for group in self._groups.values()
            for one in group.members.values()
            if one.kind is AnomalyKind.GATEWAY and one.end_ms is None
        }
        for anomaly, since_ms in list(self._settling.values()):
            sensor = known.get(anomaly.sensor)
            if sensor is not None and sensor.gateway in dead:
                self._settling[anomaly.id] = anomaly, now_ms
            elif now_ms - since_ms >= self._timing.settle_ms:
                del self._settling[anomaly.id]
                if not muted(anomaly, mutes) and (group := self._open(anomaly, now_ms)) is not None:
                    opened.append(group)
        return opened

    def _open(self, anomaly: Anomaly, now_ms: int) -> Group | None:
        key = group_key(anomaly)
        if key not in self._groups:
            if len(self._opened) == STORM_ALARMS and now_ms - self._opened[0] < STORM_MS:
                key = STORM
            else:
                self._opened.append(now_ms)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key, anomaly, now_ms)
        if len(group.members) >= MEMBERS_MAX:
            return None
        self._join(group, anomaly)
        return group

    def _join(self, group: Group, anomaly: Anomaly) -> None:
        group.members[anomaly.id] = anomaly
        group.start_ms = min(group.start_ms, anomaly.start_ms)
        group.calm_ms = None
        self._of[anomaly.id] = group

    def _is_over(self, group: Group, now_ms: int, mutes: Sequence[Mute]) -> bool:
        if mutes and all(muted(one, mutes) for one in group.members.values()):
            return True
        if group.lasts:
            return False
        if group.calm_ms is None:
            group.calm_ms = now_ms
        alone = group.leader().kind in _ALONE
        patience = self._timing.gateway_linger_ms if alone else self._timing.linger_ms
        return now_ms - group.calm_ms >= patience

    def _close(self, group: Group) -> None:
        del self._groups[group.key]
        for one in group.members:
            self._of.pop(one, None)
        self._forget(tuple(group.members))

    def _forget(self, anomalies: Iterable[str]) -> None:
        self._done |= dict.fromkeys(anomalies)
        for one in list(self._done)[: max(0, len(self._done) - DONE_MAX)]:
            del self._done[one]
