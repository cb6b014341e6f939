"""What the judge must know of the inventory, read from the book once and kept until a birth changes it."""

from collections.abc import Iterable, Set
from typing import NamedTuple

from ingest.telling import Known
from storage.amendments import Amendments, Pages
from storage.book import Book
from storage.inventory import Inventory, SensorRow
from telemetry.inventory import Sensor, Site
from telemetry.messages import Birth, State


class Newcomer(NamedTuple):
    """A series that no birth lists, from a reading that arrived at `now_ms`."""

    sensor: str
    gateway: str
    site: str
    quantity: str
    now_ms: int


class Registry:
    """A cache over the book, filled at the first question; every method may raise BookUnavailableError."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._owners: dict[str, str] | None = None
        self._sensors: dict[str, Known] = {}
        self._quantities: set[tuple[str, str]] = set()
        self._births: dict[str, tuple[Site, tuple[Sensor, ...]]] = {}
        self._gateways: dict[str, str] = {}
        self._online: dict[str, bool] | None = None
        self._pages = Pages(book)
        self._amendments: Amendments | None = None

    def sensors(self) -> dict[str, Known]:
        """Every sensor that is listed or adopted now."""
        self._load()
        return self._sensors

    def gateways(self) -> dict[str, str]:
        """Every gateway heard of, with its site ("" until it is known)."""
        self._load()
        return self._gateways

    def known(self, sensor: str, site: str, gateway: str) -> Known:
        """The sensor; one that is not listed any more is judged by its id, without a period."""
        self._load()
        return self._sensors.get(sensor) or Known(sensor, site, gateway, 0.0)

    def owner(self, sensor: str, gateway: str, observed_at: int) -> str | None:
        """`gateway` when it owns the sensor now or did at `observed_at`; else the owner, None when there is none."""
        owners = self._load()
        now = owners.get(sensor)
        if now is None or now == gateway:
            return now
        return gateway if self._book.owner(sensor, observed_at) == gateway else now

    def foreign(self, senders: Set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the (sensor, gateway) pairs whose sensor belongs to another gateway now."""
        owners = self._load()
        return {(sensor, gateway) for sensor, gateway in senders if owners.get(sensor, gateway) != gateway}

    def unknown(self, sensors: Set[str]) -> Set[str]:
        """Those that nobody owns."""
        return sensors - self._load().keys()

    def unlisted(self, series: Set[tuple[str, str]]) -> Set[tuple[str, str]]:
        """Those of the (sensor, quantity) pairs that are to be admitted."""
        self._load()
        return series - self._quantities

    def admit(self, found: Iterable[Newcomer]) -> None:
        """Register what no birth has listed, in one transaction: sensors, or new quantities of them."""
        owners = self._load()
        claimed: dict[str, str] = {}
        new: dict[tuple[str, str], Newcomer] = {}
        for one in found:
            owner = owners.get(one.sensor) or claimed.setdefault(one.sensor, one.gateway)
            if owner == one.gateway and (one.sensor, one.quantity) not in self._quantities:
                new.setdefault((one.sensor, one.quantity), one)
        if not new:
            return
        with self._book.writing() as database:
            inventory = Inventory(database)
            for one in new.values():
                inventory.adopt(*one)
        for key, one in new.items():
            owners.setdefault(one.sensor, one.gateway)
            self._sensors.setdefault(one.sensor, Known(one.sensor, one.site, one.gateway, 0.0))
            self._gateways.setdefault(one.gateway, one.site)
            self._quantities.add(key)

    def register(self, birth: Birth, now_ms: int) -> list[str]:
        """Take over a birth; the sensors refused because another gateway owns them."""
        refused = self._book.register(birth, now_ms)
        content = (birth.site, birth.sensors)
        if refused or self._births.get(birth.gateway) != content:
            self._births[birth.gateway] = content
            self._owners = None
        return refused

    def corrected(self, now_ms: int) -> dict[tuple[str, str], int]:
        """The number of the newest linear correction in force of each series that has one."""
        self._amendments = self._pages.amendments(self._amendments)
        found: dict[tuple[str, str], int] = {}
        for series, corrections in self._amendments.corrections.items():
            numbers = [one.id for one in corrections if one.correction.linear and one.holds(now_ms)]
            if numbers:
                found[series] = max(numbers)
        return found

    def forget(self) -> None:
        """The book has changed under us: read it again."""
        self._owners = None
        self._births = {}

    def record_state(self, state: State, now_ms: int) -> bool:
        """Keep a heartbeat or will; False when a newer session is known."""
        taken = self._book.record_state(state, now_ms)
        if taken:
            self._states()[state.gateway] = state.online
        self._gateways.setdefault(state.gateway, "")
        return taken

    def someone_is_online(self) -> bool:
        """Whether a gateway said so last, to this process or to one before it."""
        return any(self._states().values())

    def _states(self) -> dict[str, bool]:
        if self._online is None:
            self._online = {
                row.id: row.state.online for row in self._book.gateways() if row.state is not None
            }
        return self._online

    def _load(self) -> dict[str, str]:
        if self._owners is None:
            owners = self._book.owners()
            rows = self._book.sensors()
            self._gateways = {row.id: row.site for row in self._book.gateways()}
            places = {site.id: site.name for site in self._book.sites()}
            self._sensors = {row.id: _known(row, places.get(row.site, "")) for row in rows}
            self._quantities = {(row.id, quantity) for row in rows for quantity in row.quantities}
            self._owners = owners
        return self._owners


def _known(row: SensorRow, place: str) -> Known:
    return Known(row.name or row.id, row.site, row.gateway, row.period_s, place)
