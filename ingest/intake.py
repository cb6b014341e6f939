"""From packets to one batch: decode, check, judge. Nothing is written here; the pipeline settles the batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import checks
from ingest.account import Account
from ingest.batch import Batch, Packet
from ingest.detectors.lanes import Bools
from ingest.judge import Judge
from ingest.registry import Newcomer, Registry
from ingest.rows import Rows
from ingest.sensorclocks import SensorClocks
from ingest.survey import Survey, Told
from telemetry import packs, senml, topics, undatable
from telemetry.packcolumns import PackColumns, decode_columns
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import NOT_MEASURING, Flag, Reading
from telemetry.topics import PackName

JUDGE_DEEP = 20  # readings of each series in one go, if they are alike: a few milliseconds ...
JUDGE_READINGS = 200  # ... and so many in any case
DOUBTED = NOT_MEASURING | int(Flag.DEVICE)
CALIBRATING = int(Flag.CALIBRATING)
AMENDED_MS = 60_000  # so often the book is asked for new corrections
UNNAMED = "a topic below up/ that is not up/<partition>/<gateway>/<journal>/<number>"


class Intake:
    """Fills batches. Methods that look at the inventory may raise BookUnavailableError and can then be repeated."""

    def __init__(
        self,
        *,
        root: str,
        registry: Registry,
        judge: Judge,
        account: Account,
        survey: Survey | None = None,
        policy: checks.Policy = checks.POLICY,
        may_judge: Callable[[], bool] = lambda: True,
    ) -> None:
        self._root, self._registry, self._judge, self._account = root, registry, judge, account
        self.clocks = SensorClocks()
        self._survey, self._policy, self._may_judge = survey, policy, may_judge
        self._amended_ms = 0

    def for_replay(self) -> "Intake":
        """For what was counted when it came: with an account of its own, and not surveyed."""
        return Intake(
            root=self._root,
            registry=self._registry,
            judge=self._judge,
            account=Account(),
            policy=self._policy,
        )

    def add(self, packet: Packet, batch: Batch) -> bool:
        """Decode one packet into the batch; what is no pack is set aside whole.

        False: it was left alone, because it has times that may not be judged now.
        """
        parsed = topics.parse_up(self._root, packet.topic)
        if parsed is None:
            self._set_aside_whole(packet, batch, None, Reason.UNDECODABLE, UNNAMED)
            return True
        partition, name, given = parsed
        if given is not None and given != topics.checksum(name, packet.payload):
            detail = f"checksum {topics.checksum(name, packet.payload)}, its topic says {given}"
            self._set_aside_whole(packet, batch, None, Reason.CORRUPTED, detail)
            return True
        if len(packet.payload) > packs.MAX_PAYLOAD:
            detail = f"{len(packet.payload)} bytes, at most {packs.MAX_PAYLOAD} are taken"
            self._set_aside_whole(packet, batch, name, Reason.TOO_LARGE, detail)
            return True
        try:
            pack = decode_columns(packet.payload)
        except packs.PackTooLongError as error:
            self._set_aside_whole(packet, batch, name, Reason.TOO_LARGE, str(error))
            return True
        except senml.SenmlError as error:
            undated = undatable.decode(packet.payload)
            reason = Reason.UNDECODABLE if undated is None else Reason.UNDATABLE
            detail = str(error) if undated is None else undated.words()
            self._set_aside_whole(packet, batch, name, reason, detail)
            return True
        if self._undecided(pack, packet):
            return False
        self._account.decoded(len(pack), len(pack.bad))
        self._account.manifests += len(pack.manifests)
        self._account.packs_misplaced += partition != topics.partition(pack.site)
        batch.decoded += len(pack)
        if not batch.name(name):
            batch.repeated += len(pack)
            return True
        batch.quarantined += [bad_record(bad, pack.site, packet, name.gateway) for bad in pack.bad]
        batch.add(packet, name.gateway, pack)
        return True

    def _undecided(self, pack: PackColumns, packet: Packet) -> bool:
        """Would a reading be refused for its time while that may not be judged?"""
        if not len(pack):
            return False
        ends = (min(pack.observed_at), max(pack.observed_at))
        faults = [checks.time_fault(at_ms, packet.arrived_ms, self._policy.window) for at_ms in ends]
        return any(faults) and not self._may_judge()

    def _set_aside_whole(
        self, packet: Packet, batch: Batch, name: PackName | None, reason: Reason, detail: str
    ) -> None:
        self._account.undecodable()
        if name is not None:
            batch.name(name)
        gateway = name.gateway if name is not None else ""
        kept = packet.payload[: packs.MAX_PAYLOAD]
        batch.quarantined.append(Quarantined(reason, detail, packet.topic, gateway, "", kept))

    def check(self, batch: Batch) -> None:
        """Take out what is impossible or not the sender's, register what nobody has listed, sort by observation."""
        faults = self._impossible(batch)
        if unlisted := self._registry.unlisted(batch.series.keys()):
            numbers = {batch.series[key] for key in unlisted}
            self._admit(
                batch, [row for row, one in enumerate(batch.of) if row not in faults and one in numbers]
            )
        faults = dict(sorted({**self._foreign(batch), **faults}.items()))
        kept = np.ones(len(batch), bool)
        kept[list(faults)] = False
        self._look_at_clocks(batch, faults, kept)
        batch.quarantined += [batch.set_aside(row, fault) for row, fault in faults.items()]
        batch.refused = len(faults)
        (rows,) = np.nonzero(kept)
        batch.arrange(rows[np.argsort(batch.rows().observed_ms[rows], kind="stable")])
        delays = batch.delays()
        batch.columns.late_s = [None] * len(batch)
        (late,) = np.nonzero(delays > checks.LATE_MS)
        for row, seconds in zip(late.tolist(), (delays[late] // 1000).tolist(), strict=True):
            batch.columns.late_s[row] = seconds

    def _look_at_clocks(
        self, batch: Batch, faults: Mapping[int, checks.Fault], kept: NDArray[np.bool_]
    ) -> None:
        """Whose clock is wrong, and whose is right again. What comes late says nothing of a clock."""
        delays, sensors = batch.delays(), batch.columns.sensor
        batch.misdated = {
            sensors[row]: int(batch.rows().arrived_ms[row])
            for row, fault in faults.items()
            if fault.reason is Reason.IMPOSSIBLE_TIME
        }
        ahead = {
            sensors[row]: -int(delays[row])
            for row, fault in faults.items()
            if fault.reason is Reason.IMPOSSIBLE_TIME
        }
        if ahead or self.clocks.watched:
            right = {sensors[row] for row in np.flatnonzero(kept & (delays <= checks.BACKLOG_MS)).tolist()}
            now_ms = max((source.packet.arrived_ms for source in batch.sources), default=0)
            batch.anomalies += self.clocks.look(ahead, right, self._registry.sensors(), now_ms)

    def _impossible(self, batch: Batch) -> dict[int, checks.Fault]:
        """Of each row that cannot be right whoever sent it: its time, or a sensor that nobody may introduce."""
        rows, columns = batch.rows(), batch.columns
        found: dict[int, checks.Fault] = {}
        (suspect,) = np.nonzero(checks.are_impossible(rows.observed_ms, rows.arrived_ms, self._policy.window))
        for row in suspect.tolist():
            fault = checks.time_fault(
                columns.observed_at[row], int(rows.arrived_ms[row]), self._policy.window
            )
            if fault is not None:
                found[row] = fault
        if self._policy.refuse_unknown_sensors:
            unknown = self._registry.unknown(set(columns.sensor))
            for row, sensor in enumerate(columns.sensor):
                if sensor in unknown:
                    found.setdefault(row, checks.unknown_fault(sensor))
        return found

    def _foreign(self, batch: Batch) -> dict[int, checks.Fault]:
        """Of each row whose sensor belongs to another gateway."""
        found: dict[int, checks.Fault] = {}
        foreign = self._registry.foreign(batch.senders)
        if not foreign:
            return found
        columns, live = batch.columns, batch.delays() <= checks.BACKLOG_MS
        for row, sensor in enumerate(columns.sensor):
            gateway = batch.gateway(row)
            if (sensor, gateway) in foreign:
                owner = self._registry.owner(sensor, gateway, columns.observed_at[row])
                fault = checks.owner_fault(sensor, gateway, owner)
                if fault is not None:
                    found[row] = fault
                    if live[row]:
                        batch.foreign.add((sensor, gateway))
        return found

    def faults(self, reading: Reading, gateway: str, arrived_ms: int) -> Iterator[checks.Fault]:
        """Every reason why a single reading must not be stored."""
        sensor, observed_at = reading.sensor, reading.observed_at
        if fault := checks.time_fault(observed_at, arrived_ms, self._policy.window):
            yield fault
        owner = self._registry.owner(sensor, gateway, observed_at)
        if fault := checks.owner_fault(sensor, gateway, owner):
            yield fault
        if owner is None and self._policy.refuse_unknown_sensors:
            yield checks.unknown_fault(sensor)

    def admit(self, batch: Batch) -> None:
        """Register what nobody has listed, of a batch all of which is to be stored."""
        self._admit(batch, range(len(batch)))

    def _admit(self, batch: Batch, rows: Iterable[int]) -> None:
        columns = batch.columns
        found: dict[tuple[str, str, str], Newcomer] = {}
        for row in rows:
            source, sensor, quantity = (
                batch.sources[batch.origin[row]],
                columns.sensor[row],
                columns.quantity[row],
            )
            if (key := (sensor, quantity, source.gateway)) not in found:
                found[key] = Newcomer(
                    sensor, source.gateway, columns.site[row], quantity, source.packet.arrived_ms
                )
        self._registry.admit(found.values())

    def judge(self, batch: Batch, now_ms: int, at_most: int = JUDGE_READINGS) -> bool:
        """Judge the next readings of the batch; False when all are judged."""
        columns = batch.columns
        if self._survey is not None and now_ms - self._amended_ms >= AMENDED_MS:
            self._survey.corrected(self._registry.corrected(now_ms))
            self._amended_ms = now_ms
        done = len(columns.flags)
        rows = batch.rows().take(slice(done, done + max(at_most, JUDGE_DEEP * len(batch.series))))
        flags, changes = self._judge.judge(
            rows,
            lambda row: self._registry.known(
                columns.sensor[done + row], columns.site[done + row], batch.gateway(done + row)
            ),
            now_ms=now_ms,
            surveyed=self._look(batch, rows),
            as_usual=lambda some: self._as_usual(rows.take(some)),
        )
        columns.flags += flags
        batch.anomalies += changes
        if len(columns.flags) < len(batch):
            return True
        self._account.readings_flagged += sum(map(bool, columns.flags))
        self._account.readings_late += len(batch) - columns.late_s.count(None)
        return False

    def _as_usual(self, rows: Rows) -> Bools:
        if self._survey is None:
            return np.zeros(len(rows.of), bool)
        return self._survey.as_usual(rows.series, rows.of, rows.observed_ms, rows.value)

    def _look(self, batch: Batch, rows: Rows) -> dict[int, Told]:
        """What the survey says at which of these rows: of those that are live and that nobody doubts."""
        if self._survey is None:
            return {}
        live = rows.arrived_ms - rows.observed_ms <= checks.BACKLOG_MS
        adjusted = live & (rows.given & CALIBRATING != 0)
        self._survey.calibrated(rows.series, rows.of[adjusted], rows.observed_ms[adjusted])
        (sure,) = np.nonzero(live & (rows.outside() <= 0) & (rows.given & DOUBTED == 0))
        periods = [self._registry.known(sensor, "", "").period_s for sensor, _ in rows.series]
        told = self._survey.look(
            rows.series, rows.of[sure], rows.observed_ms[sure], rows.value[sure], periods, batch.sites
        )
        return {int(sure[place]): found for place, found in told.items()}


def bad_record(bad: packs.BadRecord, site: str, packet: Packet, gateway: str) -> Quarantined:
    """A record that is no reading as a quarantine entry."""
    name = bad.record.get("n")
    sensor = name.rpartition("/")[0] if isinstance(name, str) else ""
    return Quarantined(
        bad.reason, bad.detail, packet.topic, gateway, sensor, _written({**bad.record, "site": site})
    )


def _written(record: Mapping[str, Any]) -> bytes:
    """The record in JSON; CBOR can hold what JSON cannot: then in Python's words."""
    try:
        return msgspec.json.encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return repr(dict(record)).encode("utf-8", "backslashreplace")
