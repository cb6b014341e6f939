"""Replaying the quarantine: entries go through the checks once more, and what passes is stored by its own identity.

Nothing is doubled: a reading whose identity the store holds is not written again, whatever its value.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from ingest import checks
from ingest.batch import Batch, Packet
from ingest.intake import Intake, bad_record
from ingest.registry import Registry
from storage.book import Book
from storage.quarantine import Outcome, Quarantine, QuarantineFilter, QuarantineRow, Replay, ReplayOrder
from storage.store import Store
from telemetry import packs, senml, undatable
from telemetry.anomaly import Anomaly
from telemetry.manifest import Manifest
from telemetry.packcolumns import PackColumns
from telemetry.quarantine import Quarantined, Reason
from telemetry.reading import Reading

TOGETHER = 500  # entries of one commit
TOLD = 1000  # entries a result names
WHOLE = (Reason.UNDECODABLE, Reason.TOO_LARGE)  # the entry is a message, not a record


@dataclass(slots=True)
class _Case:
    """One entry under replay; `refusal` is set as soon as it cannot be stored."""

    row: QuarantineRow
    packet: Packet
    site: str = ""
    readings: list[Reading] = field(default_factory=list)
    aside: list[Quarantined] = field(default_factory=list)
    manifests: tuple[Manifest, ...] = ()
    refusal: str | None = None
    stored: int = 0
    there: int = 0
    other_value: float | None = None

    def columns(self) -> PackColumns:
        """What is to be written."""
        return PackColumns(
            self.site,
            [reading.sensor for reading in self.readings],
            [reading.quantity for reading in self.readings],
            [reading.observed_at for reading in self.readings],
            [reading.value for reading in self.readings],
            [reading.flags for reading in self.readings],
        )

    def replay(self, now_ms: int) -> Replay:
        """What became of it."""
        if self.refusal is not None:
            return Replay(now_ms, Outcome.STILL_REFUSED, self.refusal)
        parts = [f"{self.stored} stored"] * (self.stored > 0) + [f"{self.there} already there"] * (
            self.there > 0
        )
        parts += [f"{len(self.manifests)} manifests"] * bool(self.manifests)
        parts += [f"{len(self.aside)} set aside one by one"] * bool(self.aside)
        if self.other_value is not None:
            parts.append(f"the store holds {self.other_value:g} at that instant, which stays")
        outcome = Outcome.STORED if self.stored or not self.there else Outcome.ALREADY_THERE
        return Replay(now_ms, outcome, ", ".join(parts))


class Replayer:
    """Carries out replays; `on_stored` hears (site, reading) of what was stored, `tell` what that opened and closed.

    Raises what book and store raise, and can then be repeated.
    """

    def __init__(
        self,
        *,
        book: Book,
        store: Store,
        registry: Registry,
        intake: Intake,
        clock: Callable[[], int],
        on_stored: Callable[[Sequence[tuple[str, Reading]]], None],
        tell: Callable[[Iterable[Anomaly]], None],
    ) -> None:
        self._book, self._store, self._registry, self._intake = book, store, registry, intake
        self._clock, self._on_stored, self._tell = clock, on_stored, tell

    async def carry_out(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """A command `replay`."""
        return await self.replay(msgspec.convert(content, ReplayOrder))

    async def replay(self, order: ReplayOrder) -> dict[str, Any]:
        """{"stored": entries, "already there": …, "still refused": …, "entries": [{id, outcome, detail}, …]}."""
        counts = Counter({outcome.value: 0 for outcome in Outcome})
        told: list[dict[str, Any]] = []
        before: int | None = None
        wanted = msgspec.structs.replace(order.wanted, is_open=True)
        while rows := self._book.quarantined(TOGETHER, before, wanted=wanted):
            before = rows[-1].id
            for case, replay in await self._settle(rows, order.accept):
                counts[replay.outcome.value] += 1
                if len(told) < TOLD:
                    told.append({"id": case.row.id, "outcome": replay.outcome, "detail": replay.detail})
        settled = self._missing(order.wanted, told)
        return {**counts, "entries": [*told, *settled]}

    def _missing(self, wanted: QuarantineFilter, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Entries asked for by number that are gone, or settled before."""
        left = sorted(set(wanted.ids) - {entry["id"] for entry in told})[:TOLD]
        rows = self._book.quarantined(TOLD, wanted=QuarantineFilter(ids=tuple(left))) if left else []
        known = {row.id: row.replay for row in rows}
        return [
            {"id": one, "outcome": replay.outcome, "detail": f"before: {replay.detail}"}
            if (replay := known.get(one)) is not None
            else {"id": one, "outcome": "absent", "detail": "no such entry"}
            for one in left
        ]

    async def _settle(
        self, rows: Sequence[QuarantineRow], accept: Sequence[Reason]
    ) -> list[tuple[_Case, Replay]]:
        cases = [self._examine(row, accept) for row in rows]
        taken: dict[tuple[str, str, int], float] = {}  # by the entries before
        for case in cases:
            await self._look_up(case, taken)
        await self._write([case for case in cases if case.readings])
        now_ms = self._clock()
        settled = [(case, case.replay(now_ms)) for case in cases]
        self._book.quarantine([entry for case in cases for entry in case.aside], now_ms)
        told = [(case.row.gateway, manifest) for case in cases for manifest in case.manifests]
        self._book.put_manifests(told, now_ms)
        with self._book.writing() as database:
            pages = Quarantine(database)
            for case, replay in settled:
                pages.settle(case.row.id, replay)
        return settled

    def _examine(self, row: QuarantineRow, accept: Sequence[Reason]) -> _Case:
        case = _Case(row, Packet(row.topic, row.payload, row.first_ms))
        try:
            pack = self._decode(row, accept)
        except senml.SenmlError as error:
            case.refusal = str(error)
            return case
        case.site, case.manifests = pack.site, pack.manifests
        refused: list[tuple[Reading, checks.Fault]] = []
        for reading in pack.readings:
            faults = self._intake.faults(reading, row.gateway, row.first_ms)
            fault = next((fault for fault in faults if fault.reason not in accept), None)
            if fault is None:
                case.readings.append(reading)
            else:
                refused.append((reading, fault))
        if case.readings and row.reason in (*WHOLE, Reason.UNDATABLE):
            case.aside = [bad_record(bad, pack.site, case.packet, row.gateway) for bad in pack.bad]
            case.aside += [
                checks.set_aside(fault, reading, site=pack.site, topic=row.topic, gateway=row.gateway)
                for reading, fault in refused
            ]
        elif not case.readings:
            reasons = [f"{fault.reason}: {fault.detail}" for _, fault in refused]
            reasons += [f"{bad.reason}: {bad.detail}" for bad in pack.bad]
            if reasons or not pack.manifests:
                case.refusal = reasons[0] if reasons else "it holds no reading"
        return case

    def _decode(self, row: QuarantineRow, accept: Sequence[Reason]) -> packs.Pack:
        """The readings of an entry; of undatable ones only when somebody accepts a guess at their time. Raises SenmlError."""
        if not row.gateway:
            raise senml.SenmlError("its topic names no gateway")
        if row.reason in WHOLE:
            return packs.decode_pack(row.payload)
        if row.reason is Reason.UNDATABLE:
            undated = undatable.decode(row.payload)
            if undated is None:
                raise senml.SenmlError("not a pack of undatable readings")
            if Reason.UNDATABLE not in accept:
                raise senml.SenmlError(f"{Reason.UNDATABLE}: {undated.words()}")
            return packs.Pack(undated.site, undated.at_the_latest(), ())
        try:
            record = msgspec.json.decode(row.payload, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise senml.SenmlError(f"not a record: {error}") from error
        site = record.get("site") or self._registry.gateways().get(row.gateway, "")
        return packs.decode_pack(msgspec.json.encode([{**record, "site": site}]))

    async def _look_up(self, case: _Case, taken: dict[tuple[str, str, int], float]) -> None:
        """Take out what the store holds already, or will in a moment."""
        absent = []
        for reading in case.readings:
            at = reading.observed_at
            found = await self._store.readings(*reading.series, at, at + 1, limit=1)
            there = found[0].value if found else taken.get(reading.key)
            if there is None:
                absent.append(reading)
                taken[reading.key] = reading.value
                continue
            case.there += 1
            if there != reading.value:
                case.other_value = there
        case.readings = absent

    async def _write(self, cases: Sequence[_Case]) -> None:
        batch = Batch()
        for case in cases:
            batch.add(case.packet, case.row.gateway, case.columns())
        batch.arrange(np.argsort(batch.rows().observed_ms, kind="stable"))
        batch.columns.late_s = [checks.late_s(0, delay) for delay in batch.delays().tolist()]
        self._intake.admit(batch)
        while self._intake.judge(batch, self._clock()):
            await asyncio.sleep(0)  # others want to work too
        outcome = await self._store.write(batch.columns)
        refused = {rejected.index: rejected.reason for rejected in outcome.rejected}
        shown = []
        for row, flags in enumerate(batch.columns.flags):
            case = cases[batch.origin[row]]
            if row in refused:
                case.refusal = f"{Reason.STORE_REFUSED}: {refused[row]}"
            else:
                case.stored += 1
                reading = msgspec.structs.replace(batch.reading(row), flags=flags or 0)
                shown.append((batch.columns.site[row], reading))
        for anomaly in batch.anomalies:
            self._book.put_anomaly(anomaly)
        self._on_stored(shown)
        self._tell(batch.anomalies)
