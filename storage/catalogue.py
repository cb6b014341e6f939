"""The inventory as the API asks for it, many times between two changes: read from the book only when it has changed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from storage.book import Book
from storage.inventory import SensorRow
from telemetry.inventory import Site


class Listing(NamedTuple):
    """What stands in the street, by id; `retired` are the sensors that no gateway lists any more."""

    sensors: Mapping[str, SensorRow]
    retired: Mapping[str, SensorRow]
    sites: Mapping[str, Site]
    quantities: Mapping[str, Sequence[str]]  # site to what is measured there


class Catalogue:
    """May raise BookUnavailableError. The book counts every change of its inventory, whoever makes it."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._version = -1
        self._listing = Listing({}, {}, {}, {})

    def listing(self) -> Listing:
        """The newest inventory."""
        version = self._read_version()
        if version != self._version:
            sensors = {row.id: row for row in self._book.sensors()}
            retired = {row.id: row for row in self._book.sensors(retired=True)}
            sites = {site.id: site for site in self._book.sites()}
            measured: dict[str, dict[str, None]] = {}
            for row in sensors.values():
                measured.setdefault(row.site, {}).update(dict.fromkeys(row.quantities))
            quantities = {site: tuple(names) for site, names in measured.items()}
            self._listing, self._version = Listing(sensors, retired, sites, quantities), version
        return self._listing

    def _read_version(self) -> int:
        with self._book.reading() as database:
            row = database.execute("SELECT value FROM counters WHERE name = 'inventory'").fetchone()
        return int(row[0]) if row else 0
