"""The deciding half of the hub in virtual time: intake, judge, survey, silence, alarms. No broker, no store, no waiting."""

from collections import deque
from collections.abc import Iterable, Sequence

from halong.trial.street import ROOT, Sent
from ingest import memory
from ingest.account import Account
from ingest.alarms.desk import FORGOTTEN_MS
from ingest.alarms.grouping import Grouping
from ingest.batch import Batch
from ingest.calendar import holidays_vn_around
from ingest.checks import ALARM_MS
from ingest.intake import Intake
from ingest.judge import Judge
from ingest.registry import Registry
from ingest.silence import Silence
from ingest.survey import Survey
from ingest.warmup import WARM_UP_READINGS
from storage.book import Book
from telemetry.alarm import Alarm, AlarmState
from telemetry.anomaly import Anomaly
from telemetry.messages import Birth
from telemetry.reading import Reading

# What is remembered is written down so often, and not after every step.
SNAPSHOT_MS, SNAPSHOT_STEPS = 300_000, 5


class Room:
    """`book` is for the inventory alone. `anomalies` and `alarms` are all that were ever told, in their last state; `kept` is
    what was written down last, by sensor and quantity."""

    def __init__(self, book: Book, births: Iterable[Birth], now_ms: int, *, priors: bool = True) -> None:
        """`priors`: a new series begins with what others of its quantity have shown."""
        self._book, self._priors = book, priors
        for birth in births:
            self._book.register(birth, now_ms)
        self.anomalies: dict[str, Anomaly] = {}
        self.told_ms: dict[str, int] = {}
        self.alarms: dict[str, Alarm] = {}
        self.stored = self.late = self.quarantined = 0
        self.flags: dict[tuple[str, str, int], int] = {}  # what was flagged, by the reading's identity
        self._recent: dict[tuple[str, str], deque[Reading]] = {}
        self.kept: dict[tuple[str, str], bytes] = {}
        self._snapshot_ms, self._steps = now_ms, 0
        self._begin(now_ms)

    def hear(self, sent: Sent) -> None:
        """One step of the city."""
        now_ms, batch = sent.at_ms, Batch()
        for packet in sent.packets:
            self._intake.add(packet, batch)
        self._intake.check(batch)
        while self._intake.judge(batch, now_ms):
            continue
        for gateway in sent.alive:
            self._silence.gateway_beat(gateway, now_ms)
        for sensor, at_ms in batch.misdated.items():
            self._silence.sensor_heard(sensor, at_ms)
        sensors = self._registry.sensors()
        self._silence.readings_heard(batch.arrivals(), sensors)
        changes = [
            *batch.anomalies,
            *self._silence.check(now_ms, sensors, self._registry.gateways()),
            *self._judge.expire(now_ms),
        ]
        for one in changes:
            self.told_ms.setdefault(one.id, now_ms)
            self.anomalies[one.id] = one
        self._group(changes, now_ms)
        self._store(batch)
        self._steps += 1
        if now_ms - self._snapshot_ms >= SNAPSHOT_MS and self._steps >= SNAPSHOT_STEPS:
            self._save(now_ms)

    def restart(self, now_ms: int, *, killed: bool = False) -> None:
        """Another process life. In order: what is remembered is written down first."""
        if not killed:
            self._save(now_ms)
        self._begin(now_ms)

    def _begin(self, now_ms: int) -> None:
        self._registry = Registry(self._book)
        self._judge, self._silence, self._grouping = Judge(), Silence(), Grouping()
        self._survey = Survey(holidays_vn_around(now_ms), priors=self._priors)
        minds = self._judge, self._survey, self._silence
        memory.load(((*series, state) for series, state in self.kept.items()), *minds)
        sensors = self._registry.sensors()
        self._survey.locate({sensor: about.site for sensor, about in sensors.items()})
        memory.relive(
            [
                (sensors[reading.sensor], reading)
                for series, readings in self._recent.items()
                for reading in readings
                if reading.observed_at > self._judge.newest_ms(series)
            ],
            *minds,
            now_ms,
        )
        self._intake = Intake(
            root=ROOT,
            registry=self._registry,
            judge=self._judge,
            account=Account(),
            survey=self._survey,
        )
        self._resume(now_ms)

    def _resume(self, now_ms: int) -> None:
        """Go on with the anomalies and alarms that are open."""
        opened = [one for one in self.anomalies.values() if one.end_ms is None]
        self._intake.clocks.resume(opened)
        self._judge.resume(opened, now_ms)
        self._survey.resume(opened)
        self._silence.resume(opened)
        for gateway in self._registry.gateways():
            self._silence.gateway_known(gateway)
        self._silence.listen(now_ms)
        alarms = list(self.alarms.values())
        self._grouping.resume(
            [one for one in alarms if one.state is not AlarmState.CLOSED],
            [
                one
                for one in alarms
                if one.state is AlarmState.CLOSED and (one.end_ms or 0) > now_ms - FORGOTTEN_MS
            ],
            self.anomalies,
        )
        lately = [one for one in self.anomalies.values() if (one.end_ms or now_ms) >= now_ms - ALARM_MS]
        self._group(sorted(lately, key=lambda one: one.start_ms), now_ms)

    def _group(self, changes: Sequence[Anomaly], now_ms: int) -> None:
        alarms = self._grouping.step(changes, now_ms, known=self._registry.sensors())
        self.alarms |= {one.id: one for one in alarms}

    def _store(self, batch: Batch) -> None:
        columns = batch.columns
        self.stored += len(batch)
        self.quarantined += batch.refused
        for row, flags in enumerate(columns.flags):
            series = (columns.sensor[row], columns.quantity[row])
            at_ms = columns.observed_at[row]
            if flags:
                self.flags[(*series, at_ms)] = flags
            recent = self._recent.get(series)
            if recent is None:
                recent = self._recent[series] = deque(maxlen=WARM_UP_READINGS)
            if recent and at_ms <= recent[-1].observed_at:
                self.late += 1
            else:
                recent.append(Reading(*series, at_ms, columns.value[row], flags or 0))

    def _save(self, now_ms: int) -> None:
        minds = self._judge, self._survey, self._silence
        states = memory.dump(*minds, now_ms)
        self.kept |= {(sensor, quantity): state for sensor, quantity, state in states}
        memory.dumped(*minds)
        self._snapshot_ms, self._steps = now_ms, 0
