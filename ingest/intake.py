"""From packets to one batch: decode, check, judge. Nothing is written here; the pipeline settles the batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from ingest import checks
from ingest.account import Account
from ingest.judge import Judge
from ingest.registry import Registry
from storage.store import Columns
from telemetry import senml, topics
from telemetry.anomaly import Anomaly
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Reading
from telemetry.topics import PackName

JUDGE_READINGS = 500  # in one go: some ten milliseconds
UNNAMED = "a topic below up/ that is not up/<partition>/<gateway>/<journal>/<number>"


class Packet(NamedTuple):
    """A message of the up branch; `arrived_ms` is the hub's clock when the broker handed it over."""

    topic: str
    payload: bytes
    arrived_ms: int


class Item(NamedTuple):
    """A reading on its way to the store, with where it came from."""

    reading: Reading
    site: str
    packet: Packet
    gateway: str


@dataclass(slots=True)
class Batch:
    """What one commit settles. Row i of `columns` is `items[i]`, judged."""

    items: list[Item] = field(default_factory=list)
    columns: Columns = field(default_factory=Columns)
    packs: list[PackName] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    decoded: int = 0
    repeated: int = 0
    refused: int = 0  # readings among `quarantined`


class Intake:
    """Fills batches. Methods that look at the inventory may raise BookUnavailableError and can then be repeated."""

    def __init__(self, *, root: str, registry: Registry, judge: Judge, account: Account) -> None:
        self._root, self._registry, self._judge, self._account = root, registry, judge, account

    def add(self, packet: Packet, batch: Batch) -> None:
        """Decode one packet into the batch; what is no pack is set aside whole."""
        parsed = topics.parse_up(self._root, packet.topic)
        if parsed is None:
            self._set_aside_whole(packet, batch, None, Reason.UNDECODABLE, UNNAMED)
            return
        partition, name = parsed
        if len(packet.payload) > senml.MAX_PAYLOAD:
            detail = f"{len(packet.payload)} bytes, at most {senml.MAX_PAYLOAD} are taken"
            self._set_aside_whole(packet, batch, name, Reason.TOO_LARGE, detail)
            return
        try:
            pack = senml.decode_pack(packet.payload)
        except senml.SenmlError as error:
            self._set_aside_whole(packet, batch, name, Reason.UNDECODABLE, str(error))
            return
        self._account.decoded(len(pack.readings), len(pack.bad))
        self._account.packs_misplaced += partition != topics.partition(pack.site)
        batch.decoded += len(pack.readings)
        if name in batch.packs:
            batch.repeated += len(pack.readings)
            return
        batch.packs.append(name)
        batch.quarantined += [_bad_record(bad, packet, name.gateway) for bad in pack.bad]
        batch.items += [Item(reading, pack.site, packet, name.gateway) for reading in pack.readings]

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
        faults = [self._fault(item) for item in batch.items]
        kept = [item for item, fault in zip(batch.items, faults, strict=True) if fault is None]
        for item in kept:
            self._registry.admit(
                item.reading.sensor,
                item.reading.quantity,
                gateway=item.gateway,
                site=item.site,
                now_ms=item.packet.arrived_ms,
            )
        batch.quarantined += [
            set_aside(item, fault)
            for item, fault in zip(batch.items, faults, strict=True)
            if fault is not None
        ]
        batch.refused = len(batch.items) - len(kept)
        batch.items = sorted(kept, key=lambda item: item.reading.observed_at)

    def _fault(self, item: Item) -> checks.Fault | None:
        reading = item.reading
        fault = checks.time_fault(reading.observed_at, item.packet.arrived_ms)
        if fault is not None:
            return fault
        owner = self._registry.owner(reading.sensor, item.gateway, reading.observed_at)
        return checks.owner_fault(reading.sensor, item.gateway, owner)

    def judge(self, batch: Batch, now_ms: int, at_most: int = JUDGE_READINGS) -> bool:
        """Judge the next readings of the batch and lay them out in columns; False when all are judged."""
        done = len(batch.columns)
        for item in batch.items[done : done + at_most]:
            reading, arrived_ms = item.reading, item.packet.arrived_ms
            known = self._registry.known(reading.sensor, item.site, item.gateway)
            judgement = self._judge.judge(reading, known, arrived_ms=arrived_ms, now_ms=now_ms)
            late_s = checks.late_s(reading.observed_at, arrived_ms)
            batch.columns.append(item.site, reading, judgement.flags, late_s)
            batch.anomalies += judgement.changes
            self._account.readings_flagged += bool(judgement.flags)
            self._account.readings_late += late_s is not None
        return len(batch.columns) < len(batch.items)


def set_aside(item: Item, fault: checks.Fault) -> Quarantined:
    """The item's reading as a quarantine entry."""
    return checks.set_aside(fault, item.reading, topic=item.packet.topic, gateway=item.gateway)


def _bad_record(bad: senml.BadRecord, packet: Packet, gateway: str) -> Quarantined:
    name = bad.record.get("n")
    sensor = name.rpartition("/")[0] if isinstance(name, str) else ""
    return Quarantined(bad.reason, bad.detail, packet.topic, gateway, sensor, _written(bad.record))


def _written(record: Mapping[str, Any]) -> bytes:
    """The record in JSON; CBOR can hold what JSON cannot: then in Python's words."""
    try:
        return msgspec.json.encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return repr(dict(record)).encode("utf-8", "backslashreplace")
