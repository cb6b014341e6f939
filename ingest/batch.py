"""What one commit settles: rows as columns, and where each row came from. Pure."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest import checks
from storage.store import Columns
from telemetry.anomaly import Anomaly
from telemetry.manifest import Manifest
from telemetry.packs import PackColumns
from telemetry.quarantine import Quarantined
from telemetry.reading import Reading
from telemetry.topics import PackName

Cell = TypeVar("Cell")


class Packet(NamedTuple):
    """A message of the up branch; `arrived_ms` is the hub's clock when the broker handed it over."""

    topic: str
    payload: bytes
    arrived_ms: int


class Source(NamedTuple):
    """A pack that is being settled."""

    packet: Packet
    gateway: str


@dataclass(slots=True)
class Batch:
    """Row i of `columns` came in `sources[origin[i]]` with `given[i]` as its flags; `columns.flags` are the judge's, and
    grow while it works through the rows."""

    columns: Columns = field(default_factory=Columns)
    given: list[int] = field(default_factory=list)
    origin: list[int] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    packs: list[PackName] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    manifests: list[tuple[str, Manifest]] = field(default_factory=list)  # with the gateway
    foreign: set[tuple[str, str]] = field(
        default_factory=set
    )  # (sensor, who sent of it just now and is not its owner)
    decoded: int = 0
    repeated: int = 0
    refused: int = 0  # readings among `quarantined`

    def __len__(self) -> int:
        return len(self.columns)

    def add(self, packet: Packet, gateway: str, pack: PackColumns) -> None:
        """The readings and manifests of one more pack."""
        self.manifests += [(gateway, manifest) for manifest in pack.manifests]
        columns, number = self.columns, len(pack)
        self.origin += [len(self.sources)] * number
        self.sources.append(Source(packet, gateway))
        columns.sensor += pack.sensor
        columns.site += [pack.site] * number
        columns.quantity += pack.quantity
        columns.observed_at += pack.observed_at
        columns.value += pack.value
        self.given += pack.flags

    def observed(self) -> NDArray[np.int64]:
        """observed_at of each row, ms."""
        return np.array(self.columns.observed_at, np.int64)

    def arrived(self) -> NDArray[np.int64]:
        """When each row's packet arrived, ms."""
        arrived = np.array([source.packet.arrived_ms for source in self.sources], np.int64)
        return arrived[np.array(self.origin, np.intp)]

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

    def heard(self, live: NDArray[np.bool_]) -> dict[str, int]:
        """When each sensor with a `live` row was heard last, ms."""
        sensors, origins = self.columns.sensor, self.origin
        if not live.all():
            rows = np.nonzero(live)[0].tolist()
            sensors, origins = _take(sensors, rows), _take(origins, rows)
        last = dict(zip(sensors, origins, strict=True))
        return {sensor: self.sources[origin].packet.arrived_ms for sensor, origin in last.items()}

    def newest(self, refused: Container[int] = ()) -> list[tuple[str, Reading]]:
        """(site, reading) of each series: its newest row that is not `refused`, judged."""
        columns = self.columns
        series = zip(columns.sensor, columns.quantity, strict=True)
        if refused:
            last = {key: row for row, key in enumerate(series) if row not in refused}
        else:
            last = dict(zip(series, range(len(columns)), strict=True))
        return [
            (
                columns.site[row],
                Reading(*key, columns.observed_at[row], columns.value[row], columns.flags[row] or 0),
            )
            for key, row in sorted(last.items(), key=itemgetter(1))
        ]

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
        columns, rows = self.columns, order.tolist()
        self.columns = Columns(
            _take(columns.sensor, rows),
            _take(columns.site, rows),
            _take(columns.quantity, rows),
            _take(columns.observed_at, rows),
            _take(columns.value, rows),
        )
        self.given = _take(self.given, rows)
        self.origin = _take(self.origin, rows)


def _take(cells: Sequence[Cell], rows: Sequence[int]) -> list[Cell]:
    return [cells[row] for row in rows]
