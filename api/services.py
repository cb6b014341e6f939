"""What the API stands on; the hub puts it together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from fastapi import Request
from starlette.requests import HTTPConnection

from api.caches import Caches
from api.gate import OPEN, Access
from api.identity import ANYBODY, Principal
from api.pages import NO_TILES, Tiles
from api.problems import ProblemError
from runtime.feed import Feed, Latest
from storage.book import Book
from storage.catalogue import Listing
from storage.inventory import SensorRow
from storage.store import Store
from storage.view import View
from telemetry.anomaly import HUB
from telemetry.inventory import Site
from telemetry.names import did_you_mean
from telemetry.quantities import QUANTITIES
from telemetry.usual import UsualHour


def nothing_usual(sensor: str, quantity: str, start_ms: int, end_ms: int) -> Sequence[UsualHour]:
    """Where no detectors are."""
    return ()


LISTENERS_MAX = 4000  # of the live feed, all together


@dataclass(frozen=True, slots=True)
class Services:
    """`account` gives the counters of ingest, `ready` what must be true to be of use, `clock` wall time in ms; `reasons` why
    what is not ready is not, `usual` what is usual for (sensor, quantity) in the hours of [start, end)."""

    store: Store
    book: Book
    feed: Feed
    account: Callable[[], Mapping[str, int | float]]
    ready: Callable[[], Mapping[str, bool]]
    version: str
    started_ms: int
    clock: Callable[[], int]
    reasons: Callable[[], Mapping[str, str]] = dict
    usual: Callable[[str, str, int, int], Sequence[UsualHour]] = nothing_usual
    access: Access = OPEN
    caches: Caches = field(default_factory=Caches)
    tiles: Tiles = NO_TILES
    listeners_max: int = LISTENERS_MAX
    allowed: frozenset[str] | None = None  # the sites whoever asks may see; None: all

    def may_see(self, site: str) -> bool:
        """Whether whoever asks may see what stands there."""
        return self.allowed is None or site in self.allowed

    def reads(self, raw: bool) -> Store:
        """The store as it is to be read, or what it holds as the sensors said it."""
        return self.store.raw if raw and isinstance(self.store, View) else self.store

    def sensors(self) -> Sequence[SensorRow]:
        """Every sensor, by id."""
        rows = self._listing().sensors.values()
        return list(rows) if self.allowed is None else [row for row in rows if self.may_see(row.site)]

    def sites(self) -> Sequence[Site]:
        """Every site, by id."""
        return [site for site in self._listing().sites.values() if self.may_see(site.id)]

    def latest(self) -> Iterable[Latest]:
        """The newest reading of every series, in no order."""
        return (found for found in self.feed.latest.values() if self.may_see(found.site))

    def find_sensor(self, sensor_id: str) -> SensorRow | None:
        """The sensor, when a gateway lists it and it may be seen."""
        row = self._listing().sensors.get(sensor_id)
        return row if row is not None and self.may_see(row.site) else None

    def sensor(self, sensor_id: str) -> SensorRow:
        """The sensor, or what it was when it was retired; a 404 with the nearest known id."""
        row = self._known(sensor_id)
        if row is None:
            raise unknown("sensor", sensor_id, (one.id for one in self.sensors()))
        return row

    def check(
        self,
        *,
        sensor: str | None = None,
        subject: str | None = None,
        site: str | None = None,
        gateway: str | None = None,
        protocol: str | None = None,
    ) -> None:
        """A 404 with the nearest known name for the first that nobody has or had; None is not asked for.

        A `subject` is what an anomaly can be of: a sensor, a gateway, or the hub.
        """
        if sensor is not None:
            self.sensor(sensor)
        if subject is not None:
            self._check_subject(subject)
        if site is not None:
            self._check_site(site)
        if gateway is not None and gateway not in (gateways := self._gateways()):
            raise unknown("gateway", gateway, gateways)
        if protocol is not None and protocol not in (protocols := {row.protocol for row in self._ever()}):
            raise unknown("sensor with protocol", protocol, protocols)

    def _check_site(self, site: str) -> None:
        known = site in self._listing().sites or any(row.site == site for row in self._ever())
        if not known or not self.may_see(site):
            raise unknown("site", site, (one.id for one in self.sites()))

    def _check_subject(self, name: str) -> None:
        if name == HUB or self._known(name) is not None:
            return
        known = self._gateways()
        if name not in known:
            raise unknown("sensor or gateway", name, [*(one.id for one in self.sensors()), *known])

    def _ever(self) -> Iterator[SensorRow]:
        """Every sensor that there is or was."""
        listing = self._listing()
        rows = chain(listing.sensors.values(), listing.retired.values())
        return (row for row in rows if self.may_see(row.site))

    def _known(self, sensor_id: str) -> SensorRow | None:
        row = self.find_sensor(sensor_id) or self._listing().retired.get(sensor_id)
        return row if row is not None and self.may_see(row.site) else None

    def _gateways(self) -> list[str]:
        return [row.id for row in self.book.gateways() if self.may_see(row.site)]

    def _listing(self) -> Listing:
        return self.caches.catalogue(self.book).listing()


async def services(request: Request) -> Services:
    """The dependency of a route that speaks of the whole city: a key that is limited to some sites is refused."""
    found = await view(request)
    if found.allowed is not None:
        sites = ", ".join(sorted(found.allowed))
        raise ProblemError(403, f"this key is limited to {sites}; this answer is about the whole city")
    return found


async def view(request: HTTPConnection) -> Services:
    """The dependency of a route that leaves out what the key may not see."""
    found: Services = request.app.state.services
    principal: Principal = request.scope.get("principal", ANYBODY)
    return found if principal.sites is None else replace(found, allowed=principal.sites)


def unknown(what: str, name: str, known: Iterable[str]) -> ProblemError:
    """The 404 for a name that is none of those."""
    return ProblemError(404, f"no {what} {name!r}, {did_you_mean(name, known)}")


def known_quantity(name: str) -> str:
    """A quantity of the catalogue; else a 400 with the nearest known name."""
    if name not in QUANTITIES:
        raise ProblemError(400, f"unknown quantity {name!r}, {did_you_mean(name, QUANTITIES)}")
    return name
