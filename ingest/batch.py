"""What one commit settles: rows as columns, and where each row came from. Pure."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest import checks
from ingest.arrivals import Heard
from ingest.rows import Rows
from storage.store import Columns
from telemetry.anomaly import Anomaly
from telemetry.manifest import Manifest
from telemetry.packcolumns import PackColumns
from telemetry.quarantine import Quarantined
from telemetry.reading import Reading
from telemetry.topics import PackName


class Packet(NamedTuple):
    """A message of the up branch; `arrived_ms` is the hub's clock when the broker handed it over."""

    topic: str
    payload: bytes
    arrived_ms: int


class Source(NamedTuple):
    """A pack that is being settled."""

    packet: Packet
    gateway: str
    site: str


@dataclass(slots=True)
class Batch:
    """Row i of `columns` came in `sources[origin[i]]` with `given[i]` as its flags, and is of the series with number `of[i]`;
    `columns.flags` are the judge's, and grow while it works through the rows."""

    columns: Columns = field(default_factory=Columns)
    series: dict[tuple[str, str], int] = field(default_factory=dict)  # (sensor, quantity) → number
    sites: list[str] = field(default_factory=list)  # of each series: where its first row was sent from
    of: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    origin: list[int] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    senders: set[tuple[str, str]] = field(default_factory=set)  # (sensor, gateway)
    packs: list[PackName] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    manifests: list[tuple[str, Manifest]] = field(default_factory=list)  # with the gateway
    # (sensor, who sent of it just now and is not its owner)
    foreign: set[tuple[str, str]] = field(default_factory=set)
    decoded: int = 0
    repeated: int = 0
    refused: int = 0  # readings among `quarantined`
    # Sensors refused for their time, and when they were heard.
    misdated: dict[str, int] = field(default_factory=dict)
    _rows: Rows | None = None
    _last_pack: dict[str, tuple[PackColumns | None, list[int]]] = field(default_factory=dict)
    _named: set[PackName] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.columns)

    def name(self, pack: PackName) -> bool:
        """Take a pack's name for its acknowledgement; False when it is there already."""
        if pack in self._named:
            return False
        self._named.add(pack)
        self.packs.append(pack)
        return True

    def add(self, packet: Packet, gateway: str, pack: PackColumns) -> None:
        """The readings and manifests of one more pack."""
        self.manifests += [(gateway, manifest) for manifest in pack.manifests]
        columns, number, series = self.columns, len(pack), self.series
        self.origin += [len(self.sources)] * number
        self.sources.append(Source(packet, gateway, pack.site))
        self.of += self._numbers(gateway, pack)
        self.sites += [pack.site] * (len(series) - len(self.sites))
        columns.sensor += pack.sensor
        columns.site += [pack.site] * number
        columns.quantity += pack.quantity
        columns.observed_at += pack.observed_at
        columns.value += pack.value
        self.given += pack.flags
        self._rows = None

    def _numbers(self, gateway: str, pack: PackColumns) -> list[int]:
        """Of the series of each reading; a gateway's packs are mostly of the same ones in the same order."""
        before, numbers = self._last_pack.get(gateway, (None, []))
        if before is None or (before.sensor, before.quantity) != (pack.sensor, pack.quantity):
            series = self.series
            self.senders.update((sensor, gateway) for sensor in set(pack.sensor))
            keys = zip(pack.sensor, pack.quantity, strict=True)
            numbers = [series.setdefault(key, len(series)) for key in keys]
            self._last_pack[gateway] = pack, numbers
        return numbers

    def rows(self) -> Rows:
        """The same as arrays, made once."""
        if self._rows is None:
            arrived = np.array([source.packet.arrived_ms for source in self.sources], np.int64)
            self._rows = Rows(
                list(self.series),
                np.array(self.of, np.int64),
                np.array(self.columns.observed_at, np.int64),
                np.array(self.columns.value, np.float64),
                np.array(self.given, np.int64),
                arrived[np.array(self.origin, np.intp)],
            )
        return self._rows

    def delays(self) -> NDArray[np.int64]:
        """From observation to arrival of each row, ms."""
        rows = self.rows()
        return rows.arrived_ms - rows.observed_ms

    def gateway(self, row: int) -> str:
        """Who sent the row."""
        return self.sources[self.origin[row]].gateway

    def reading(self, row: int) -> Reading:
        """The row as it was sent."""
        columns = self.columns
        return Reading(
            columns.sensor[row],
            columns.quantity[row],
            columns.observed_at[row],
            columns.value[row],
            self.given[row],
        )

    def arrivals(self) -> Heard:
        """Which sensors' readings these are, whatever they measure."""
        sensors: dict[str, int] = {}
        numbers = [sensors.setdefault(sensor, len(sensors)) for sensor, _ in self.series]
        rows = self.rows()
        return Heard(list(sensors), np.array(numbers, np.int64)[rows.of], rows.observed_ms, rows.arrived_ms)

    def newest(self, refused: Container[int] = ()) -> list[tuple[str, Reading]]:
        """(site, reading) of each series: its newest row that is not `refused`, judged."""
        which = np.ones(len(self), bool)
        if refused:
            which[[row for row in range(len(self)) if row in refused]] = False
        columns = self.columns
        return [
            (
                columns.site[row],
                Reading(
                    columns.sensor[row],
                    columns.quantity[row],
                    columns.observed_at[row],
                    columns.value[row],
                    columns.flags[row] or 0,
                ),
            )
            for row in self._last(which)
        ]

    def _last(self, which: NDArray[np.bool_]) -> list[int]:
        """The last row of each series among `which`, in their order."""
        last = np.full(len(self.series), -1, np.int64)
        (rows,) = np.nonzero(which)
        last[self.rows().of[rows]] = rows  # of several the last is kept
        found: list[int] = np.sort(last[last >= 0]).tolist()
        return found

    def set_aside(self, row: int, fault: checks.Fault) -> Quarantined:
        """The row as a quarantine entry."""
        source = self.sources[self.origin[row]]
        return checks.set_aside(
            fault,
            self.reading(row),
            site=self.columns.site[row],
            topic=source.packet.topic,
            gateway=source.gateway,
        )

    def arrange(self, order: NDArray[np.intp]) -> None:
        """Keep these rows in this order; before any is judged."""
        if len(order) == len(self) and (np.diff(order) == 1).all():
            return
        rows = self._rows = self.rows().take(order)
        origin = np.array(self.origin, np.intp)[order]
        self.of, self.given, self.origin = rows.of.tolist(), rows.given.tolist(), origin.tolist()
        sensors, quantities = zip(*rows.series, strict=True)
        sites = [source.site for source in self.sources]
        self.columns = Columns(
            list(map(sensors.__getitem__, self.of)),
            list(map(sites.__getitem__, self.origin)),
            list(map(quantities.__getitem__, self.of)),
            rows.observed_ms.tolist(),
            rows.value.tolist(),
        )
