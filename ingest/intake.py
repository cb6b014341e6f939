"""From packets to one batch: decode, check, judge. Nothing is written here; the pipeline settles the batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from ingest import checks
from ingest.account import Account
from ingest.batch import Batch, Packet
from ingest.detectors.lanes import Bools
from ingest.judge import Judge, Rows
from ingest.registry import Newcomer, Registry
from ingest.survey import Survey, Told
from ingest.telling import Known
from telemetry import senml, topics, undatable
from telemetry.packs import PackColumns, decode_columns
from telemetry.quantities import QUANTITIES
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import NOT_MEASURING, Flag, Reading
from telemetry.topics import PackName

JUDGE_READINGS = 5000  # in one go: a few milliseconds
DOUBTED = NOT_MEASURING | int(Flag.DEVICE)
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
        self._survey, self._policy, self._may_judge = survey, policy, may_judge

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
        if len(packet.payload) > senml.MAX_PAYLOAD:
            detail = f"{len(packet.payload)} bytes, at most {senml.MAX_PAYLOAD} are taken"
            self._set_aside_whole(packet, batch, name, Reason.TOO_LARGE, detail)
            return True
        try:
            pack = decode_columns(packet.payload)
        except senml.PackTooLongError as error:
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
        if name in batch.packs:
            batch.repeated += len(pack)
            return True
        batch.packs.append(name)
        batch.quarantined += [bad_record(bad, pack.site, packet, name.gateway) for bad in pack.bad]
        batch.add(packet, name.gateway, pack)
        return True

    def _undecided(self, pack: PackColumns, packet: Packet) -> bool:
        """Would a reading be refused for its time while that may not be judged?"""
        if not len(pack):
            return False
        observed, arrived = np.array(pack.observed_at, np.int64), np.array(packet.arrived_ms, np.int64)
        impossible = checks.are_impossible(observed, arrived, self._policy.window)
        return bool(impossible.any()) and not self._may_judge()

    def _set_aside_whole(
        self, packet: Packet, batch: Batch, name: PackName | None, reason: Reason, detail: str
    ) -> None:
        self._account.undecodable()
        if name is not None:
            batch.packs.append(name)
        gateway = name.gateway if name is not None else ""
        kept = packet.payload[: senml.MAX_PAYLOAD]
        batch.quarantined.append(Quarantined(reason, detail, packet.topic, gateway, "", kept))

    def check(self, batch: Batch) -> None:
        """Take out what is impossible or not the sender's, register what nobody has listed, sort by observation."""
        faults = self._impossible(batch)
        series = list(zip(batch.columns.sensor, batch.columns.quantity, strict=True))
        if unlisted := self._registry.unlisted(set(series)):
            self._admit(
                batch, [row for row, key in enumerate(series) if row not in faults and key in unlisted]
            )
        faults = dict(sorted({**self._foreign(batch), **faults}.items()))
        kept = np.ones(len(batch), bool)
        kept[list(faults)] = False
        batch.quarantined += [batch.set_aside(row, fault) for row, fault in faults.items()]
        batch.refused = len(faults)
        (rows,) = np.nonzero(kept)
        batch.arrange(rows[np.argsort(batch.observed()[rows], kind="stable")])
        delays = batch.arrived() - batch.observed()
        batch.columns.late_s = [None] * len(batch)
        (late,) = np.nonzero(delays > checks.LATE_MS)
        for row, seconds in zip(late.tolist(), (delays[late] // 1000).tolist(), strict=True):
            batch.columns.late_s[row] = seconds

    def _impossible(self, batch: Batch) -> dict[int, checks.Fault]:
        """Of each row that cannot be right whoever sent it: its time, or a sensor that nobody may introduce."""
        observed, arrived, columns = batch.observed(), batch.arrived(), batch.columns
        found: dict[int, checks.Fault] = {}
        (suspect,) = np.nonzero(checks.are_impossible(observed, arrived, self._policy.window))
        for row in suspect.tolist():
            fault = checks.time_fault(columns.observed_at[row], int(arrived[row]), self._policy.window)
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
        columns, gateways = batch.columns, [source.gateway for source in batch.sources]
        senders = list(zip(columns.sensor, map(gateways.__getitem__, batch.origin), strict=True))
        foreign = self._registry.foreign(set(senders))
        found: dict[int, checks.Fault] = {}
        if foreign:
            for row, (sensor, gateway) in enumerate(senders):
                if (sensor, gateway) in foreign:
                    owner = self._registry.owner(sensor, gateway, columns.observed_at[row])
                    fault = checks.owner_fault(sensor, gateway, owner)
                    if fault is not None:
                        found[row] = fault
        live = batch.arrived() - batch.observed() <= checks.BACKLOG_MS
        batch.foreign = {senders[row] for row in found if live[row]}
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
        done = len(columns.flags)
        end = min(done + at_most, len(batch))
        as_usual = self._as_usual(batch, done, end)
        surveyed = self._look(batch, done, end)
        flags, changes = self._judge.judge(
            self._rows(batch, done, end),
            lambda row: self._known(batch, done + row),
            now_ms=now_ms,
            surveyed={row - done: told for row, told in surveyed.items()},
            as_usual=as_usual,
        )
        columns.flags += flags
        batch.anomalies += changes
        if len(columns.flags) < len(batch):
            return True
        self._account.readings_flagged += sum(map(bool, columns.flags))
        self._account.readings_late += len(batch) - columns.late_s.count(None)
        return False

    def _known(self, batch: Batch, row: int) -> Known:
        return self._registry.known(batch.columns.sensor[row], batch.columns.site[row], batch.gateway(row))

    def _rows(self, batch: Batch, begin: int, end: int) -> Rows:
        columns, numbers = batch.columns, dict[tuple[str, str], int]()
        keys = zip(columns.sensor[begin:end], columns.quantity[begin:end], strict=True)
        of = [numbers.setdefault(key, len(numbers)) for key in keys]
        return Rows(
            list(numbers),
            np.array(of, np.int64),
            batch.observed()[begin:end],
            np.array(columns.value[begin:end], np.float64),
            np.array(batch.given[begin:end], np.int64),
            batch.arrived()[begin:end],
        )

    def _as_usual(self, batch: Batch, begin: int, end: int) -> Bools | None:
        if self._survey is None:
            return None
        columns = batch.columns
        return self._survey.as_usual(
            list(zip(columns.sensor[begin:end], columns.quantity[begin:end], strict=True)),
            batch.observed()[begin:end],
            np.array(columns.value[begin:end], np.float64),
        )

    def _look(self, batch: Batch, begin: int, end: int) -> dict[int, Told]:
        """What the survey says at which of these rows: of those that are live and that nobody doubts."""
        if self._survey is None:
            return {}
        columns = batch.columns
        observed, given = batch.observed()[begin:end], np.array(batch.given[begin:end], np.int64)
        live = batch.arrived()[begin:end] - observed <= checks.BACKLOG_MS
        values = np.array(columns.value[begin:end], np.float64)
        limits = [QUANTITIES[quantity] for quantity in columns.quantity[begin:end]]
        possible = (values >= [one.low for one in limits]) & (values <= [one.high for one in limits])
        (rows,) = np.nonzero(live & possible & (given & DOUBTED == 0))
        at = (rows + begin).tolist()
        periods = [self._known(batch, row).period_s for row in at]
        told = self._survey.look(
            [(columns.sensor[row], columns.quantity[row]) for row in at],
            observed[rows],
            values[rows],
            periods,
            [columns.site[row] for row in at],
        )
        return {at[place]: found for place, found in told.items()}


def bad_record(bad: senml.BadRecord, site: str, packet: Packet, gateway: str) -> Quarantined:
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
