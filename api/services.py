"""What the API stands on; the hub puts it together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request

from api.problems import ProblemError, did_you_mean
from runtime.feed import Feed
from storage.book import Book
from storage.inventory import SensorRow
from storage.store import Store
from telemetry.quantities import QUANTITIES


@dataclass(frozen=True, slots=True)
class Services:
    """`account` gives the counters of ingest, `ready` what must be true to be of use, `clock` wall time in ms; `reasons` why
    what is not ready is not."""

    store: Store
    book: Book
    feed: Feed
    account: Callable[[], Mapping[str, int | float]]
    ready: Callable[[], Mapping[str, bool]]
    version: str
    started_ms: int
    clock: Callable[[], int]
    reasons: Callable[[], Mapping[str, str]] = dict

    def sensors(self) -> Sequence[SensorRow]:
        """Every sensor, by id."""
        return self.book.sensors()

    def sensor(self, sensor_id: str) -> SensorRow:
        """The sensor; a 404 with the nearest known id."""
        known = {row.id: row for row in self.sensors()}
        if sensor_id not in known:
            raise ProblemError(404, f"no sensor {sensor_id!r}, {did_you_mean(sensor_id, known)}")
        return known[sensor_id]


def services(request: Request) -> Services:
    """The dependency every route has."""
    found: Services = request.app.state.services
    return found


def known_quantity(name: str) -> str:
    """A quantity of the catalogue; else a 400 with the nearest known name."""
    if name not in QUANTITIES:
        raise ProblemError(400, f"unknown quantity {name!r}, {did_you_mean(name, QUANTITIES)}")
    return name
